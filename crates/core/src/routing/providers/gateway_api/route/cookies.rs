//! Set-Cookie on a backend, and taking it off again.

use serde_json::{Value, json};

const KIND: &str = "ResponseHeaderModifier";
const FIELD: &str = "responseHeaderModifier";
const HEADER: &str = "Set-Cookie";

/// The reference with a Set-Cookie added to its answers.
pub(super) fn setting(backend: &Value, cookie: &str) -> Value {
    let mut backend = backend.clone();
    let entry = json!({"name": HEADER, "value": cookie});
    let Some(members) = backend.as_object_mut() else {
        return backend;
    };
    let Some(filters) = members.entry("filters").or_insert_with(|| json!([])).as_array_mut() else {
        return backend;
    };
    let Some(filter) = filters.iter_mut().find(|f| is_modifier(f)) else {
        filters.push(json!({"type": KIND, FIELD: {"add": [entry]}}));
        return backend;
    };
    if let Some(modifier) = filter.get_mut(FIELD).and_then(Value::as_object_mut)
        && let Some(add) = modifier.entry("add").or_insert_with(|| json!([])).as_array_mut()
    {
        add.push(entry);
    }
    backend
}

fn is_modifier(filter: &Value) -> bool {
    filter.get("type").and_then(Value::as_str) == Some(KIND)
}

fn is_set_cookie(entry: &Value) -> bool {
    let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
    name.eq_ignore_ascii_case(HEADER)
}

/// The Set-Cookie values that a backend adds to its answers.
pub(super) fn set(backend: &Value) -> Vec<String> {
    let filters = backend.get("filters").and_then(Value::as_array).into_iter().flatten();
    filters
        .filter(|f| is_modifier(f))
        .filter_map(|f| f.pointer("/responseHeaderModifier/add")?.as_array())
        .flatten()
        .filter(|entry| is_set_cookie(entry))
        .filter_map(|entry| entry.get("value")?.as_str().map(str::to_owned))
        .collect()
}

/// Takes our cookies out of a backend, and the filters and lists that have nothing else in them.
pub(super) fn without(backend: &Value, users: &dyn Fn(&str) -> bool) -> Value {
    let mut backend = backend.clone();
    let Some(members) = backend.as_object_mut() else {
        return backend;
    };
    let Some(filters) = members.get_mut("filters").and_then(Value::as_array_mut) else {
        return backend;
    };
    filters.retain_mut(|filter| !is_modifier(filter) || !emptied(filter, users));
    if filters.is_empty() {
        members.remove("filters");
    }
    backend
}

// Takes our cookies out of a modifier; whether that left nothing in it.
fn emptied(filter: &mut Value, users: &dyn Fn(&str) -> bool) -> bool {
    let Some(modifier) = filter.get_mut(FIELD).and_then(Value::as_object_mut) else {
        return false;
    };
    let Some(add) = modifier.get_mut("add").and_then(Value::as_array_mut) else {
        return false;
    };
    let before = add.len();
    add.retain(|entry| !is_set_cookie(entry) || entry.get("value").and_then(Value::as_str).is_some_and(users));
    if add.len() == before {
        return false;
    }
    if add.is_empty() {
        modifier.remove("add");
    }
    modifier.is_empty()
}
