//! Coalmine's refinements: `spec.canaryAnalysis`, also read as `spec.analysis.canaryAnalysis`.

use crate::number::Number;
use k8s_openapi::api::core::v1::{Affinity, Toleration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Gradual mirroring, and what differs for canary pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryAnalysisExtras {
    /// Growth of the mirrored share per passed check, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_weight_promotion: Option<Number>,
    /// Highest mirrored share, percent; default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_mirror_weight: Option<Number>,
    /// Fields of canary pods only; the primary keeps the author's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_variables: Option<PodOverrides>,
}

/// Pod fields set on the canary half only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodOverrides {
    /// Labels a node must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints that are tolerated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
    /// Affinity, as in a pod; held raw because its schema is longer than all of the Canary's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<serde_json::Map<String, serde_json::Value>>,
    /// Name of a PriorityClass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
}

impl PodOverrides {
    /// The affinity as Kubernetes types it, or why it is none.
    pub fn affinity(&self) -> Result<Option<Affinity>, serde_json::Error> {
        let raw = self.affinity.clone().map(serde_json::Value::Object);
        raw.map(serde_json::from_value).transpose()
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl CanaryAnalysisExtras {
    /// Field by field, `self` where it says something, else `other`.
    pub fn or(self, other: Self) -> Self {
        Self {
            step_weight_promotion: self.step_weight_promotion.or(other.step_weight_promotion),
            max_mirror_weight: self.max_mirror_weight.or(other.max_mirror_weight),
            template_variables: self.template_variables.or(other.template_variables),
        }
    }
}
