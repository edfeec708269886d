//! `Canary` (`flagger.app/v1beta1`): Flagger's kind, field for field, with our additions marked as such.

mod accessors;
mod analysis;
mod matching;
mod names;
mod references;
mod service;
pub mod status;

pub use accessors::{AnalysisKind, DEFAULT_INTERVAL, DEFAULT_PROGRESS_DEADLINE, MINIMUM_INTERVAL};
pub use analysis::Analysis;
pub use analysis::affinity::SessionAffinity;
pub use analysis::checks::{AlertRef, AlertSeverity, Metric, ThresholdRange};
pub use analysis::hooks::{HookType, Webhook};
pub use analysis::overrides::{CanaryAnalysisExtras, PodOverrides};
pub use matching::{AnalysisMatch, HttpMatch, StringMatch};
pub use references::{AutoscalerRef, NamespacedRef, ObjectRef, PrimaryReplicas, UpstreamRef};
pub use service::traffic_policy::TrafficPolicy;
pub use service::{
    BackendRef, CanaryService, CorsPolicy, GatewayRef, HeaderOperations, Headers, Metadata, Mirror, Retries, Rewrite,
    UnmanagedMetadata,
};
pub use status::announced::{Announced, ON_ITS_WAY};
pub use status::measurement::{Counts, Measurement};
pub use status::phase::Phase;
pub use status::run::{GateStatus, Intent, PrimaryStatus, RunStatus};
pub use status::{CanaryStatus, Condition};

use super::number::Number;
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Desired progressive delivery of one workload.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    crates(kube_core = "::kube_core"),
    group = "flagger.app",
    version = "v1beta1",
    kind = "Canary",
    plural = "canaries",
    namespaced,
    status = "CanaryStatus",
    category = "all",
    derive = "PartialEq",
    derive = "Default",
    doc = "Canary releases every new revision of a workload step by step.",
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Weight","type":"string","jsonPath":".status.canaryWeight"}"#,
    printcolumn = r#"{"name":"Suspended","type":"boolean","jsonPath":".spec.suspend","priority":1}"#,
    printcolumn = r#"{"name":"FailedChecks","type":"string","jsonPath":".status.failedChecks","priority":1}"#,
    printcolumn = r#"{"name":"Interval","type":"string","jsonPath":".spec.analysis.interval","priority":1}"#,
    printcolumn = r#"{"name":"Mirror","type":"boolean","jsonPath":".spec.analysis.mirror","priority":1}"#,
    printcolumn = r#"{"name":"StepWeight","type":"string","jsonPath":".spec.analysis.stepWeight","priority":1}"#,
    printcolumn = r#"{"name":"StepWeights","type":"string","jsonPath":".spec.analysis.stepWeights","priority":1}"#,
    printcolumn = r#"{"name":"MaxWeight","type":"string","jsonPath":".spec.analysis.maxWeight","priority":1}"#,
    printcolumn = r#"{"name":"LastTransitionTime","type":"string","jsonPath":".status.lastTransitionTime"}"#
)]
pub struct CanarySpec {
    /// Routing provider, such as `gatewayapi:v1`; default: the controller's `--mesh-provider`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// URL of the Prometheus for builtin metrics and inline queries; default: the controller's `--metrics-server`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_server: Option<String>,
    /// The workload to release; it becomes the canary half of the pair.
    pub target_ref: ObjectRef,
    /// The scaler of the target, twinned for the primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaler_ref: Option<AutoscalerRef>,
    /// The Ingress that providers nginx and skipper copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress_ref: Option<ObjectRef>,
    /// The ApisixRoute that provider apisix copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_ref: Option<ObjectRef>,
    /// The Gloo Upstream whose settings the generated upstreams take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_ref: Option<UpstreamRef>,
    /// The Services and the routing to generate; only Knative targets have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<CanaryService>,
    /// How a new revision is judged; may be left out only with `skipAnalysis: true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// Coalmine: refinements of the analysis that guides place beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_analysis: Option<CanaryAnalysisExtras>,
    /// Seconds for the primary or the canary to become ready; default 600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<Number>,
    /// Promote without checks; default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_analysis: Option<bool>,
    /// Give the target its own replicas and traffic back on deletion; left out means yes, without a lost request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revert_on_deletion: Option<bool>,
    /// Do nothing for this Canary; default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// Coalmine: analyse and report what would happen, but change no routing; default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}
