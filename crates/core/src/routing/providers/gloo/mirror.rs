//! The copies of requests that a route sends to the canary: `options.shadowing`. Gloo has one for each route, so a route
//! that has one of its author's gets none of ours. It leads to an Upstream in any case.

use super::place;
use crate::routing::reference::{Local, Side, with, without};
use serde_json::{Value, json};

const OPTIONS: &str = "options";
const SHADOWING: &str = "shadowing";

/// The Upstream that gets copies of the requests of a route, as a destination of the route would name it.
pub(super) fn copied_to(rule: &Value) -> Option<Value> {
    let upstream = rule.pointer("/options/shadowing/upstream")?;
    Some(json!({ "upstream": upstream }))
}

fn is_ours(rule: &Value, names: &Local<'_>) -> bool {
    let side = copied_to(rule).and_then(|to| place::read(&to, names));
    side.is_some_and(|(side, _)| side == Side::Canary)
}

/// Percent of its requests that a route copies to the canary.
pub(super) fn percent(rule: &Value, names: &Local<'_>) -> u8 {
    let said = rule.pointer("/options/shadowing/percentage").and_then(Value::as_f64);
    let said = said.filter(|_| is_ours(rule, names));
    // What a route was stored with by hand may be anything.
    said.map_or(0, |percent| percent.round().clamp(0.0, 100.0) as u8)
}

/// The route with so many copies for its canary.
pub(super) fn with_ours(rule: &Value, names: &Local<'_>, percent: u8) -> Value {
    let options = rule.get(OPTIONS).cloned().unwrap_or_else(|| json!({}));
    let list = rule.get(place::DESTINATIONS).and_then(Value::as_array);
    let mut canaries = list
        .into_iter()
        .flatten()
        .filter(|one| place::side(one, names) == Some(Side::Canary));
    let by = canaries.next().and_then(|canary| canary.get("by"));
    let Some(by) = by.filter(|_| options.get(SHADOWING).is_none()) else {
        return rule.clone();
    };
    let upstream = place::of_half(&names.canary, by, names);
    let ours = json!({"upstream": upstream, "percentage": percent});
    with(rule, OPTIONS, with(&options, SHADOWING, ours))
}

/// The route without them.
pub(super) fn without_ours(rule: &Value, names: &Local<'_>) -> Value {
    let Some(options) = rule.get(OPTIONS).filter(|_| is_ours(rule, names)) else {
        return rule.clone();
    };
    let options = without(options, &[SHADOWING]);
    if options.as_object().is_some_and(serde_json::Map::is_empty) {
        return without(rule, &[OPTIONS]);
    }
    with(rule, OPTIONS, options)
}
