//! What operators see: logs, Prometheus metrics and Kubernetes Events.

pub mod events;
pub mod exposition;
pub mod logs;
pub mod secrets;
pub mod server;

pub use events::Recorder;
pub use exposition::{Backlog, Metrics, RunState, StatusEncoding, WatchFailures};
pub use server::Readiness;

/// What every part of the process reports to. Clones report to the same place.
#[derive(Clone)]
pub struct Telemetry {
    /// The metrics that Prometheus reads of us.
    pub metrics: Metrics,
    /// Where Events are recorded.
    pub events: Recorder,
    /// What `/readyz` answers.
    pub readiness: Readiness,
}
