//! Coalmine: progressive delivery for Kubernetes at admission time.

pub mod admission;
pub mod cli;
mod connections;
pub mod controller;
pub mod orders;
pub mod outbound;
pub mod patches;
pub mod requests;
pub mod shutdown;
pub mod telemetry;
pub mod watched;

pub use coalmine_api::{self as api, foreign};
pub use coalmine_core::{analysis, messages, object, plan, routing};

#[cfg(test)]
mod testing;
