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

/// The same selector as a list is asked for by labels; nothing where it says what there is no word for.
pub(super) fn expression(selector: &Value) -> Option<String> {
    let selector = selector.as_object()?;
    let equal = selector.get("matchLabels").and_then(Value::as_object);
    let equal = equal.into_iter().flatten();
    let equal = equal.map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    let said = selector.get("matchExpressions").and_then(Value::as_array);
    let said = said.into_iter().flatten().map(term);
    let all: Option<Vec<String>> = equal.chain(said).collect();
    Some(all?.join(","))
}

fn term(expression: &Value) -> Option<String> {
    let text = |field: &str| expression.get(field).and_then(Value::as_str);
    let values = expression.get("values").and_then(Value::as_array);
    let values: Vec<&str> = values.into_iter().flatten().filter_map(Value::as_str).collect();
    let (key, values) = (text("key")?, values.join(","));
    match text("operator")? {
        "In" => Some(format!("{key} in ({values})")),
        "NotIn" => Some(format!("{key} notin ({values})")),
        "Exists" => Some(key.to_owned()),
        "DoesNotExist" => Some(format!("!{key}")),
        _ => None,
    }
}
