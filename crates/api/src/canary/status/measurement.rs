//! Coalmine `status.canaryAnalysis[]`: what was measured at each check.

use crate::number::{Number, lenient_i32};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One metric at one check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Measurement {
    /// When it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<MicroTime>,
    /// Name of the metric.
    pub metric: String,
    /// The value, in the unit of its threshold; left out when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Number>,
    /// What it had to be, such as `>= 99` or `[10, 500]`.
    pub threshold: String,
    /// Whether it counts as a failed check.
    pub failed: bool,
    /// Number of the check within the run, from 1.
    #[serde(deserialize_with = "lenient_i32")]
    pub iteration: i32,
    /// Share of the traffic at the canary then, percent.
    #[serde(deserialize_with = "lenient_i32")]
    pub canary_weight: i32,
    /// `pass`, `fail` or `inconclusive`; left out by a plain threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Why, when it is not plain: no values, too little traffic, the provider's error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The counts of the canary side, where the metric has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<Counts>,
    /// The counts of the primary side, where the metric has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<Counts>,
}

/// Events counted on one side within the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Counts {
    /// The good ones.
    pub good: Number,
    /// All of them.
    pub total: Number,
}
