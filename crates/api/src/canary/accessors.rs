//! What a Canary means once defaults are applied: Flagger's, except where noted.

use super::{Analysis, Canary, CanaryAnalysisExtras, CanaryService};
use crate::duration::GoDuration;
use crate::labels;
use crate::number::Number;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube_core::ResourceExt;
use std::time::Duration;

/// Spacing of checks when `interval` is left out or unreadable.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
/// Least spacing of checks (Flagger: 10 s).
pub const MINIMUM_INTERVAL: Duration = Duration::from_secs(1);
/// Time to become ready when `progressDeadlineSeconds` is left out.
pub const DEFAULT_PROGRESS_DEADLINE: Duration = Duration::from_secs(600);
/// Failed checks before rollback when neither Canary nor policy says.
pub const DEFAULT_THRESHOLD: i32 = 5;

/// How traffic reaches the canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnalysisKind {
    /// Rising weights (`stepWeight`, `stepWeights`).
    Weighted,
    /// `iterations` with `match`: chosen users.
    AbTest,
    /// `iterations` alone: none, or copies, until the switch.
    BlueGreen,
}

impl Analysis {
    /// What every accessor answers from when there is no analysis.
    pub const EMPTY: Self = Self {
        interval: None,
        threshold: None,
        iterations: None,
        max_weight: None,
        step_weight: None,
        step_weights: None,
        step_weight_promotion: None,
        mirror: None,
        mirror_weight: None,
        primary_ready_threshold: None,
        canary_ready_threshold: None,
        delay: None,
        matches: None,
        metrics: None,
        alerts: None,
        webhooks: None,
        session_affinity: None,
        canary_analysis: None,
    };

    /// Spacing of checks: default 60 s, at least 1 s.
    pub fn interval(&self) -> Duration {
        let parsed = self.interval.as_deref().and_then(|text| GoDuration::parse(text).ok());
        parsed
            .map_or(DEFAULT_INTERVAL, GoDuration::to_std)
            .max(MINIMUM_INTERVAL)
    }

    /// Failed checks before rollback, at least 1; default 5 (Flagger requires it; 0 or less counts as 1).
    pub fn threshold(&self) -> i32 {
        self.threshold.map_or(DEFAULT_THRESHOLD, Number::int).max(1)
    }

    /// Passed checks before promotion; 0 when not given.
    pub fn iterations(&self) -> i32 {
        self.iterations.map_or(0, Number::int).max(0)
    }

    /// Highest canary weight, percent; 100 when not given or not positive.
    pub fn max_weight(&self) -> i32 {
        positive(self.max_weight).unwrap_or(100).min(100)
    }

    /// Growth of the canary weight per check, percent; 0 when not given.
    pub fn step_weight(&self) -> i32 {
        positive(self.step_weight).unwrap_or(0)
    }

    /// The weights in order, percent; empty when not given.
    pub fn step_weights(&self) -> Vec<i32> {
        self.step_weights.iter().flatten().map(|weight| weight.int()).collect()
    }

    /// Growth of the primary weight during promotion, percent; 0 means all at once.
    pub fn step_weight_promotion(&self) -> i32 {
        positive(self.step_weight_promotion).unwrap_or(0).min(100)
    }

    /// Share of updated primary pods that must be available, percent; default 100.
    pub fn primary_ready_threshold(&self) -> i32 {
        self.primary_ready_threshold.map_or(100, Number::int).clamp(0, 100)
    }

    /// Share of updated canary pods that must be available, percent; default 100, and 0 is meant.
    pub fn canary_ready_threshold(&self) -> i32 {
        self.canary_ready_threshold.map_or(100, Number::int).clamp(0, 100)
    }

    /// Warm-up before the first traffic; default none.
    pub fn delay(&self) -> Duration {
        let parsed = self.delay.as_deref().and_then(|text| GoDuration::parse(text).ok());
        parsed.map_or(Duration::ZERO, GoDuration::to_std)
    }

    /// Whether the canary gets copies of the traffic first.
    pub fn mirrored(&self) -> bool {
        self.mirror == Some(true)
    }

    /// Whether it names weights.
    pub fn is_weighted(&self) -> bool {
        self.step_weight() > 0 || self.step_weights.as_ref().is_some_and(|weights| !weights.is_empty())
    }

    /// How traffic reaches the canary. Named users lead, so that weights never widen them, also without `iterations`; then
    /// weights, also when `iterations` stand beside them.
    pub fn kind(&self) -> AnalysisKind {
        if self.matches.as_ref().is_some_and(|matches| !matches.is_empty()) {
            AnalysisKind::AbTest
        } else if self.is_weighted() {
            AnalysisKind::Weighted
        } else {
            AnalysisKind::BlueGreen
        }
    }
}

fn positive(number: Option<Number>) -> Option<i32> {
    number.map(Number::int).filter(|value| *value > 0)
}

