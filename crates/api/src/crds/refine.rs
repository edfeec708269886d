//! Changing a schema by path.

use serde_json::{Map, Value};

/// A path (see [`at`]) and what is merged into the schema there.
pub type Change = (String, Value);

/// Removes what the derive says too much: `nullable` (a null then counts as left out, as in Flagger),
/// defaults of our readers (the stored object stays as written) and number formats (Kubernetes warns of unknown ones).
pub fn clean(schema: &mut Value) {
    let Some(node) = schema.as_object_mut() else {
        return;
    };
    node.remove("nullable");
    node.remove("default");
    if node.get("format").is_some_and(|format| format != "date-time") {
        node.remove("format");
    }
    if node.get("additionalProperties") == Some(&Value::Bool(true)) {
        node.remove("additionalProperties");
        node.insert("x-kubernetes-preserve-unknown-fields".into(), Value::Bool(true));
    }
    for child in children(node) {
        clean(child);
    }
}

/// The schemas below this one: properties, items and map values.
pub fn children(node: &mut Map<String, Value>) -> Vec<&mut Value> {
    let mut found = Vec::new();
    for (key, value) in node {
        match key.as_str() {
            "properties" => found.extend(value.as_object_mut().into_iter().flat_map(Map::values_mut)),
            "items" | "additionalProperties" => found.push(value),
            _ => {}
        }
    }
    found
}

/// Merges every change in; returns the paths that do not exist.
pub fn apply(schema: &mut Value, changes: &[Change]) -> Vec<String> {
    let mut missing = Vec::new();
    for (path, change) in changes {
        match at(schema, path) {
            Some(node) => merge(node, change),
            None => missing.push(path.clone()),
        }
    }
    missing
}

/// The schema at a path such as `spec.analysis.match[].headers{}.exact`: `[]` steps into the items
/// of a list, `{}` into the values of a map.
pub fn at<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut node = schema;
    for step in path.split('.') {
        let name = step.trim_end_matches(['[', ']', '{', '}']);
        node = node.get_mut("properties")?.get_mut(name)?;
        for pair in step.get(name.len()..)?.as_bytes().chunks(2) {
            node = node.get_mut(if pair == b"[]" { "items" } else { "additionalProperties" })?;
        }
    }
    Some(node)
}

/// Merges objects key by key; anything else is replaced.
pub fn merge(target: &mut Value, change: &Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (key, value) in change {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (target, change) => *target = change.clone(),
    }
}
