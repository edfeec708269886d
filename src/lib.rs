//! Coalmine: progressive delivery for Kubernetes at admission time.

pub mod admission;
pub mod analysis;
pub mod api;
pub mod controller;
pub mod plan;
pub mod routing;
