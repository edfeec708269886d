//! Coalmine: progressive delivery for Kubernetes at admission time.

pub mod admission;
pub mod api;
pub mod controller;
pub mod hooks;
pub mod metrics;
pub mod outbound;
pub mod shutdown;
pub mod telemetry;
