//! Why the traffic of a route cannot be moved, in words for people.

use super::{refers_to, rules, with_traffic};
use crate::object::text;
use crate::routing::{Cookies, Exposure, Names, Traffic};
use serde_json::Value;

/// Rules that an HTTPRoute may have.
const MOST_RULES: usize = 16;
/// Matches that one rule may have.
const MOST_MATCHES: usize = 64;
/// Matches that all rules may have together.
const MOST_MATCHES_IN_ALL: usize = 128;

/// Why the traffic of the pair cannot be moved by `route`, or not be read from it; nothing when all is well.
pub fn problem(route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
    if !refers_to(route, names) {
        return Some(format!(
            "no rule of HTTPRoute {} sends to Service {}: name it as a backend, or give the route another name",
            text(route, "/metadata/name"),
            names.apex
        ));
    }
    crowded(route, names, exposure).or_else(|| rejected(route))
}

/// Whether what a run adds makes `route` greater than a route may be: rules of their own for the users of an A/B test, or
/// for the cookies of sessions.
pub fn crowded(route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
    let has = rules(route).count();
    let too_many = too_many(&busiest(route, names, exposure))?;
    let why = if exposure.affinity.is_some() {
        "the cookies of its sessions"
    } else {
        "the conditions of its A/B test"
    };
    Some(format!(
        "HTTPRoute {} has {has} rules; with {why} a release needs {too_many}: move some of its rules to a second HTTPRoute, \
         or leave {why} out",
        text(route, "/metadata/name")
    ))
}

// The rules at the moment of a run that needs the most: with every condition and every cookie.
fn busiest(route: &Value, names: &Names, exposure: &Exposure) -> Vec<Value> {
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
    match with_traffic(route, names, traffic, &full) {
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

/// Whether a gateway that says which generation of the route it has taken up has not taken up this one: it may have lost
/// the API server for a while, and goes on sending users where it sent them. One that the route does not name any more is
/// not waited for, nor one that never says.
pub fn is_pending(route: &Value) -> bool {
    let Some(generation) = route.pointer("/metadata/generation").and_then(Value::as_i64) else {
        return false;
    };
    let list = |at: &str| route.pointer(at).and_then(Value::as_array).into_iter().flatten();
    let key = |of: &Value| ["kind", "name", "sectionName", "port"].map(|field| of.get(field).cloned());
    list("/spec/parentRefs").any(|parent| {
        let of_it = |told: &&Value| told.get("parentRef").is_some_and(|of| key(of) == key(parent));
        // Where another controller had it before, that one's word stays behind.
        let mut told = list("/status/parents").filter(of_it).filter_map(taken_up).peekable();
        told.peek().is_some() && told.all(|seen| seen < generation)
    })
}

// The generation that a parent's gateway has taken up.
fn taken_up(parent: &Value) -> Option<i64> {
    let conditions = parent.get("conditions").and_then(Value::as_array).into_iter().flatten();
    let seen = conditions.filter_map(|condition| condition.get("observedGeneration")?.as_i64());
    seen.max()
}

/// What the gateways say against the route as it is now; nothing while one that answered takes it, or none has answered.
fn rejected(route: &Value) -> Option<String> {
    let generation = route
        .pointer("/metadata/generation")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    let parents = route.pointer("/status/parents").and_then(Value::as_array);
    let verdicts = parents
        .into_iter()
        .flatten()
        .filter_map(|parent| verdict(parent, generation));
    let refusals: Option<Vec<String>> = verdicts.collect();
    let first = refusals?.into_iter().next()?;
    Some(format!(
        "HTTPRoute {} is refused by {first}",
        text(route, "/metadata/name")
    ))
}

// Nothing of a parent that has not answered for this generation; then why it refuses, or that it does not. A backend that
// it does not find (`ResolvedRefs`) may be another rule's, and one of ours is a moment's: its Services are being made.
fn verdict(parent: &Value, generation: i64) -> Option<Option<String>> {
    let conditions = parent.get("conditions").and_then(Value::as_array).into_iter().flatten();
    let of_now = |c: &&Value| c.get("observedGeneration").and_then(Value::as_i64) == Some(generation);
    let mut answers = conditions
        .filter(of_now)
        .filter(|c| text(c, "/type") == "Accepted")
        .peekable();
    answers.peek()?;
    let refusal = answers.find(|c| text(c, "/status") == "False");
    let gateway = text(parent, "/parentRef/name");
    Some(refusal.map(|c| format!("gateway {gateway}: {} ({})", text(c, "/message"), text(c, "/reason"))))
}
