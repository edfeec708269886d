//! The door: what happens to a change before it is stored.

pub mod validation;
