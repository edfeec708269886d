//! `MetricTemplate` (`flagger.app/v1beta1`): how a custom metric is read.

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A query and who answers it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    crates(kube_core = "::kube_core"),
    group = "flagger.app",
    version = "v1beta1",
    kind = "MetricTemplate",
    plural = "metrictemplates",
    namespaced,
    status = "TemplateStatus",
    category = "all",
    derive = "PartialEq",
    derive = "Default",
    doc = "MetricTemplate says how a custom metric is read.",
    printcolumn = r#"{"name":"Provider","type":"string","jsonPath":".spec.provider.type"}"#
)]
pub struct MetricTemplateSpec {
    /// The store that answers.
    pub provider: MetricProvider,
    /// The question, a Go text/template.
    pub query: String,
}

/// Flagger `spec.provider` of a MetricTemplate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricProvider {
    /// Kind of metrics store.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its address; what it means depends on the type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Headers to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, Vec<String>>>,
    /// Credentials: a Secret in the template's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// AWS region (cloudwatch).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Do not check the server's certificate; default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure_skip_verify: Option<bool>,
    /// Coalmine, type `web`: where in the JSON answer the number stands, such as `{.data.value}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_path: Option<String>,
    /// Coalmine, type `web`: HTTP method; default GET.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Coalmine, type `web`: body to send, a Go text/template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl MetricProvider {
    /// Every type; `web` is Coalmine's. Which of them can be asked is for those to know who ask.
    pub const TYPES: [&'static str; 12] = [
        "prometheus",
        "influxdb",
        "datadog",
        "externalmetrics",
        "stackdriver",
        "cloudwatch",
        "newrelic",
        "graphite",
        "dynatrace",
        "keptn",
        "splunk",
        "web",
    ];
}

/// A Secret of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretRef {
    /// Name of the Secret.
    pub name: String,
}

/// Flagger declares a status for templates and providers, and never writes it; nor do we.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TemplateStatus {}
