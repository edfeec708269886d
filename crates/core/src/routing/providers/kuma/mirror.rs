//! The copies of requests that a rule sends to the canary: one more filter, as the Gateway API has it.

use super::references::side_of_backend;
use super::rules::{BACKENDS, DEFAULT};
use crate::routing::reference::{Local, Side, with, without};
use serde_json::{Value, json};

const FILTERS: &str = "filters";

fn filters(rule: &Value) -> &[Value] {
    let all = rule.get(DEFAULT).and_then(|default| default.get(FILTERS)?.as_array());
    all.map(Vec::as_slice).unwrap_or_default()
}

fn with_filters(rule: &Value, filters: Vec<Value>) -> Value {
    let default = rule.get(DEFAULT).cloned().unwrap_or_else(|| json!({}));
    let default = if filters.is_empty() {
        without(&default, &[FILTERS])
    } else {
        with(&default, FILTERS, Value::Array(filters))
    };
    with(rule, DEFAULT, default)
}

fn is_ours(filter: &Value, names: &Local<'_>) -> bool {
    let to = filter.pointer("/requestMirror/backendRef");
    to.and_then(|to| side_of_backend(to, names)) == Some(Side::Canary)
}

/// Percent of the requests that `rule` copies to the canary.
pub(super) fn percent(rule: &Value, names: &Local<'_>) -> u8 {
    let ours = filters(rule).iter().rfind(|filter| is_ours(filter, names));
    ours.map_or(0, |filter| {
        let said = filter.pointer("/requestMirror/percentage").and_then(Value::as_u64);
        u8::try_from(said.unwrap_or(100).min(100)).unwrap_or(100)
    })
}

/// A split rule that copies so much to its canary. The weight is the one that the API server would add.
pub(super) fn with_ours(rule: &Value, names: &Local<'_>, percent: u8) -> Value {
    let mut backends = rule.get(BACKENDS).and_then(Value::as_array).into_iter().flatten();
    let Some(canary) = backends.find(|one| side_of_backend(one, names) == Some(Side::Canary)) else {
        return rule.clone();
    };
    let mut mirror = json!({"backendRef": with(canary, "weight", json!(1))});
    if percent < 100 {
        mirror = with(&mirror, "percentage", json!(percent));
    }
    let ours = json!({"type": "RequestMirror", "requestMirror": mirror});
    with_filters(rule, filters(rule).iter().cloned().chain([ours]).collect())
}

/// The rule with the user's filters alone.
pub(super) fn without_ours(rule: &Value, names: &Local<'_>) -> Value {
    let theirs = |filter: &&Value| !is_ours(filter, names);
    if filters(rule).iter().all(|filter| theirs(&filter)) {
        return rule.clone();
    }
    with_filters(rule, filters(rule).iter().filter(theirs).cloned().collect())
}
