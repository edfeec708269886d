//! Telling people: who is told what, and in which service's words. What is worth telling is decided in [`alarm`]; whom,
//! in [`recipients`]; one file per service makes the body.

pub mod alarm;
mod details;
mod gchat;
mod message;
mod msteams;
mod pagerduty;
mod receiver;
mod recipients;
mod sender;
mod slack;
mod webhook;

pub use alarm::{Alarm, alarm};
pub use details::details;
pub use receiver::{AlertRequest, Kind, Receiver};
pub use recipients::{Recipients, recipients};
pub use sender::{Sender, heard};

use crate::api::canary::AlertSeverity;
use serde::Serialize;
use serde_json::{Map, Value};

/// One alert, complete but for the service's words.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Name of the Canary.
    pub name: String,
    /// Namespace of the Canary.
    pub namespace: String,
    /// The phase by its name in the status, such as `Progressing`.
    pub phase: &'static str,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// The text, Flagger's where Flagger has one.
    pub text: String,
    /// Titled values in their order, such as `Target`.
    pub fields: Vec<(String, String)>,
    /// Newest measurements of the run, oldest first.
    pub measured: Vec<Measured>,
}

/// One measurement, for message templates.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Name of the metric.
    pub metric: String,
    /// Its value; `None` when there was none.
    pub value: Option<f64>,
    /// What it was compared with.
    pub threshold: String,
    /// Whether the check failed by it.
    pub failed: bool,
}

impl Alert {
    /// `NAME.NAMESPACE`, as Flagger writes Canaries.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }

    /// The fields as a JSON object.
    fn metadata(&self) -> Map<String, Value> {
        let fields = self.fields.iter();
        fields
            .map(|(title, value)| (title.clone(), Value::from(value.as_str())))
            .collect()
    }

    /// Whether it is about something that went wrong.
    pub fn is_error(&self) -> bool {
        self.severity == AlertSeverity::Error
    }
}

#[cfg(test)]
mod tests;
