//! Slack's bodies, which Discord and Rocket.Chat take too.

use super::Alert;
use serde_json::{Value, json};

/// The colours of what is well and of what is not.
pub(super) type Colours = (&'static str, &'static str);

pub(super) const COLOURS: Colours = ("good", "danger");
pub(super) const ROCKETS: Colours = ("#0076D7", "#FF0000");

/// What is written under `username` in `channel`.
pub(super) fn body(channel: &str, username: &str, alert: &Alert, (good, bad): Colours) -> Value {
    let fields: Vec<Value> = alert
        .fields
        .iter()
        .map(|(title, value)| json!({"title": title, "value": value, "short": false}))
        .collect();
    json!({
        "channel": channel,
        "username": username,
        "icon_url": "",
        "icon_emoji": ":rocket:",
        "attachments": [{
            "color": if alert.is_error() { bad } else { good },
            "author_name": alert.full_name(),
            "text": alert.text,
            "mrkdwn_in": ["text"],
            "fields": fields,
        }],
    })
}

/// Discord takes Slack's bodies at a path of its own.
pub(super) fn of_discord(address: &str) -> String {
    let address = address.trim_end_matches('/');
    if address.ends_with("/slack") {
        address.to_owned()
    } else {
        format!("{address}/slack")
    }
}
