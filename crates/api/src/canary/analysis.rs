//! Flagger `spec.analysis`: how a new revision is tried and judged.

pub(super) mod affinity;
pub(super) mod checks;
pub(super) mod hooks;
pub(super) mod overrides;

use super::matching::AnalysisMatch;
use crate::number::Number;
use affinity::SessionAffinity;
use checks::{AlertRef, Metric};
use hooks::Webhook;
use overrides::CanaryAnalysisExtras;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The analysis of one revision. In a Canary `interval` and one of `iterations`, `stepWeight`,
/// `stepWeights` are required; in a CanaryPolicy every field is a default and may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// Spacing of checks, a Go duration of at least 1s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Failed checks before rollback; default: the policy's, else 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Number>,
    /// Passed checks before promotion (A/B with `match`, else blue/green); beside `stepWeight` a bound on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations: Option<Number>,
    /// Highest canary weight before promotion, percent; default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_weight: Option<Number>,
    /// Growth of the canary weight per passed check, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_weight: Option<Number>,
    /// Canary weights in order, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_weights: Option<Vec<Number>>,
    /// Growth of the primary weight during promotion, percent; default: all at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_weight_promotion: Option<Number>,
    /// Send the canary a copy of the traffic first; default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<bool>,
    /// Share of the traffic copied, percent; default: the provider's, mostly 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror_weight: Option<Number>,
    /// Share of updated primary pods that must be available, percent; default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_ready_threshold: Option<Number>,
    /// Share of updated canary pods that must be available, percent; default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_ready_threshold: Option<Number>,
    /// Coalmine: warm-up between a ready canary and its first traffic, a Go duration; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// Whom an A/B test sends to the canary; any entry suffices.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matches: Option<Vec<AnalysisMatch>>,
    /// What is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Vec<Metric>>,
    /// Who is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts: Option<Vec<AlertRef>>,
    /// Who is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<Vec<Webhook>>,
    /// Keep a user on the side a cookie names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_affinity: Option<SessionAffinity>,
    /// Coalmine: the same refinements as `spec.canaryAnalysis`; these win.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_analysis: Option<CanaryAnalysisExtras>,
}
