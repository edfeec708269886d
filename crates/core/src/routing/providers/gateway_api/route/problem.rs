//! Why the traffic of a route cannot be moved, in words for people.

use super::Words;
use super::dialect::Rules;
use crate::object::text;
use crate::routing::reference::{Local, side};
use crate::routing::{Cookies, Exposure, Names, Traffic, weighted};
use serde_json::Value;

/// Controllers without the RequestMirror filter.
const WITHOUT_MIRROR: &[&str] = &["traefik.io/gateway-controller"];
/// What the names of controllers begin with that tell their proxies of routes and of Services by streams of their own.
const TELL_APART: &str = "projectcontour.io/";
/// Why a gateway refuses a route that would be refused as well if it were the only one: its listeners take other kinds, say.
const SHUT_OUT: &[&str] = &["NotAllowedByListeners", "NoMatchingParent", "UnsupportedValue"];
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
    crowded::<W>(route, names, exposure).or_else(|| rejected::<W>(route, names))
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

/// Whether a gateway that says which generation of the route it has taken up has not taken up this one: it may have lost
/// the API server for a while, and goes on sending users where it sent them. One that the route does not name any more is
/// not waited for, nor one that never says.
pub(super) fn is_pending(route: &Value) -> bool {
    let Some(generation) = route.pointer("/metadata/generation").and_then(Value::as_i64) else {
        return false;
    };
    let named = route.pointer("/spec/parentRefs").and_then(Value::as_array);
    let key = |of: &Value| ["kind", "name", "sectionName", "port"].map(|field| of.get(field).cloned());
    named.into_iter().flatten().any(|parent| {
        let of_it = |told: &&Value| told.get("parentRef").is_some_and(|of| key(of) == key(parent));
        // Where another controller had it before, that one's word stays behind.
        let mut told = parents(route).filter(of_it).filter_map(taken_up).peekable();
        told.peek().is_some() && told.all(|seen| seen < generation)
    })
}

/// Whether any gateway has said anything of the route but that it will never take it. A route in whose place it came may be why
/// it is refused otherwise: of two that conflict, the younger is.
pub(super) fn is_answered(route: &Value) -> bool {
    parents(route).any(|parent| !is_shut_out(parent))
}

// Whether a gateway has no place for a route of this kind, whatever others there are.
fn is_shut_out(parent: &Value) -> bool {
    let mut conditions = parent.get("conditions").and_then(Value::as_array).into_iter().flatten();
    conditions.any(|condition| {
        text(condition, "/type") == "Accepted"
            && text(condition, "/status") == "False"
            && SHUT_OUT.contains(&text(condition, "/reason"))
    })
}

/// The parents of a route whose controller is known to have no RequestMirror filter, with its name. It is Traefik (3.7),
/// which serves no request of a rule that has one.
pub(super) fn unmirrored(route: &Value) -> impl Iterator<Item = (&Value, &str)> {
    parents(route).filter_map(|parent| {
        let controller = parent.get("controllerName")?.as_str()?;
        WITHOUT_MIRROR
            .contains(&controller)
            .then_some((parent.get("parentRef")?, controller))
    })
}

/// Whether any gateway that has a say in the route is known to tell its proxies of routes and of Services apart.
pub(super) fn hears_apart(route: &Value) -> bool {
    parents(route).any(|parent| text(parent, "/controllerName").starts_with(TELL_APART))
}

// What the gateways say, each of its parent.
fn parents(route: &Value) -> impl Iterator<Item = &Value> {
    let all = route.pointer("/status/parents").and_then(Value::as_array);
    all.into_iter().flatten()
}

// The generation that a parent's gateway has taken up.
fn taken_up(parent: &Value) -> Option<i64> {
    let conditions = parent.get("conditions").and_then(Value::as_array).into_iter().flatten();
    let seen = conditions.filter_map(|condition| condition.get("observedGeneration")?.as_i64());
    seen.max()
}

/// What the gateways say against the route as it is now; nothing while one that answered takes it, or none has answered.
fn rejected<W: Words>(route: &Value, names: &Names) -> Option<String> {
    let generation = route
        .pointer("/metadata/generation")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    let ours = leads_nowhere_else::<W>(route, names);
    let verdicts = parents(route).filter_map(|parent| verdict(parent, generation, ours));
    let refusals: Option<Vec<String>> = verdicts.collect();
    let first = refusals?.into_iter().next()?;
    Some(format!(
        "{} {} is refused by {first}",
        W::KIND,
        text(route, "/metadata/name")
    ))
}

// Nothing of a parent that has not answered for this generation; then why it refuses, or that it does not.
fn verdict(parent: &Value, generation: i64, ours: bool) -> Option<Option<String>> {
    let conditions = parent.get("conditions").and_then(Value::as_array).into_iter().flatten();
    let of_now = |c: &&Value| c.get("observedGeneration").and_then(Value::as_i64) == Some(generation);
    let answers: Vec<&Value> = conditions.filter(of_now).collect();
    if !answers.iter().any(|c| text(c, "/type") == "Accepted") {
        return None;
    }
    let refusal = answers.into_iter().find(|c| is_refusal(c, ours));
    let gateway = text(parent, "/parentRef/name");
    Some(refusal.map(|c| format!("gateway {gateway}: {} ({})", text(c, "/message"), text(c, "/reason"))))
}

// A backend that a gateway does not find (`ResolvedRefs`) may be another rule's, and one of ours is a moment's: its Services
// are being made. One that it cannot speak to, as its port's `appProtocol` says, stays so; it is ours in a route that is `ours`.
fn is_refusal(condition: &Value, ours: bool) -> bool {
    let unspoken = || ours && text(condition, "/reason") == "UnsupportedProtocol";
    text(condition, "/status") == "False"
        && match text(condition, "/type") {
            "Accepted" => true,
            "ResolvedRefs" => unspoken(),
            _ => false,
        }
}

// Whether every backend of a route is the pair's.
fn leads_nowhere_else<W: Words>(route: &Value, names: &Names) -> bool {
    let local = &Local::of(route, names);
    weighted::all_refs::<Rules<W>>(route).all(|backend| side(backend, local).is_some())
}
