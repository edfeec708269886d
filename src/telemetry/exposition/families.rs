//! Names, helps and labels. The library appends `_total` to counters, so their names lack it here.

use super::DeploymentStrategy;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use std::sync::atomic::AtomicU64;

/// The buckets of Go's client library, in seconds.
const GO_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

// Name and help of a family.
type About = (&'static str, &'static str);

const INFO: About = ("flagger_info", "Version and mesh provider information");
const DURATION: About = (
    "flagger_canary_duration_seconds",
    "Seconds spent performing canary analysis",
);
const TOTAL: About = ("flagger_canary_total", "Total number of canaries");
const STATUS: About = ("flagger_canary_status", "Last canary analysis result");
const WEIGHT: About = ("flagger_canary_weight", "The traffic weight of a workload");
const ANALYSIS: About = (
    "flagger_canary_metric_analysis",
    "Last canary analysis result per metric",
);
const SUCCESSES: About = ("flagger_canary_successes", "Number of canary rollouts that succeeded");
const FAILURES: About = ("flagger_canary_failures", "Number of canary rollouts that failed");
const BYPASSED: About = (
    "coalmine_bypassed_changes",
    "Changes that were stored without passing admission and were found afterwards",
);
const EVENTS_DROPPED: About = ("coalmine_events_dropped", "Events that were not written");
const ALERTS_DROPPED: About = ("coalmine_alerts_dropped", "Alerts that an alert provider did not take");
const PANICS: About = (
    "coalmine_panics",
    "Tasks that ended in an internal error and were tried again",
);
const LEADER: About = ("coalmine_leader", "Whether this process leads");
const STEPS_WAITING: About = ("coalmine_steps_waiting", "Canaries that wait for a step that is due");
const STEP_OLDEST: About = (
    "coalmine_step_oldest_seconds",
    "How long the Canary that has waited longest for a step has waited",
);
const STEP_FAILURES: About = (
    "coalmine_step_failures",
    "Steps that failed and were tried again, by cause",
);
const WATCH_FAILURES: About = (
    "coalmine_watch_failures",
    "Watches that failed and were tried again, by the kind that is watched",
);
const INCOMPLETE: About = (
    "coalmine_namespaces_incomplete",
    "Namespaces of which not every kind has been read yet: nothing is done there",
);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct InfoLabels {
    pub version: String,
    pub mesh_provider: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct NamespaceLabels {
    pub namespace: String,
}

/// `name` is the target's, as in Flagger.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct NameLabels {
    pub name: String,
    pub namespace: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct WorkloadLabels {
    pub workload: String,
    pub namespace: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct AnalysisLabels {
    pub name: String,
    pub namespace: String,
    pub metric: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RunEndLabels {
    pub name: String,
    pub namespace: String,
    pub deployment_strategy: &'static str,
    pub analysis_status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CauseLabels {
    pub cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct KindLabels {
    pub kind: String,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Every family; cheap to clone.
#[derive(Clone)]
pub struct Families {
    pub info: Family<InfoLabels, Gauge>,
    pub duration: Histograms<NameLabels>,
    pub total: Family<NamespaceLabels, Gauge>,
    pub status: Family<NameLabels, Gauge>,
    pub weight: Family<WorkloadLabels, Gauge>,
    pub analysis: Family<AnalysisLabels, Gauge<f64, AtomicU64>>,
    pub successes: Family<RunEndLabels, Counter>,
    pub failures: Family<RunEndLabels, Counter>,
    pub bypassed: Family<NamespaceLabels, Counter>,
    pub events_dropped: Counter,
    pub alerts_dropped: Counter,
    pub panics: Counter,
    pub leader: Gauge,
    pub steps_waiting: Gauge,
    pub step_oldest: Gauge,
    pub step_failures: Family<CauseLabels, Counter>,
    pub watch_failures: Family<KindLabels, Counter>,
    pub incomplete: Gauge,
}

impl Families {
    pub fn registered(r: &mut Registry) -> Self {
        let duration: fn() -> Histogram = || Histogram::new(GO_BUCKETS);
        Self {
            info: add(r, INFO, Family::default()),
            duration: add(r, DURATION, Family::new_with_constructor(duration)),
            total: add(r, TOTAL, Family::default()),
            status: add(r, STATUS, Family::default()),
            weight: add(r, WEIGHT, Family::default()),
            analysis: add(r, ANALYSIS, Family::default()),
            successes: add(r, SUCCESSES, Family::default()),
            failures: add(r, FAILURES, Family::default()),
            bypassed: add(r, BYPASSED, Family::default()),
            events_dropped: add(r, EVENTS_DROPPED, Counter::default()),
            alerts_dropped: add(r, ALERTS_DROPPED, Counter::default()),
            panics: add(r, PANICS, Counter::default()),
            leader: add(r, LEADER, Gauge::default()),
            steps_waiting: add(r, STEPS_WAITING, Gauge::default()),
            step_oldest: add(r, STEP_OLDEST, Gauge::default()),
            step_failures: add(r, STEP_FAILURES, Family::default()),
            watch_failures: add(r, WATCH_FAILURES, Family::default()),
            incomplete: add(r, INCOMPLETE, Gauge::default()),
        }
    }

    pub fn info(&self, version: &str, mesh_provider: &str) {
        let labels = InfoLabels {
            version: version.to_owned(),
            mesh_provider: mesh_provider.to_owned(),
        };
        self.info.get_or_create(&labels).set(1);
    }
}

fn add<M: Metric + Clone>(registry: &mut Registry, (name, help): About, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl NameLabels {
    pub fn new(name: &str, namespace: &str) -> Self {
        Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        }
    }
}

impl AnalysisLabels {
    pub fn new(name: &str, namespace: &str, metric: &str) -> Self {
        Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            metric: metric.to_owned(),
        }
    }
}

impl RunEndLabels {
    pub fn new(name: &str, namespace: &str, strategy: DeploymentStrategy, status: &'static str) -> Self {
        let deployment_strategy = match strategy {
            DeploymentStrategy::Canary => "canary",
            DeploymentStrategy::BlueGreen => "blue-green",
            DeploymentStrategy::AbTesting => "ab-testing",
        };
        let (name, namespace) = (name.to_owned(), namespace.to_owned());
        Self {
            name,
            namespace,
            deployment_strategy,
            analysis_status: status,
        }
    }
}
