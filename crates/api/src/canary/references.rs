//! References from a Canary to other objects.

use crate::number::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An object of the Canary's own namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// API group and version, such as `apps/v1`.
    pub api_version: String,
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
}

/// Flagger `spec.autoscalerRef`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalerRef {
    /// `autoscaling/v2` or `keda.sh/v1alpha1`.
    pub api_version: String,
    /// HorizontalPodAutoscaler or ScaledObject.
    pub kind: String,
    /// Name of the scaler.
    pub name: String,
    /// ScaledObject only: trigger name to the query of the primary's trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_scaler_queries: Option<BTreeMap<String, String>>,
    /// Bounds of the primary's scaler where they differ from the target's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_scaler_replicas: Option<PrimaryReplicas>,
}

/// Flagger `spec.autoscalerRef.primaryScalerReplicas`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrimaryReplicas {
    /// Fewest pods, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<Number>,
    /// Most pods, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<Number>,
}

/// Flagger `spec.upstreamRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamRef {
    /// `gloo.solo.io/v1`.
    pub api_version: String,
    /// Must be Upstream.
    pub kind: String,
    /// Name of the Upstream.
    pub name: String,
    /// Its namespace; default: the Canary's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A MetricTemplate or AlertProvider by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespacedRef {
    /// Name of the object.
    pub name: String,
    /// Its namespace; default: the Canary's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl NamespacedRef {
    /// The namespace meant, given the Canary's own; an empty one counts as left out.
    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace
            .as_deref()
            .filter(|namespace| !namespace.is_empty())
            .unwrap_or(own)
    }

    /// The same where `--no-cross-namespace-refs` may be in force (`blocked`).
    ///
    /// # Errors
    /// That the reference leads out of the namespace and must not.
    pub fn namespace_within<'a>(&'a self, own: &'a str, blocked: bool) -> Result<&'a str, &'static str> {
        let namespace = self.namespace_or(own);
        if blocked && namespace != own {
            return Err("cross-namespace references are blocked");
        }
        Ok(namespace)
    }
}
