//! Coalmine: progressive delivery for Kubernetes at admission time.

pub mod analysis;
pub mod plan;
pub mod routing;
