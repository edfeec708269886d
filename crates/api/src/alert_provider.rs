//! `AlertProvider` (`flagger.app/v1beta1`): where alerts go.

use super::metric_template::{SecretRef, TemplateStatus};
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A chat service, pager or hook. Exactly one of `address` and `secretRef` is set.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    crates(kube_core = "::kube_core"),
    group = "flagger.app",
    version = "v1beta1",
    kind = "AlertProvider",
    plural = "alertproviders",
    namespaced,
    status = "TemplateStatus",
    category = "all",
    derive = "PartialEq",
    derive = "Default",
    doc = "AlertProvider says where alerts go.",
    printcolumn = r#"{"name":"Type","type":"string","jsonPath":".spec.type"}"#
)]
pub struct AlertProviderSpec {
    /// Kind of service.
    #[serde(rename = "type")]
    pub kind: String,
    /// Channel; default `general`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Name the bot writes under; default `flagger`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// URL that alerts are posted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// URL of an HTTP proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// A Secret in the provider's namespace with the key `address` and, for some types, `token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// Coalmine: the text of an alert, a Go text/template over .Name .Namespace .Status .Metadata .CanaryAnalysis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_template: Option<String>,
}

impl AlertProviderSpec {
    /// Every type; `pagerduty` and `webhook` are Coalmine's.
    pub const TYPES: [&'static str; 7] = ["slack", "msteams", "discord", "rocket", "gchat", "pagerduty", "webhook"];

    /// The channel meant.
    pub fn channel(&self) -> &str {
        self.channel
            .as_deref()
            .filter(|channel| !channel.is_empty())
            .unwrap_or("general")
    }

    /// The user name meant.
    pub fn username(&self) -> &str {
        self.username
            .as_deref()
            .filter(|name| !name.is_empty())
            .unwrap_or("flagger")
    }
}
