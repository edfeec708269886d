//! What differs when the target is a DaemonSet.

use super::template::{SCALE_TO_ZERO, is_scaled_to_zero};
use serde_json::{Value, json};

/// Annotation on a DaemonSet that we hold: the author's `updateStrategy`, as JSON.
///
/// A DaemonSet cannot be paused. While its pods serve, a new template is stored with the strategy `OnDelete`, so that no
/// running pod is replaced by it.
pub const UPDATE_STRATEGY: &str = "coalmine.dev/update-strategy";

/// The `updateStrategy` its author wants.
pub fn update_strategy(target: &Value) -> Option<Value> {
    let recorded = target
        .pointer("/metadata/annotations")
        .and_then(|all| all.get(UPDATE_STRATEGY))
        .and_then(Value::as_str);
    let recorded = recorded.and_then(|text| serde_json::from_str(text).ok());
    recorded.or_else(|| target.pointer("/spec/updateStrategy").cloned())
}

/// Whether pods stay as they are when the template changes.
pub fn is_on_delete(target: &Value) -> bool {
    target.pointer("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete")
}

/// A JSON merge patch of `spec` that keeps all pods away, or lets them come.
pub fn scaled(target: &Value, to_zero: bool) -> Option<Value> {
    if is_scaled_to_zero(target) == to_zero {
        return None;
    }
    let value = if to_zero { json!("true") } else { Value::Null };
    Some(json!({"template": {"spec": {"nodeSelector": {SCALE_TO_ZERO: value}}}}))
}

/// A JSON merge patch of `spec` that keeps running pods as they are when the template changes.
pub fn held() -> Value {
    json!({"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}})
}

/// A JSON merge patch of `spec` that gives the author's strategy back.
pub fn released(target: &Value) -> Option<Value> {
    let own = update_strategy(target)?;
    let mut patch = own.clone();
    // What the strategy of ours has and the author's has not.
    if let (Some(members), Some(live)) = (
        patch.as_object_mut(),
        target.pointer("/spec/updateStrategy").and_then(Value::as_object),
    ) {
        for key in live.keys() {
            members.entry(key.clone()).or_insert(Value::Null);
        }
    }
    Some(json!({"updateStrategy": patch}))
}
