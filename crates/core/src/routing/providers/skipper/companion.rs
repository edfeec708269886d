//! The second Ingresses: one for the share, and one for each entry of a test.

use super::predicates;
use crate::routing::ingress::companion::{self, annotation};
use crate::routing::ingress::marks::{PREDICATE, SKIPPER};
use crate::routing::ingress::paths;
use crate::routing::{Exposure, Names, Traffic};
use serde_json::{Map, Value};

/// How the requests for a path are divided among several Services.
const WEIGHTS: &str = "zalando.org/backend-weights";
/// Routes in Skipper's own language.
pub(super) const ROUTES: &str = "zalando.org/skipper-routes";

/// Names of all that there may be.
pub(super) fn called(route: &Value, names: &Names) -> Vec<String> {
    let tests = (0..predicates::MOST).map(|at| of_test(route, names, at));
    [name(route, names)].into_iter().chain(tests).collect()
}

// Flagger's name, where the Ingress leads to one app alone. Skipper names its series by the Ingress, with an underscore for
// every dash, and Flagger's queries look for `_canary__` and then for the Service: so what tells several apart comes behind two
// dashes.
fn name(route: &Value, names: &Names) -> String {
    let name = paths::name(route);
    if paths::lead_only_to(route, &names.apex) {
        format!("{name}-canary")
    } else {
        format!("{name}-canary--{}", names.apex)
    }
}

fn of_test(route: &Value, names: &Names, at: usize) -> String {
    format!("{}--test-{}", name(route, names), at.saturating_add(1))
}

/// Those that carry `traffic` beside a user's Ingress.
pub(super) fn beside(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    let share = (traffic.canary() > 0).then(|| (name(route, names), predicates::share(traffic.canary())));
    let named = if traffic.matched {
        predicates::named(&exposure.matches)
    } else {
        Vec::new()
    };
    let tests = named.into_iter().enumerate();
    let tests = tests.map(|(at, picked)| (of_test(route, names, at), picked));
    let all = share.into_iter().chain(tests);
    all.filter_map(|(name, picked)| companion::made(route, names, &name, &annotations(route, &picked)))
        .collect()
}

// Its predicates, and what Skipper does with the requests of the user's Ingress.
fn annotations(route: &Value, picked: &str) -> Map<String, Value> {
    let is_read = |key: &str| key.starts_with(SKIPPER) && ![PREDICATE, WEIGHTS, ROUTES].contains(&key);
    let mut annotations = companion::kept(route, is_read);
    let predicate = predicates::before(picked, annotation(route, PREDICATE));
    annotations.insert(PREDICATE.to_owned(), Value::String(predicate));
    annotations
}

/// What the companions of a user's Ingress do with the pair's traffic.
pub(super) fn read(route: &Value, live: &[&Value], names: &Names, exposure: &Exposure) -> Option<Traffic> {
    // One by which nobody is sent is as good as none.
    let live: Vec<&Value> = live
        .iter()
        .copied()
        .filter(|one| !predicates::is_nobody(predicate(one)))
        .collect();
    if live.is_empty() {
        return Some(Traffic::PRIMARY);
    }
    let share = live.iter().find_map(|one| predicates::share_of(predicate(one)));
    let share = Traffic::share(share.unwrap_or(0));
    let matched = Traffic { matched: true, ..share };
    let does = |candidate: &Traffic| {
        let wanted = beside(route, names, *candidate, exposure);
        let is_there = |one: &Value| live.iter().any(|other| is_as(other, one));
        wanted.len() == live.len() && wanted.iter().all(is_there)
    };
    [share, matched].into_iter().find(does)
}

// Whether both take the same requests.
fn is_as(one: &Value, other: &Value) -> bool {
    let same = |at: &str| one.pointer(at) == other.pointer(at);
    predicate(one) == predicate(other) && same("/metadata/name") && same("/spec/rules")
}

fn predicate(ingress: &Value) -> &str {
    annotation(ingress, PREDICATE).unwrap_or_default()
}
