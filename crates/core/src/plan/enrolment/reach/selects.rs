//! Whether a label selector selects pods.

use serde_json::{Map, Value};

/// Whether a label selector selects pods with these labels. An empty one selects all, none at all selects nothing.
pub(super) fn matches(selector: &Value, labels: &Map<String, Value>) -> bool {
    let Some(selector) = selector.as_object() else {
        return false;
    };
    let mut equal = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let mut said = selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    equal.all(|(key, value)| labels.get(key) == Some(value)) && said.all(|expression| holds(expression, labels))
}

fn holds(expression: &Value, labels: &Map<String, Value>) -> bool {
    let text = |field: &str| expression.get(field).and_then(Value::as_str).unwrap_or_default();
    let values = expression.get("values").and_then(Value::as_array);
    let value = labels.get(text("key"));
    let listed = value.is_some_and(|value| values.is_some_and(|values| values.contains(value)));
    match text("operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}
