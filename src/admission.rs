//! The door: what happens to a change before it is stored.

pub mod certificates;
pub mod deployments;
pub mod fields;
pub mod patch;
pub mod review;
pub mod server;
pub mod validation;
mod watching;
