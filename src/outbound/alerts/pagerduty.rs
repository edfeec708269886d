//! PagerDuty, Events API v2: one incident for each Canary, triggered by warnings and errors, resolved by good news.

use super::{Alert, Receiver};
use crate::api::canary::Severity;
use serde_json::{Value, json};

pub(super) fn body(to: &Receiver, alert: &Alert) -> Value {
    let key = match to.cluster.as_str() {
        "" => alert.full_name(),
        cluster => format!("{cluster}/{}", alert.full_name()),
    };
    let severity = match alert.severity {
        Severity::Info => return json!({"routing_key": to.token, "event_action": "resolve", "dedup_key": key}),
        Severity::Warn => "warning",
        Severity::Error => "error",
    };
    json!({
        "routing_key": to.token,
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
