//! `CanaryPolicy` (`coalmine.dev/v1alpha1`): what a cluster admin sets for every Deployment that opts in.

mod accessors;
mod rules;

pub use accessors::DEFAULT_POLICY;
pub use rules::{Announce, FreezeWindow, GuardRails, OnNewRevision, OptOut, PolicyService};

use super::canary::{Analysis, GatewayRef};
use super::number::Number;
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Defaults and guard rails. Every field may be left out.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    crates(kube_core = "::kube_core"),
    group = "coalmine.dev",
    version = "v1alpha1",
    kind = "CanaryPolicy",
    plural = "canarypolicies",
    derive = "PartialEq",
    derive = "Default",
    doc = "CanaryPolicy holds defaults and guard rails for canaries.",
    printcolumn = r#"{"name":"Provider","type":"string","jsonPath":".spec.provider"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
pub struct CanaryPolicySpec {
    /// Routing provider of Canaries that name none; default: the controller's `--mesh-provider`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// URL of the Prometheus of Canaries that name none; default: the controller's `--metrics-server`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_server: Option<String>,
    /// Parents of Gateway API routes, also of Canaries that have hosts and name no gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_refs: Option<Vec<GatewayRef>>,
    /// Host name of generated routes, such as `{{ name }}.{{ namespace }}.example.com`; without it none is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname_template: Option<String>,
    /// Port of apps that have no Service yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<PolicyService>,
    /// Default of every field of a Canary's `spec.analysis`. Strategy fields only where it has no strategy of its own;
    /// metrics about requests only where requests reach the canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// Bounds that hand-written Canaries must keep, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard_rails: Option<GuardRails>,
    /// Whether Deployments already in a namespace are enrolled when it opts in; default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopt_existing: Option<bool>,
    /// Whether a Deployment may leave itself out; default Forbidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_out: Option<OptOut>,
    /// What a second revision does during a run; default Restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_new_revision: Option<OnNewRevision>,
    /// When a Canary's conditions stop answering for the template before; default Deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announce: Option<Announce>,
    /// Most runs at once under this policy; default: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<Number>,
    /// When changes are recorded and held instead of released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_windows: Option<Vec<FreezeWindow>>,
    /// Key of the annotation that releases during a freeze; its value is the reason, and is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
    /// Seconds until a data plane uses a changed route or endpoint; default: the provider's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle_seconds: Option<Number>,
    /// Seconds between the end of traffic and the stop of pods; default: the provider's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_seconds: Option<Number>,
    /// Seconds a generated pair outlives its deleted Deployment; default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_grace_seconds: Option<Number>,
}
