//! The copies of requests that a rule sends to the canary.
//!
//! A rule has either `mirror` or `mirrors`. Ours is the former, as Flagger writes it, where the user has neither. It is the
//! last of the user's `mirrors`; and where the user has `mirror` both are in `mirrors`, ours first.

use super::hosts::side_of;
use crate::routing::reference::{Local, Side, with, without};
use serde_json::{Map, Value, json};

/// How much a `mirror` copies, by its present name and by those of before.
const PERCENT: [&str; 3] = ["mirrorPercentage", "mirrorPercent", "mirror_percent"];

fn is_ours(destination: Option<&Value>, names: &Local<'_>) -> bool {
    destination.and_then(|to| side_of(to, names)) == Some(Side::Canary)
}

fn of_list(mirrors: Option<&Value>) -> &[Value] {
    mirrors.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Percent of the requests that `rule` copies to the canary.
pub(super) fn percent(rule: &Value, names: &Local<'_>) -> u8 {
    let share = |percentage: Option<&Value>| match percentage.and_then(|one| one.get("value")?.as_f64()) {
        // What a route was stored with by hand may be anything.
        Some(value) => value.round().clamp(0.0, 100.0) as u8,
        None => 100,
    };
    if is_ours(rule.get("mirror"), names) {
        return share(rule.get("mirrorPercentage"));
    }
    let mut all = of_list(rule.get("mirrors")).iter();
    let ours = all.find(|mirror| is_ours(mirror.get("destination"), names));
    ours.map_or(0, |mirror| share(mirror.get("percentage")))
}

/// A rule that copies so much to `destination`.
pub(super) fn with_ours(rule: &Value, destination: &Value, percent: u8) -> Value {
    let percentage = (percent < 100).then(|| json!({ "value": percent }));
    let has = |member: &&str| rule.get(*member).is_some();
    if !["mirror", "mirrors"].iter().chain(&PERCENT).any(has) {
        let rule = with(rule, "mirror", destination.clone());
        return match percentage {
            Some(percentage) => with(&rule, "mirrorPercentage", percentage),
            None => rule,
        };
    }
    let ours = policy(destination, percentage);
    let Some(theirs) = rule.get("mirror") else {
        let mirrors = of_list(rule.get("mirrors")).iter().cloned().chain([ours]);
        return with(rule, "mirrors", mirrors.collect());
    };
    let before = PERCENT.iter().find_map(|member| rule.get(*member));
    let before = before.map(|percent| match percent {
        Value::Number(percent) => json!({ "value": percent }),
        other => other.clone(),
    });
    let rule = with(rule, "mirrors", json!([ours, policy(theirs, before)]));
    without(&rule, &["mirror"])
}

fn policy(destination: &Value, percentage: Option<Value>) -> Value {
    let mut policy = Map::new();
    policy.insert("destination".to_owned(), destination.clone());
    policy.extend(percentage.map(|percentage| ("percentage".to_owned(), percentage)));
    Value::Object(policy)
}

/// The rule with the user's mirrors alone.
pub(super) fn without_ours(rule: &Value, names: &Local<'_>) -> Value {
    if is_ours(rule.get("mirror"), names) {
        return without(rule, &["mirror", "mirrorPercentage"]);
    }
    let to = |mirror: &Value| mirror.get("destination").cloned();
    let ours = |mirror: &Value| is_ours(mirror.get("destination"), names);
    match of_list(rule.get("mirrors")) {
        [first, theirs] if ours(first) => {
            let rule = without(rule, &["mirrors"]);
            to(theirs).map_or_else(|| rule.clone(), |theirs| with(&rule, "mirror", theirs))
        }
        [last] if ours(last) => without(rule, &["mirrors"]),
        [theirs @ .., last] if ours(last) => with(rule, "mirrors", json!(theirs)),
        _ => rule.clone(),
    }
}
