//! The rules of a MeshHTTPRoute stand two levels deep: each entry of `to`, which is about one Service, has its own, and in
//! these the backends are a part of `default`. Here they are one list, each with its backends and with the place of its entry.

use crate::routing::reference::{with, without};
use serde_json::{Value, json};

/// Where that list is.
pub(super) const ALL: &str = "/spec/rules";
/// The member of a rule with its backends.
pub(super) const BACKENDS: &str = "backendRefs";
/// The member of a rule with the place of its entry.
const ENTRY: &str = "to";
/// The member of a rule with what is done with the requests that meet it.
pub(super) const DEFAULT: &str = "default";

/// The entries of a route.
pub(super) fn entries(route: &Value) -> impl Iterator<Item = &Value> {
    let all = route.pointer("/spec/to").and_then(Value::as_array);
    all.into_iter().flatten()
}

/// `route` with all of its rules in one list.
pub(super) fn listed(route: &Value) -> Value {
    let of = |(at, entry): (usize, &Value)| -> Vec<Value> {
        let own = entry.get("rules").and_then(Value::as_array).into_iter().flatten();
        own.map(|rule| raised(rule, at)).collect()
    };
    let all: Vec<Value> = entries(route).enumerate().flat_map(of).collect();
    json!({"metadata": {"namespace": route.pointer("/metadata/namespace")}, "spec": {"rules": all}})
}

/// `route` with the rules of such a list, each in the entry that it is of.
pub(super) fn with_listed(route: &Value, rules: &Value) -> Value {
    let mut route = route.clone();
    let entries = route.pointer_mut("/spec/to").and_then(Value::as_array_mut);
    for (at, entry) in entries.into_iter().flatten().enumerate() {
        let of_it = |rule: &&Value| rule.get(ENTRY).and_then(Value::as_u64) == u64::try_from(at).ok();
        if let Some(own) = entry.get_mut("rules").and_then(Value::as_array_mut) {
            let all = rules.as_array().into_iter().flatten();
            *own = all.filter(of_it).map(lowered).collect();
        }
    }
    route
}

fn raised(rule: &Value, at: usize) -> Value {
    let placed = with(rule, ENTRY, json!(at));
    let Some(default) = rule.get(DEFAULT).filter(|default| default.get(BACKENDS).is_some()) else {
        return placed;
    };
    let backends = default.get(BACKENDS).cloned().unwrap_or_default();
    let placed = with(&placed, DEFAULT, without(default, &[BACKENDS]));
    with(&placed, BACKENDS, backends)
}

fn lowered(rule: &Value) -> Value {
    let own = without(rule, &[ENTRY, BACKENDS]);
    let Some(backends) = rule.get(BACKENDS) else {
        return own;
    };
    let default = own.get(DEFAULT).cloned().unwrap_or_else(|| json!({}));
    with(&own, DEFAULT, with(&default, BACKENDS, backends.clone()))
}
