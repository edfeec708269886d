//! Prometheus metrics: Flagger's by their names and ours with the prefix `coalmine_`.

use families::{
    AnalysisLabels, CauseLabels, Families, KindLabels, NameLabels, NamespaceLabels, RunEndLabels, WorkloadLabels,
};
use parking_lot::RwLock;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
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
pub enum DeploymentStrategy {
    /// Shares of the traffic, by weights.
    Canary,
    /// At once, after iterations.
    BlueGreen,
    /// Requests that match go to the canary.
    AbTesting,
}

/// What the controller has before it, as it is when somebody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Canaries that wait for a step that is due.
    pub steps: usize,
    /// How long the one that has waited longest has.
    pub longest: Duration,
    /// Namespaces of which not every kind has been read yet.
    pub incomplete: usize,
}

type Look = Box<dyn Fn() -> Backlog + Send + Sync>;

/// Counts the watches that fail, by kind. Clones count in the same place.
#[derive(Clone, Debug, Default)]
pub struct WatchFailures(Family<KindLabels, Counter>);

impl WatchFailures {
    /// The watch of a kind failed and is tried again.
    pub fn count(&self, kind: &str) {
        let labels = KindLabels { kind: kind.to_owned() };
        self.0.get_or_create(&labels).inc();
    }
}

/// All metrics of the process. Clones count in the same place.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<RwLock<Registry>>,
    families: Families,
    encoding: StatusEncoding,
    backlog: Arc<RwLock<Option<Look>>>,
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
            backlog: Arc::default(),
        }
    }

    /// Lets the controller be asked what it has before it. It is asked when somebody reads the metrics, and costs nothing
    /// while nobody does.
    pub fn ask_for_backlog(&self, look: impl Fn() -> Backlog + Send + Sync + 'static) {
        *self.backlog.write() = Some(Box::new(look));
    }

    fn look(&self) {
        let backlog = self.backlog.read().as_ref().map(|look| look());
        let Some(backlog) = backlog else { return };
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.families.steps_waiting.set(count(backlog.steps));
        let longest = i64::try_from(backlog.longest.as_secs());
        self.families.step_oldest.set(longest.unwrap_or(i64::MAX));
        self.families.incomplete.set(count(backlog.incomplete));
    }

    /// Lets other parts add metrics of their own.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.write());
    }

    /// Canaries of a namespace; 0 takes the series away.
    pub fn canaries(&self, namespace: &str, count: usize) {
        let labels = NamespaceLabels {
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
            .get_or_create(&NameLabels::new(target, namespace))
            .set(number);
    }

    /// Shares of the traffic in percent.
    pub fn weights(&self, target: &str, namespace: &str, primary: i32, canary: i32) {
        let set = |workload: String, weight: i32| {
            let labels = WorkloadLabels {
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
            .get_or_create(&NameLabels::new(target, namespace))
            .observe(time.as_secs_f64());
    }

    /// The last value of a metric; durations in seconds, see `metrics::Measurement::value`.
    pub fn measured(&self, target: &str, namespace: &str, metric: &str, value: f64) {
        let labels = AnalysisLabels::new(target, namespace, metric);
        self.families.analysis.get_or_create(&labels).set(value);
    }

    /// A run ended well; `skipped` when there was no analysis.
    pub fn succeeded(&self, target: &str, namespace: &str, strategy: DeploymentStrategy, skipped: bool) {
        let status = if skipped { "skipped" } else { "completed" };
        self.families
            .successes
            .get_or_create(&RunEndLabels::new(target, namespace, strategy, status))
            .inc();
    }

    /// A run ended badly.
    pub fn failed(&self, target: &str, namespace: &str, strategy: DeploymentStrategy) {
        self.families
            .failures
            .get_or_create(&RunEndLabels::new(target, namespace, strategy, "completed"))
            .inc();
    }

    /// Takes the series of a deleted Canary away, counters too: names come and go for as long as the process lives.
    /// `metrics` are the names of those it measured.
    pub fn forget(&self, target: &str, namespace: &str, metrics: &[&str]) {
        let name = NameLabels::new(target, namespace);
        self.families.status.remove(&name);
        self.families.duration.remove(&name);
        for strategy in [
            DeploymentStrategy::Canary,
            DeploymentStrategy::BlueGreen,
            DeploymentStrategy::AbTesting,
        ] {
            for status in ["completed", "skipped"] {
                let labels = RunEndLabels::new(target, namespace, strategy, status);
                self.families.successes.remove(&labels);
                self.families.failures.remove(&labels);
            }
        }
        for workload in [format!("{target}-primary"), target.to_owned()] {
            self.families.weight.remove(&WorkloadLabels {
                workload,
                namespace: namespace.to_owned(),
            });
        }
        self.forget_metrics(target, namespace, metrics);
    }

    /// Takes the gauges of single metrics away.
    pub fn forget_metrics(&self, target: &str, namespace: &str, metrics: &[&str]) {
        for metric in metrics {
            let labels = AnalysisLabels::new(target, namespace, metric);
            self.families.analysis.remove(&labels);
        }
    }

    /// A change was stored without passing the admission webhook, and was found.
    pub fn bypassed_change(&self, namespace: &str) {
        let labels = NamespaceLabels {
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

    /// A step failed and is tried again.
    pub fn step_failed(&self, cause: &'static str) {
        self.families.step_failures.get_or_create(&CauseLabels { cause }).inc();
    }

    /// What counts the watches that fail.
    pub fn watch_failures(&self) -> WatchFailures {
        WatchFailures(self.families.watch_failures.clone())
    }

    /// Whether this process leads.
    pub fn leading(&self, leading: bool) {
        self.families.leader.set(i64::from(leading));
    }

    /// The exposition, in OpenMetrics text ([`CONTENT_TYPE`]).
    pub fn render(&self) -> String {
        self.look();
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry.read());
        text
    }
}

#[cfg(test)]
mod tests;
