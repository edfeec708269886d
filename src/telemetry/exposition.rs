//! Prometheus metrics: Flagger's by their names and ours with the prefix `coalmine_`.

use families::{Analysis, Families, Name, Namespace, RunEnd, Workload};
use parking_lot::RwLock;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::Duration;

mod families;

/// Content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Which numbers `flagger_canary_status` uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum StatusEncoding {
    /// What Flagger 1.44 does and documents: 0 running, 1 succeeded, 2 failed; its alert on failures is `> 1`.
    #[default]
    Flagger,
    /// In the order of what there is to celebrate: 0 failed, 1 succeeded, 2 running.
    Coalmine,
}

/// How a Canary is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// A run is in progress.
    Running,
    /// The last run ended well, or there was none yet.
    Succeeded,
    /// The last run ended badly.
    Failed,
}

/// What is released how, for the label `deployment_strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// By weights.
    Canary,
    /// At once, after iterations.
    BlueGreen,
    /// By matches.
    AbTesting,
}

/// All metrics of the process. Clones count in the same place.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<RwLock<Registry>>,
    families: Families,
    encoding: StatusEncoding,
}

impl Metrics {
    /// Everything at zero; `flagger_info` says `version` and `mesh_provider`.
    pub fn new(version: &str, mesh_provider: &str, encoding: StatusEncoding) -> Self {
        let mut registry = Registry::default();
        let families = Families::registered(&mut registry);
        families.info(version, mesh_provider);
        Self {
            registry: Arc::new(RwLock::new(registry)),
            families,
            encoding,
        }
    }

    /// Lets other parts add metrics of their own.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.write());
    }

    /// Canaries of a namespace; 0 takes the series away.
    pub fn canaries(&self, namespace: &str, count: usize) {
        let labels = Namespace {
            namespace: namespace.to_owned(),
        };
        if count == 0 {
            self.families.total.remove(&labels);
            self.families.bypassed.remove(&labels);
            return;
        }
        self.families
            .total
            .get_or_create(&labels)
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// How the Canary with this target is doing.
    pub fn status(&self, target: &str, namespace: &str, state: RunState) {
        let number = match (self.encoding, state) {
            (_, RunState::Succeeded) => 1,
            (StatusEncoding::Coalmine, RunState::Failed) | (StatusEncoding::Flagger, RunState::Running) => 0,
            (StatusEncoding::Coalmine, RunState::Running) | (StatusEncoding::Flagger, RunState::Failed) => 2,
        };
        self.families
            .status
            .get_or_create(&Name::new(target, namespace))
            .set(number);
    }

    /// Shares of the traffic in percent.
    pub fn weights(&self, target: &str, namespace: &str, primary: i32, canary: i32) {
        let set = |workload: String, weight: i32| {
            let labels = Workload {
                workload,
                namespace: namespace.to_owned(),
            };
            self.families.weight.get_or_create(&labels).set(i64::from(weight));
        };
        set(format!("{target}-primary"), primary);
        set(target.to_owned(), canary);
    }

    /// Wall time of one check.
    pub fn check_took(&self, target: &str, namespace: &str, time: Duration) {
        self.families
            .duration
            .get_or_create(&Name::new(target, namespace))
            .observe(time.as_secs_f64());
    }

    /// The last value of a metric; durations in seconds, see `metrics::Measurement::value`.
    pub fn measured(&self, target: &str, namespace: &str, metric: &str, value: f64) {
        let labels = Analysis::new(target, namespace, metric);
        self.families.analysis.get_or_create(&labels).set(value);
    }

    /// A run ended well; `skipped` when there was no analysis.
    pub fn succeeded(&self, target: &str, namespace: &str, strategy: Strategy, skipped: bool) {
        let status = if skipped { "skipped" } else { "completed" };
        self.families
            .successes
            .get_or_create(&RunEnd::new(target, namespace, strategy, status))
            .inc();
    }

    /// A run ended badly.
    pub fn failed(&self, target: &str, namespace: &str, strategy: Strategy) {
        self.families
            .failures
            .get_or_create(&RunEnd::new(target, namespace, strategy, "completed"))
            .inc();
    }

    /// Takes the series of a deleted Canary away, counters too: names come and go for as long as the process lives.
    /// `metrics` are the names of those it measured.
    pub fn forget(&self, target: &str, namespace: &str, metrics: &[&str]) {
        let name = Name::new(target, namespace);
        self.families.status.remove(&name);
        self.families.duration.remove(&name);
        for strategy in [Strategy::Canary, Strategy::BlueGreen, Strategy::AbTesting] {
            for status in ["completed", "skipped"] {
                let outcome = RunEnd::new(target, namespace, strategy, status);
                self.families.successes.remove(&outcome);
                self.families.failures.remove(&outcome);
            }
        }
        for workload in [format!("{target}-primary"), target.to_owned()] {
            self.families.weight.remove(&Workload {
                workload,
                namespace: namespace.to_owned(),
            });
        }
        self.forget_metrics(target, namespace, metrics);
    }

    /// Takes the gauges of single metrics away.
    pub fn forget_metrics(&self, target: &str, namespace: &str, metrics: &[&str]) {
        for metric in metrics {
            self.families.analysis.remove(&Analysis::new(target, namespace, metric));
        }
    }

    /// A change was stored without passing the admission webhook, and was found.
    pub fn bypassed_change(&self, namespace: &str) {
        let labels = Namespace {
            namespace: namespace.to_owned(),
        };
        self.families.bypassed.get_or_create(&labels).inc();
    }

    /// An Event that was not written, because too many waited or the API server would not have it.
    pub fn event_dropped(&self) {
        self.families.events_dropped.inc();
    }

    /// An alert that nobody heard, or not everybody who was to hear it.
    pub fn alert_dropped(&self) {
        self.families.alerts_dropped.inc();
    }

    /// A task ended in an internal error.
    pub fn panicked(&self) {
        self.families.panics.inc();
    }

    /// Whether this process leads.
    pub fn leading(&self, leading: bool) {
        self.families.leader.set(i64::from(leading));
    }

    /// The exposition, in OpenMetrics text ([`CONTENT_TYPE`]).
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry.read());
        text
    }
}

#[cfg(test)]
mod tests;
