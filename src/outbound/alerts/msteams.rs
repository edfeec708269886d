//! Microsoft Teams: a MessageCard.

use super::Alert;
use serde_json::{Value, json};

pub(super) fn body(alert: &Alert) -> Value {
    let facts: Vec<Value> = alert
        .fields
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": if alert.is_error() { "FF0000" } else { "0076D7" },
        "summary": alert.full_name(),
        "sections": [{
            "activityTitle": alert.text,
            "activitySubtitle": alert.full_name(),
            "facts": facts,
        }],
    })
}
