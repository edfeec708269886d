//! `status` of a Canary: Flagger's fields, the measurements and the state of the run.

pub(super) mod announced;
mod announcing;
pub mod conditions;
pub(super) mod measurement;
pub(super) mod phase;
pub(super) mod run;

use crate::number::lenient_i32;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use measurement::Measurement;
use phase::Phase;
use run::RunStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Observed state of a Canary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CanaryStatus {
    /// Where the Canary stands.
    pub phase: Phase,
    /// Failed checks of this run.
    #[serde(deserialize_with = "lenient_i32")]
    pub failed_checks: i32,
    /// Share of the traffic at the canary, percent. Reporting only.
    #[serde(deserialize_with = "lenient_i32")]
    pub canary_weight: i32,
    /// Passed checks of an A/B or blue/green run.
    #[serde(deserialize_with = "lenient_i32")]
    pub iterations: i32,
    /// `configmap/NAME` or `secret/NAME` to a checksum of 16 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracked_configs: Option<BTreeMap<String, String>>,
    /// Hash of the target's template at the last full sync; Flagger's are opaque to us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_spec: Option<String>,
    /// Hash of the template that was last promoted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_promoted_spec: Option<String>,
    /// Time of the last change of the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// `name=value` of the canary cookie of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_affinity_cookie: Option<String>,
    /// `name=value` of the primary cookie of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_session_affinity_cookie: Option<String>,
    /// `name=value` of the canary cookie of the run before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_session_affinity_cookie: Option<String>,
    /// `Promoted`, and ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Coalmine: the generation of the spec this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Coalmine: the measurements of the run, newest last, at most 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_analysis: Option<Vec<Measurement>>,
    /// Coalmine: the run in progress, enough to resume it after a crash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunStatus>,
}

/// One condition of a Canary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// `Promoted`, `NameConflict` ...
    #[serde(rename = "type")]
    pub kind: String,
    /// True, False or Unknown.
    pub status: String,
    /// One word; of `Promoted` the phase.
    pub reason: String,
    /// A sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was last written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
    /// When its status last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
}

impl CanaryStatus {
    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions
            .as_deref()
            .unwrap_or_default()
            .iter()
            .find(|c| c.kind.eq_ignore_ascii_case(kind))
    }
}
