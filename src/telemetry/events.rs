//! Kubernetes Events on Canaries, as Flagger makes them: reason `Synced`, component `flagger`.
//!
//! Recording never waits: an occurrence goes into a bounded queue, and a writer of its own talks to the API
//! server. A text that is repeated raises the count of the Event that is there, and an object that says ever new texts has
//! a budget of Events.

use super::exposition::Metrics;
use super::secrets::without_paths;
use crate::foreign::{SAID, cut};
use crate::messages::Severity;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use tokio::sync::mpsc;

mod aggregate;
mod budget;
mod namespace_queues;
mod writer;

pub use writer::Writer;

/// Reason of every Event.
pub const REASON: &str = "Synced";
/// Component that every Event comes from; ours is a drop-in, and scripts filter by it.
pub const COMPONENT: &str = "flagger";
/// Most occurrences that wait to be taken in by the writer, which has room for as many. A run makes a few dozen.
const CAPACITY: usize = 2048;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// What it happened to.
    pub object: ObjectReference,
    /// How grave it is; `Error` is of type Warning for Kubernetes.
    pub severity: Severity,
    /// The text, of at most 1024 bytes.
    pub message: String,
}

impl Occurrence {
    /// `Normal` or `Warning`.
    pub fn event_type(&self) -> &'static str {
        match self.severity {
            Severity::Normal => "Normal",
            Severity::Warning | Severity::Error => "Warning",
        }
    }
}

/// Where occurrences go. Clones write to the same queue.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Occurrence>,
    metrics: Metrics,
}

/// What a [`Writer`] reads.
pub type Queue = mpsc::Receiver<Occurrence>;

impl Recorder {
    /// A recorder and the queue it writes to.
    pub fn new(metrics: Metrics) -> (Self, Queue) {
        let (queue, receiver) = mpsc::channel(CAPACITY);
        (Self { queue, metrics }, receiver)
    }

    /// Logs and records that something happened to `object`. Never waits; when too many occurrences wait, this
    /// one is only logged, and counted.
    pub fn record<K>(&self, object: &K, severity: Severity, message: impl AsRef<str>)
    where
        K: Resource<DynamicType = ()>,
    {
        let occurrence = Occurrence {
            object: object.object_ref(&()),
            severity,
            message: cut(&without_paths(message.as_ref()), SAID),
        };
        log(&occurrence);
        if self.queue.try_send(occurrence).is_err() {
            self.metrics.event_dropped();
        }
    }
}

/// As Flagger: Normal and Warning are both `info`.
fn log(occurrence: &Occurrence) {
    let name = occurrence.object.name.as_deref().unwrap_or_default();
    let canary = format!("{name}.{}", occurrence.object.namespace.as_deref().unwrap_or_default());
    match occurrence.severity {
        Severity::Normal | Severity::Warning => tracing::info!(canary, "{}", occurrence.message),
        Severity::Error => tracing::error!(canary, "{}", occurrence.message),
    }
}
