//! Weights that Contour takes for granted. Where no Service of a route has one, all get the same; where any has, one without
//! gets nothing. Before a route is read or cut these are said, and on the exit they are left out again.

use super::dialect::ProxyRoutes;
use super::services::{self, is_mirror};
use crate::routing::Names;
use crate::routing::reference::{Local, Side, weight, with};
use crate::routing::weighted::{self, Dialect};
use serde_json::{Value, json};

/// `route` with every weight said in the routes that lead to the pair.
pub(super) fn said(route: &Value, names: &Names) -> Value {
    let local = &Local::of(route, names);
    changed(route, local, |rule| said_of(rule, local))
}

/// `route` without weights that say nothing in the routes that lead to the pair: those of 1 where no Service has another.
pub(super) fn unsaid(route: &Value, names: &Names) -> Value {
    changed(route, &Local::of(route, names), unsaid_of)
}

fn changed(route: &Value, names: &Local<'_>, change: impl Fn(&Value) -> Value) -> Value {
    let of = |rule: &Value| {
        if services::lead(rule, names) {
            change(rule)
        } else {
            rule.clone()
        }
    };
    weighted::with_rules::<ProxyRoutes>(route, weighted::rules::<ProxyRoutes>(route).map(of).collect())
}

fn said_of(rule: &Value, names: &Local<'_>) -> Value {
    let all = services::all(rule);
    if all.len() == 1 {
        return rule.clone();
    }
    let is_half = |one: &&Value| matches!(ProxyRoutes::side(one, names), Some(Side::Primary | Side::Canary));
    let weighs = |one: &Value| ProxyRoutes::weight(one, false) > 0;
    let any = all.iter().any(weighs);
    let pair = all.iter().filter(is_half).any(weighs);
    let said = |one: &Value| match one {
        one if is_mirror(one) => one.clone(),
        one if !any => with(one, "weight", json!(1)),
        // Go leaves a weight of 0 out, so one of those that Flagger wrote may have none.
        one if pair && is_half(&one) && one.get("weight").is_none() => with(one, "weight", json!(0)),
        one => one.clone(),
    };
    with(rule, ProxyRoutes::REFS, all.iter().map(said).collect())
}

fn unsaid_of(rule: &Value) -> Value {
    let all = services::all(rule);
    let mut served = all.iter().filter(|one| !is_mirror(one));
    if !served.all(|one| weight(one) == Some(1)) {
        return rule.clone();
    }
    let unsaid = |one: &Value| {
        if is_mirror(one) {
            one.clone()
        } else {
            ProxyRoutes::alone(one)
        }
    };
    with(rule, ProxyRoutes::REFS, all.iter().map(unsaid).collect())
}
