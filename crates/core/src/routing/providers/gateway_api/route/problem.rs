//! Why the traffic of a route cannot be moved, in words for people.

use super::dialect::Rules;
use super::{Words, verdict};
use crate::object::text;
use crate::routing::{Cookies, Exposure, Names, Traffic, weighted};
use serde_json::Value;

/// Rules that a route may have.
const MOST_RULES: usize = 16;
/// Matches that one rule may have.
const MOST_MATCHES: usize = 64;
/// Matches that all rules may have together.
const MOST_MATCHES_IN_ALL: usize = 128;

/// Why the traffic of the pair cannot be moved by `route`, or not be read from it; nothing when all is well.
pub(super) fn problem<W: Words>(route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
    if !weighted::refers_to::<Rules<W>>(route, names) {
        return Some(format!(
            "no rule of {} {} sends to Service {}: name it as a backend, or give the route another name",
            W::KIND,
            text(route, "/metadata/name"),
            names.apex
        ));
    }
    crowded::<W>(route, names, exposure).or_else(|| verdict::rejected::<W>(route, names))
}

/// Whether what a run adds makes `route` greater than a route may be: rules of their own for the users of an A/B test, or
/// for the cookies of sessions.
pub(super) fn crowded<W: Words>(route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
    let has = weighted::rules::<Rules<W>>(route).count();
    let too_many = too_many(&busiest::<W>(route, names, exposure))?;
    let why = if exposure.affinity.is_some() {
        "the cookies of its sessions"
    } else {
        "the conditions of its A/B test"
    };
    Some(format!(
        "{kind} {} has {has} rules; with {why} a release needs {too_many}: move some of its rules to a second {kind}, or \
         leave {why} out",
        text(route, "/metadata/name"),
        kind = W::KIND
    ))
}

// The rules at the moment of a run that needs the most: with every condition and every cookie.
fn busiest<W: Words>(route: &Value, names: &Names, exposure: &Exposure) -> Vec<Value> {
    let cookie = |wanted: bool| wanted.then(|| String::from("cookie=value"));
    let of_primary = exposure
        .affinity
        .as_ref()
        .is_some_and(|a| a.primary_cookie_name.is_some());
    let full = Exposure {
        cookies: Cookies {
            canary: cookie(exposure.affinity.is_some()),
            primary: cookie(of_primary),
            previous: None,
        },
        ..exposure.clone()
    };
    let traffic = Traffic {
        matched: !exposure.matches.is_empty(),
        sticky: exposure.affinity.is_some(),
        ..Traffic::share(50)
    };
    match weighted::with_traffic::<Rules<W>>(route, names, traffic, &full) {
        Value::Array(rules) => rules,
        _ => Vec::new(),
    }
}

// What of so many rules a route may not have.
fn too_many(rules: &[Value]) -> Option<String> {
    let matches = |rule: &Value| rule.get("matches").and_then(Value::as_array).map_or(0, Vec::len);
    let most = rules.iter().map(matches).max().unwrap_or(0);
    let all = rules.iter().map(matches).sum::<usize>();
    if rules.len() > MOST_RULES {
        Some(format!("{} rules, and a route may have {MOST_RULES}", rules.len()))
    } else if most > MOST_MATCHES {
        Some(format!(
            "{most} matches in one rule, and a rule may have {MOST_MATCHES}"
        ))
    } else {
        (all > MOST_MATCHES_IN_ALL).then(|| format!("{all} matches, and a route may have {MOST_MATCHES_IN_ALL}"))
    }
}
