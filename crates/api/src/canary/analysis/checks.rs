//! Flagger `spec.analysis.metrics[]` and `spec.analysis.alerts[]`.

use crate::canary::references::NamespacedRef;
use crate::duration::GoDuration;
use crate::number::Number;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One measured value and the range it must stay in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// `request-success-rate` (percent), `request-duration` (milliseconds) or a name of one's own.
    pub name: String,
    /// Window the value is taken over, a Go duration; default 1m for builtin and inline metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Deprecated single bound: a maximum, for `request-success-rate` a minimum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Number>,
    /// The values that pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold_range: Option<ThresholdRange>,
    /// A PromQL query in place; a MetricTemplate is preferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The MetricTemplate that says how to measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<NamespacedRef>,
    /// Values the template reads by `{{ variables.KEY }}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_variables: Option<BTreeMap<String, String>>,
}

impl Metric {
    /// The metrics that need neither query nor template.
    pub const BUILTIN: [&'static str; 2] = ["request-success-rate", "request-duration"];

    /// Whether the name alone says how to measure.
    pub fn is_builtin(&self) -> bool {
        Self::BUILTIN.contains(&self.name.as_str())
    }

    /// The window as a duration: Flagger's default of one minute when left out or unreadable.
    pub fn interval(&self) -> GoDuration {
        let parsed = self.interval.as_deref().and_then(|text| GoDuration::parse(text).ok());
        parsed
            .filter(|duration| duration.as_nanos() > 0)
            .unwrap_or(GoDuration::from_secs(60))
    }
}

/// Bounds, both inclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdRange {
    /// Smallest value that passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Number>,
    /// Largest value that passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Number>,
}

/// Flagger `spec.analysis.alerts[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertRef {
    /// Name of this entry.
    pub name: String,
    /// Least severity told: info, warn or error; left out means info.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// The AlertProvider that sends the alert.
    pub provider_ref: NamespacedRef,
}

/// Severity of an alert, in rising order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertSeverity {
    /// Everything, also what goes well.
    #[default]
    Info,
    /// Waiting gates and worse.
    Warn,
    /// Nothing but rollbacks.
    Error,
}

impl AlertSeverity {
    /// The text in manifests and payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// Reads a severity; the empty text is `info` (in Flagger it never alerts).
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "info" => Some(Self::Info),
            "warn" => Some(Self::Warn),
            "error" => Some(Self::Error),
            _ => None,
        }
    }
}

impl AlertRef {
    /// The severity meant.
    pub fn severity(&self) -> AlertSeverity {
        self.severity
            .as_deref()
            .and_then(AlertSeverity::parse)
            .unwrap_or_default()
    }
}
