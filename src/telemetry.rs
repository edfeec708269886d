//! What operators see: logs, Prometheus metrics and Kubernetes Events.

pub mod messages;
