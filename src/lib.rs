//! Coalmine: progressive delivery for Kubernetes at admission time.

pub mod admission;
pub mod alerts;
pub mod analysis;
pub mod api;
pub mod cli;
pub mod controller;
pub mod foreign;
pub mod hooks;
pub mod metrics;
pub mod orders;
pub mod outbound;
pub mod plan;
pub mod routing;
pub mod shutdown;
pub mod telemetry;

#[cfg(test)]
mod testing;
