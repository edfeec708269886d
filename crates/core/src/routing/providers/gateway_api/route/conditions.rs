//! Conditions on requests in Gateway API's words: the lists of a match that compare by name, as `analysis.match` needs them. Kuma
//! has the same.

use crate::api::canary::{AnalysisMatch, StringMatch};
use crate::object::text;
use crate::routing::weighted::{self, expressions};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The way to compare that is meant where none is said.
const EXACT: &str = "Exact";

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
        "exact" => json!({"name": name, "type": EXACT, "value": value}),
        "prefix" => expression(name, &expressions::beginning(value)),
        "suffix" => expression(name, &expressions::ending(value)),
        _ => expression(name, value),
    })
}

fn expression(name: &str, value: &str) -> Value {
    json!({"name": name, "type": "RegularExpression", "value": value})
}

/// A match of a rule together with a condition. Where both ask for one header or parameter, the one is said that wants a text
/// which meets the other. Any other pair cannot be said, and is never widened to one of the two.
pub(in crate::routing::providers) fn merged(of: &Value, condition: &Value) -> Option<Value> {
    let mut out = of.as_object()?.clone();
    for key in ["headers", "queryParams"] {
        for wanted in condition.get(key).and_then(Value::as_array).into_iter().flatten() {
            let list = out.entry(key).or_insert_with(|| json!([])).as_array_mut()?;
            match list.iter_mut().find(|item| same_name(key, item, wanted)) {
                None => list.push(wanted.clone()),
                Some(item) => *item = narrower(item, wanted)?.clone(),
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

fn narrower<'a>(own: &'a Value, wanted: &'a Value) -> Option<&'a Value> {
    let is_met = |one: &Value, other: &Value| way(one) == EXACT && meets(other, text(one, "/value"));
    weighted::narrower(own, wanted, says_the_same, is_met)
}

// Whether a header or parameter of that text meets a condition. Kuma has the last two as well.
fn meets(condition: &Value, said: &str) -> bool {
    let value = text(condition, "/value");
    match way(condition) {
        EXACT => said == value,
        "RegularExpression" => expressions::covers(value, said),
        "Prefix" => said.starts_with(value),
        "Present" => true,
        _ => false,
    }
}

// How the value is compared.
fn way(one: &Value) -> &str {
    one.get("type").and_then(Value::as_str).unwrap_or(EXACT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(own: Value, wanted: Value) -> Option<Value> {
        let named = |mut one: Value| {
            one["name"] = json!("x-user");
            json!({"headers": [one]})
        };
        let both = merged(&named(own), &named(wanted))?;
        Some(json!([both["headers"][0]["type"], both["headers"][0]["value"]]))
    }

    #[test]
    fn of_a_text_and_what_it_meets_the_text_is_asked_for() {
        let of = |way: &str, value: &str| json!({"type": way, "value": value});
        let insider = || of("Exact", "insider");
        let said = Some(json!(["Exact", "insider"]));
        for wider in [
            of("RegularExpression", ".+"),
            of("Prefix", "in"),
            json!({"type": "Present"}),
        ] {
            assert_eq!(both(wider.clone(), insider()), said, "{wider}");
            assert_eq!(both(insider(), wider.clone()), said, "{wider}");
        }
        for other in [
            of("Exact", "other"),
            of("RegularExpression", "side"),
            of("Prefix", "out"),
            json!({"type": "Absent"}),
        ] {
            assert_eq!(both(other.clone(), insider()), None, "{other}");
        }
        let one = of("RegularExpression", "a.*");
        assert_eq!(both(one.clone(), of("RegularExpression", ".*b")), None);
        assert_eq!(both(one.clone(), one), Some(json!(["RegularExpression", "a.*"])));
    }
}
