//! What Contour makes of routes of a test beside the user's. It puts routes into an order of its own, whatever theirs: the
//! longest path first, then most headers, then most query parameters. A route of a test has the path of the one it was made
//! from and more conditions than that one, so it comes first; of other routes that is not certain.

use super::KIND;
use super::conditions::{self, path, size};
use super::dialect::ProxyRoutes;
use super::services;
use crate::object::text;
use crate::routing::reference::Local;
use crate::routing::{Exposure, Names, weighted};
use serde_json::Value;

/// Why a test by `exposure` would change what becomes of other requests, given the `route` as its author means it.
pub(super) fn conflict(route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
    let tests = conditions::of_analysis(&exposure.matches);
    if tests.is_empty() {
        return None;
    }
    let all: Vec<&Value> = weighted::rules::<ProxyRoutes>(route).collect();
    let local = &Local::of(route, names);
    let (ours, others): (Vec<&Value>, Vec<&Value>) = all.iter().copied().partition(|rule| services::lead(rule, local));
    let is_root = route.pointer("/spec/virtualhost").is_some();
    let completed = ours.iter().find_map(|rule| rewritten(rule, &all, is_root));
    let why = completed.or_else(|| tests.iter().find_map(|test| stolen(&ours, &others, list(test))))?;
    Some(format!(
        "{KIND} {}, in which Service {} is to be tested, {why}",
        text(route, "/metadata/name"),
        names.apex
    ))
}

fn of(rule: &Value) -> &[Value] {
    rule.get("conditions").map(list).unwrap_or_default()
}

fn list(conditions: &Value) -> &[Value] {
    conditions.as_array().map(Vec::as_slice).unwrap_or_default()
}

// A single route that replaces its prefix gets a second one for what is below it, but not beside another route. One for all
// paths has more before them where a root includes it by a prefix.
fn rewritten(rule: &Value, all: &[&Value], is_root: bool) -> Option<String> {
    let replaced = rule.pointer("/pathRewritePolicy/replacePrefix")?.as_array()?;
    let trimmed = |rule: &Value| match path(of(rule)) {
        ("prefix", text) => Some(text.trim_end_matches('/').to_owned()),
        _ => None,
    };
    let own = trimmed(rule).filter(|own| !is_root || !own.is_empty())?;
    let single = all.iter().filter(|other| trimmed(other).as_ref() == Some(&own)).count() == 1;
    (single && !replaced.is_empty()).then(|| {
        format!(
            "replaces the prefix {} in a single route, which Contour completes by one for what is below it, but not beside a \
             route of a test: write both yourself, with and without the slash at the end, or leave match out",
            path(of(rule)).1
        )
    })
}

// A route to somewhere else, for the same path, that requests of the test meet as well, and that would have come first.
fn stolen(ours: &[&Value], others: &[&Value], test: &[Value]) -> Option<String> {
    let more = size(test);
    let between = |rule: &Value, other: &Value| {
        let (own, theirs) = (size(of(rule)), size(of(other)));
        let tested = (own.0 + more.0, own.1 + more.1);
        path(of(rule)) == path(of(other)) && theirs != (0, 0) && own <= theirs && theirs <= tested
    };
    let found = others
        .iter()
        .find(|other| ours.iter().any(|rule| between(rule, other)))?;
    Some(format!(
        "has a route for {} with conditions of its own that leads elsewhere: Contour might prefer a route of the test for \
         requests that meet both; give it a path of its own, or leave match out",
        path(of(found)).1
    ))
}
