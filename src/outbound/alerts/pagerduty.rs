//! PagerDuty, Events API v2: one incident for each Canary, triggered by warnings and errors, resolved by good news.

use super::Alert;
use crate::api::canary::AlertSeverity;
use serde_json::{Value, json};

/// What is sent by the routing key `token`; `cluster` says which one speaks, and is empty when nobody said.
pub(super) fn body(token: Option<&str>, cluster: &str, alert: &Alert) -> Value {
    let key = match cluster {
        "" => alert.full_name(),
        cluster => format!("{cluster}/{}", alert.full_name()),
    };
    let severity = match alert.severity {
        AlertSeverity::Info => return json!({"routing_key": token, "event_action": "resolve", "dedup_key": key}),
        AlertSeverity::Warn => "warning",
        AlertSeverity::Error => "error",
    };
    json!({
        "routing_key": token,
        "event_action": "trigger",
        "dedup_key": key,
        "client": "Coalmine",
        "payload": {
            "summary": format!("{}: {}", alert.full_name(), alert.text),
            "source": key,
            "severity": severity,
            "component": alert.name,
            "group": alert.namespace,
            "class": "canary",
            "custom_details": alert.metadata(),
        },
    })
}