impl CanaryService {
    /// Whether it says that the app speaks no HTTP, so that there are connections and no requests: `appProtocol: tcp`.
    pub fn is_tcp(&self) -> bool {
        let spoken = self.app_protocol.as_deref();
        spoken.is_some_and(|spoken| spoken.eq_ignore_ascii_case("tcp"))
    }

    /// The Services' port; `None` when it is no port.
    pub fn port(&self) -> Option<u16> {
        self.port
            .whole()
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port > 0)
    }

    /// Name of the port; default `http`.
    pub fn port_name(&self) -> &str {
        self.port_name
            .as_deref()
            .filter(|name| !name.is_empty())
            .unwrap_or("http")
    }

    /// Container port: `targetPort`, else (also when it is 0 or empty) `port`.
    pub fn target_port(&self) -> IntOrString {
        match &self.target_port {
            Some(IntOrString::Int(port)) if *port != 0 => IntOrString::Int(*port),
            Some(IntOrString::String(name)) if !name.is_empty() => IntOrString::String(name.clone()),
            _ => IntOrString::Int(self.port.int()),
        }
    }
}

impl Canary {
    /// The analysis; an empty one when there is none.
    pub fn analysis(&self) -> &Analysis {
        const EMPTY: &Analysis = &Analysis::EMPTY;
        self.spec.analysis.as_ref().unwrap_or(EMPTY)
    }

    /// `canaryAnalysis` of both places; inside `analysis` wins, field by field.
    pub fn extras(&self) -> CanaryAnalysisExtras {
        let inner = self.analysis().canary_analysis.clone().unwrap_or_default();
        inner.or(self.spec.canary_analysis.clone().unwrap_or_default())
    }

    /// Time for either side to become ready; default 600 s.
    pub fn progress_deadline(&self) -> Duration {
        let seconds = self.spec.progress_deadline_seconds.map(Number::int).filter(|n| *n > 0);
        seconds.map_or(DEFAULT_PROGRESS_DEADLINE, |n| {
            Duration::from_secs(u64::from(n.unsigned_abs()))
        })
    }

    /// Whether changes are promoted without checks, by `spec.skipAnalysis`.
    pub fn skip_analysis(&self) -> bool {
        self.spec.skip_analysis == Some(true)
    }

    /// Whether the annotation `flagger.app/skip-analysis: "true"` asks to promote now.
    pub fn asked_to_skip(&self) -> bool {
        self.annotations()
            .get(labels::SKIP_ANALYSIS)
            .is_some_and(|value| value == labels::TRUE)
    }

    /// Whether the annotation `flagger.app/reset: "true"` asks to run again.
    pub fn asked_to_reset(&self) -> bool {
        self.annotations()
            .get(labels::RESET)
            .is_some_and(|value| value == labels::TRUE)
    }

    /// Whether nothing is done for it.
    pub fn suspended(&self) -> bool {
        self.spec.suspend == Some(true)
    }

    /// Whether nothing is routed and nothing promoted: `spec.dryRun`, or the annotation `coalmine.dev/dry-run: "true"`,
    /// which a generated Canary keeps.
    pub fn dry_run(&self) -> bool {
        let annotated = self
            .annotations()
            .get(labels::DRY_RUN)
            .is_some_and(|value| value == labels::TRUE);
        self.spec.dry_run == Some(true) || annotated
    }

    /// Whether a policy made it, and it is not on its way out.
    pub fn is_generated(&self) -> bool {
        let label = self.labels().get(labels::GENERATED);
        label.is_some_and(|value| value == labels::TRUE) && self.metadata.deletion_timestamp.is_none()
    }

    /// How many replicas a scale of its target asked for, as the webhook has noted it (`coalmine.dev/replicas`).
    pub fn asked_replicas(&self) -> Option<u32> {
        self.annotations().get(labels::REPLICAS)?.parse().ok()
    }

    /// Whether deletion gives everything back without a lost request: always, unless `revertOnDeletion: false`.
    pub fn reverts_on_deletion(&self) -> bool {
        self.spec.revert_on_deletion != Some(false)
    }

    /// Whether the target is its own route: it shares its users between revisions of it itself, and has neither a primary nor
    /// Services beside it. Knative's Services are.
    ///
    /// That is a provider's to say, whom this crate cannot ask: a test of core's `own_route` compares.
    pub fn targets_a_route(&self) -> bool {
        let target = &self.spec.target_ref;
        target.kind == "Service" && target.api_version.starts_with("serving.knative.dev/")
    }

    /// The routing provider, given the controller's default.
    pub fn provider<'a>(&'a self, default: &'a str) -> &'a str {
        self.spec
            .provider
            .as_deref()
            .filter(|provider| !provider.is_empty())
            .unwrap_or(default)
    }
}

#[cfg(test)]
mod tests;
