//! Pieces of schema that several fields share.

use serde_json::{Value, json};

/// DNS-1123 label, as Gateway API writes it.
pub const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// DNS-1123 subdomain: labels with dots between them.
pub const SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// The same, or empty for the core group.
const GROUP: &str = r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
const KIND: &str = "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$";

/// One of these texts.
pub fn one_of(values: &[&str]) -> Value {
    json!({ "enum": values })
}

/// Starts like a Go duration, as far as a pattern can say; the webhook reads the rest.
pub fn duration() -> Value {
    json!({ "pattern": r"^[0-9]+(\.[0-9]+)?(h|m|s)" })
}

/// A port number, 1 to 65535.
pub fn port() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": 65535 })
}

/// A whole number.
pub fn integer() -> Value {
    json!({ "type": "integer" })
}

/// A text of limited length and form.
pub fn text(least: u32, most: u32, pattern: Option<&str>) -> Value {
    let mut rule = json!({ "maxLength": most });
    if let Some(rule) = rule.as_object_mut() {
        if least > 0 {
            rule.insert("minLength".into(), json!(least));
        }
        if let Some(pattern) = pattern {
            rule.insert("pattern".into(), json!(pattern));
        }
    }
    rule
}

/// The fields of a reference in the style of Gateway API; `base` is the path of the reference.
pub fn gateway_reference(base: &str, group: &str, kind: &str) -> Vec<(String, Value)> {
    let with_default = |mut rule: Value, default: &str| {
        super::refine::merge(&mut rule, &json!({ "default": default }));
        rule
    };
    [
        ("group", with_default(text(0, 253, Some(GROUP)), group)),
        ("kind", with_default(text(1, 63, Some(KIND)), kind)),
        ("name", text(1, 253, None)),
        ("namespace", text(1, 63, Some(LABEL))),
        ("port", port()),
    ]
    .map(|(field, rule)| (format!("{base}.{field}"), rule))
    .to_vec()
}

/// Of these fields exactly one; with `or_none` also none. Flagger's way, cheap enough for any list.
pub fn exactly_one(fields: &[&str], or_none: bool) -> Value {
    let required: Vec<Value> = fields.iter().map(|field| json!({ "required": [field] })).collect();
    let none = or_none.then(|| json!({ "not": { "anyOf": required } }));
    let all: Vec<Value> = none.into_iter().chain(required.clone()).collect();
    json!({ "oneOf": all })
}

/// A CEL rule with the sentence people read when it fails.
pub fn cel(rule: &str, message: &str) -> Value {
    json!({ "rule": rule, "message": message })
}
