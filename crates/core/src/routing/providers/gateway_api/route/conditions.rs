//! Conditions on requests in Gateway API's words: the lists of a match that compare by name, as `analysis.match` needs them. Kuma
//! has the same.

use crate::api::canary::{AnalysisMatch, StringMatch};
use crate::object::text;
use crate::routing::weighted::expressions;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The entries of `analysis.match` that can be said exactly by lists of these `names`. One that cannot (`sourceLabels`) or
/// that says nothing is left out: admission refuses it or says so, and a route never sends more users to the canary than were
/// named.
pub(in crate::routing::providers) fn of_analysis(matches: &[AnalysisMatch], names: &[&str]) -> Vec<Value> {
    matches.iter().filter_map(|of| entry(of, names)).collect()
}

fn entry(of: &AnalysisMatch, names: &[&str]) -> Option<Value> {
    if of.source_labels.as_ref().is_some_and(|labels| !labels.is_empty()) {
        return None;
    }
    let mut out = Map::new();
    for (key, from) in [("headers", &of.headers), ("queryParams", &of.query_params)] {
        let items = listed(key, from.as_ref());
        // A condition without a form cannot be said.
        if items.len() != from.as_ref().map_or(0, BTreeMap::len) {
            return None;
        }
        if !items.is_empty() {
            if !names.contains(&key) {
                return None;
            }
            out.insert(key.to_owned(), Value::Array(items));
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

/// The conditions on headers, or on query parameters, that have a form.
pub(in crate::routing::providers) fn listed(key: &str, from: Option<&BTreeMap<String, StringMatch>>) -> Vec<Value> {
    let lowered = |name: &str| match key {
        "headers" => name.to_ascii_lowercase(),
        _ => name.to_owned(),
    };
    from.into_iter()
        .flatten()
        .filter_map(|(name, m)| named(&lowered(name), m))
        .collect()
}

/// The condition that every request meets.
pub(in crate::routing::providers) fn everything() -> Value {
    json!({"path": {"type": "PathPrefix", "value": "/"}})
}

/// Requests that carry `cookie` (`name=value`), among others or alone.
pub(in crate::routing::providers) fn with_cookie(cookie: &str) -> Value {
    json!({"headers": [expression("cookie", &expressions::with_cookie(cookie))]})
}

/// One condition on a header or query parameter; `None` without a form.
///
/// Gateway API knows exact and regular expressions; a prefix or suffix becomes the expression that says the same, whether
/// the gateway searches (Traefik) or compares the whole value (Envoy). A user's own expression is passed on unchanged.
pub(in crate::routing::providers) fn named(name: &str, of: &StringMatch) -> Option<Value> {
    let (form, value) = of.form()?;
    Some(match form {
        "exact" => json!({"name": name, "type": "Exact", "value": value}),
        "prefix" => expression(name, &expressions::beginning(value)),
        "suffix" => expression(name, &expressions::ending(value)),
        _ => expression(name, value),
    })
}

fn expression(name: &str, value: &str) -> Value {
    json!({"name": name, "type": "RegularExpression", "value": value})
}

/// A match of a rule together with a condition. A pair that asks two different things of one header or parameter cannot be
/// said, and is never widened to one of the two.
pub(in crate::routing::providers) fn merged(of: &Value, condition: &Value) -> Option<Value> {
    let mut out = of.as_object()?.clone();
    for key in ["headers", "queryParams"] {
        for wanted in condition.get(key).and_then(Value::as_array).into_iter().flatten() {
            let list = out.entry(key).or_insert_with(|| json!([])).as_array_mut()?;
            match list.iter().find(|item| same_name(key, item, wanted)) {
                None => list.push(wanted.clone()),
                Some(item) if says_the_same(item, wanted) => {}
                Some(_) => return None,
            }
        }
    }
    Some(Value::Object(out))
}

fn same_name(key: &str, one: &Value, other: &Value) -> bool {
    let (one, other) = (text(one, "/name"), text(other, "/name"));
    one == other || key == "headers" && one.eq_ignore_ascii_case(other)
}

fn says_the_same(one: &Value, other: &Value) -> bool {
    way(one) == way(other) && text(one, "/value") == text(other, "/value")
}

// How the value is compared.
fn way(one: &Value) -> &str {
    one.get("type").and_then(Value::as_str).unwrap_or("Exact")
}
