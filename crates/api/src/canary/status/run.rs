//! Coalmine `status.run`: the state of one run, enough to resume it from any write.

use super::announced::Announced;
use crate::number::lenient_i32;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a Canary stands, finer than its phase. All instants have microseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RunStatus {
    /// The stage, see `coalmine_core::analysis`.
    pub stage: String,
    /// When the stage was entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<MicroTime>,
    /// When what the stage wants was first seen to be in place; left out when nothing else had to be recorded since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_at: Option<MicroTime>,
    /// Since when the run is tried: since then its share of the traffic has been where it belongs. Metrics look no further
    /// back. Left out when nothing else had to be recorded since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_since: Option<MicroTime>,
    /// When the next check is due; left out while an event is awaited, and until the first check of a stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<MicroTime>,
    /// The weights about to be written, or last written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Checks put off because there was no data yet.
    #[serde(deserialize_with = "lenient_i32", skip_serializing_if = "is_zero")]
    pub waits: i32,
    /// Whether any check of the run had data to judge.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub had_data: bool,
    /// Since when the target cannot have what it is to have: pods are missing, or its route does not follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled: Option<MicroTime>,
    /// The revision last applied: the hash of `lastAppliedSpec`, and of the configs its pods read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_revision: Option<String>,
    /// The revision last promoted: the hash of `lastPromotedSpec`, and of the configs its pods read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promoted_revision: Option<String>,
    /// What primary's copies of ConfigMaps and Secrets were made of, as `trackedConfigs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promoted_configs: Option<BTreeMap<String, String>>,
    /// What primary was when its template was written last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<PrimaryStatus>,
    /// Pods that primary ran when the run started, where it has an autoscaler: neither half gets fewer while it lasts.
    #[serde(deserialize_with = "lenient_i32", skip_serializing_if = "is_zero")]
    pub min_replicas: i32,
    /// The gate it stands at: which hooks are waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateStatus>,
    /// Whether the hooks before the first traffic have agreed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub started: bool,
    /// Whether an annotation asked to promote this run without checks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip: bool,
    /// Whether this run routes and promotes nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Annotations that were taken away and are still to be followed: `skip-analysis`, `reset`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Hash of the template that waits for the end of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<String>,
    /// Why it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The admitted revision that no run has taken up yet, where the policy says `announce: Early` or `Strict`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced: Option<Announced>,
    /// User name of whoever made the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Field manager the change came from, such as `kubectl-client-side-apply`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
}

/// Primary as our last write of its template left it; another template in a later generation is somebody else's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PrimaryStatus {
    /// Uid of primary.
    pub uid: String,
    /// Generation that the write led to.
    pub generation: i64,
    /// Hash of its template.
    pub template: String,
}

/// A gate that is not open yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GateStatus {
    /// Type of the hooks that are asked, such as `confirm-promotion`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The hook that keeps it closed; left out until one has said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// When the gate was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<MicroTime>,
    /// What the question is about; left out while the next passed check is awaited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<MicroTime>,
}

fn is_zero(value: &i32) -> bool {
    *value == 0
}

/// Traffic shares, percent; primary and canary sum to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Intent {
    /// Share at the primary.
    #[serde(deserialize_with = "lenient_i32")]
    pub primary: i32,
    /// Share at the canary.
    #[serde(deserialize_with = "lenient_i32")]
    pub canary: i32,
    /// Share copied to the canary besides.
    #[serde(deserialize_with = "lenient_i32")]
    pub mirror: i32,
    /// Whether requests that match the conditions of an A/B test go to the canary.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub matched: bool,
    /// Whether cookies keep users on their side.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sticky: bool,
}
