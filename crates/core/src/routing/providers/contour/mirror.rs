//! The copies of requests that a route sends to the canary: one more Service of the route, with `mirror: true`. Contour takes
//! one for each route, so a route that has one of its author's gets none of ours.

use super::services::{self, is_mirror};
use crate::routing::reference::{Local, Side, side, weight, with};
use serde_json::{Value, json};

fn is_ours(service: &Value, names: &Local<'_>) -> bool {
    is_mirror(service) && side(service, names) == Some(Side::Canary)
}

/// Percent of its requests that a route copies to the canary. Contour takes a weight of 0 for none that is said.
pub(super) fn percent(rule: &Value, names: &Local<'_>) -> u8 {
    let ours = services::all(rule).iter().find(|one| is_ours(one, names));
    let weight = |one: &Value| weight(one).filter(|weight| *weight > 0);
    ours.map_or(0, |one| weight(one).map_or(100, share))
}

fn share(weight: u64) -> u8 {
    u8::try_from(weight.min(100)).unwrap_or(100)
}

/// The route with so many copies for its canary.
pub(super) fn with_ours(rule: &Value, names: &Local<'_>, percent: u8) -> Value {
    let all = services::all(rule);
    let canary = all.iter().find(|one| services::side(one, names) == Some(Side::Canary));
    let Some(canary) = canary.filter(|_| !all.iter().any(is_mirror)) else {
        return rule.clone();
    };
    let copied = with(&services::alone(canary), "mirror", json!(true));
    let copied = if percent < 100 {
        with(&copied, "weight", json!(percent))
    } else {
        copied
    };
    with(rule, services::AT, all.iter().cloned().chain([copied]).collect())
}

/// The route without them.
pub(super) fn without_ours(rule: &Value, names: &Local<'_>) -> Value {
    let all = services::all(rule);
    if !all.iter().any(|one| is_ours(one, names)) {
        return rule.clone();
    }
    let kept = all.iter().filter(|one| !is_ours(one, names));
    with(rule, services::AT, kept.cloned().collect())
}
