//! Google Chat: a card. It has no colours.

use super::Alert;
use serde_json::{Value, json};

pub(super) fn body(alert: &Alert) -> Value {
    let section = |text: String| json!({"widgets": [{"textParagraph": {"text": text}}]});
    let fields = alert
        .fields
        .iter()
        .map(|(title, value)| section(format!("<b>{}</b>: {}", plain(title), plain(value))));
    let message = section(format!("<b>{}</b>", plain(&alert.text)));
    let sections: Vec<Value> = std::iter::once(message).chain(fields).collect();
    json!({
        "cards": [{
            "header": {
                "title": "Flagger",
                "subtitle": alert.full_name(),
                "imageUrl": "https://flagger.app/favicon.png",
            },
            "sections": sections,
        }],
    })
}

// The text is HTML there.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
