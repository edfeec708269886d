//! What gateways say of a route in its status, each of the parent that is its own.

use super::Words;
use super::dialect::Rules;
use super::refusal::Refusal;
use crate::object::text;
use crate::routing::reference::{Local, side};
use crate::routing::{Names, weighted};
use serde_json::Value;

/// Whether a gateway takes the route.
const ACCEPTED: &str = "Accepted";
/// Whether it found, and may use, everything that the route names.
const RESOLVED: &str = "ResolvedRefs";
/// It cannot speak to a backend as the port of that says, which stays so.
const UNSPOKEN: &str = "UnsupportedProtocol";

/// Whether a gateway that says which generation of the route it has taken up has not taken up this one: it may have lost
/// the API server for a while, and goes on sending users where it sent them. One that the route does not name any more is
/// not waited for, nor one that never says.
pub(super) fn is_pending(route: &Value) -> bool {
    let Some(generation) = route.pointer("/metadata/generation").and_then(Value::as_i64) else {
        return false;
    };
    named(route).any(|parent| {
        // Where another controller had it before, that one's word stays behind.
        let mut told = told_of(route, parent).filter_map(taken_up).peekable();
        told.peek().is_some() && told.all(|seen| seen < generation)
    })
}

/// Whether any gateway takes the route. One that refuses it may do so because of another route, or for good; users come by it in
/// neither case.
pub(super) fn is_taken(route: &Value) -> bool {
    parents(route).any(takes)
}

/// What the gateways say against the route as it is now: of a parent that it names, whatever the others say, as users come by that
/// one too; else of all that have answered. A parent that nobody comes by for good ([`Refusal::is_for_good`]) is passed over where
/// another that the route names takes it: the app is served by that one.
pub(super) fn rejected<W: Words>(route: &Value, names: &Names) -> Option<String> {
    let ours = leads_nowhere_else::<W>(route, names);
    let against = |condition: &Value| match text(condition, "/type") {
        ACCEPTED => true,
        // One that is ours and not found is a moment's: its Services are being made.
        RESOLVED => ours && text(condition, "/reason") == UNSPOKEN,
        _ => false,
    };
    let served = is_taken_where_named(route);
    let mut listed = refusals(route, &against).into_iter();
    let why = match listed.find(|refusal| !(served && refusal.is_for_good())) {
        Some(why) => why,
        None if served => return None,
        None => {
            let generation = generation(route);
            refusal(parents(route).filter_map(|parent| verdict(parent, generation, &against)))?
        }
    };
    let name = text(route, "/metadata/name");
    Some(format!("{} {name} is refused by {why}", W::KIND))
}

/// Why a gateway finds no way to the Services of the pair by the route as it is now, asked when both have endpoints: a Service that
/// it does not find then, or may not use, is none that is being made. In a route that names anything else, that may be what it misses.
pub(super) fn unresolved<W: Words>(route: &Value, names: &Names) -> Option<String> {
    let against = |condition: &Value| text(condition, "/type") == RESOLVED;
    let ours = leads_nowhere_else::<W>(route, names) && !is_extended::<W>(route);
    let why = refusals(route, &against).into_iter().next().filter(|_| ours)?;
    let name = text(route, "/metadata/name");
    Some(format!("{} {name} does not lead to its Services by {why}", W::KIND))
}

// The parents that the route names and that refuse it as it is now, each with its first word against it.
fn refusals<'a>(route: &'a Value, against: &dyn Fn(&Value) -> bool) -> Vec<Refusal<'a>> {
    let generation = generation(route);
    let judged = |parent: &'a Value| verdict(parent, generation, against);
    let of = |parent: &'a Value| refusal(told_of(route, parent).filter_map(judged));
    named(route).filter_map(of).collect()
}

/// The first word against it, where nobody says otherwise.
pub(super) fn refusal<'a>(verdicts: impl Iterator<Item = Option<Refusal<'a>>>) -> Option<Refusal<'a>> {
    let refusals: Option<Vec<Refusal<'a>>> = verdicts.collect();
    refusals?.into_iter().next()
}

// Nothing of a parent that has not answered for this generation; then why it refuses, or that it does not.
fn verdict<'a>(parent: &'a Value, generation: i64, against: &dyn Fn(&Value) -> bool) -> Option<Option<Refusal<'a>>> {
    let of_now = |c: &&Value| c.get("observedGeneration").and_then(Value::as_i64) == Some(generation);
    let answers: Vec<&Value> = conditions(parent).filter(of_now).collect();
    if !answers.iter().any(|c| text(c, "/type") == ACCEPTED) {
        return None;
    }
    let refusal = answers
        .into_iter()
        .find(|c| text(c, "/status") == "False" && against(c));
    Some(refusal.map(|condition| Refusal::of(parent, condition)))
}

/// Whether a parent that the route names takes it. What one said of the route before it was written last counts until it says
/// anything else: it is waited for ([`is_pending`]).
pub(super) fn is_taken_where_named(route: &Value) -> bool {
    named(route).any(|parent| newest(route, parent).any(takes))
}

/// What is said of one of them of the newest edition of the route that anything is said of: where another controller had that
/// parent before, its word stays behind.
pub(super) fn newest<'a>(route: &'a Value, parent: &'a Value) -> impl Iterator<Item = &'a Value> {
    let newest = told_of(route, parent).filter_map(taken_up).max();
    told_of(route, parent).filter(move |told| taken_up(told) >= newest)
}

/// Whether a parent takes the route.
pub(super) fn takes(parent: &Value) -> bool {
    accepted(parent).any(|condition| text(condition, "/status") == "True")
}

/// What a parent says of whether it takes the route.
pub(super) fn accepted(parent: &Value) -> impl Iterator<Item = &Value> {
    conditions(parent).filter(|condition| text(condition, "/type") == ACCEPTED)
}

// Whether every Service that a route names is the pair's, those that get copies among them.
fn leads_nowhere_else<W: Words>(route: &Value, names: &Names) -> bool {
    let local = &Local::of(route, names);
    let copied = filters::<W>(route).filter_map(|filter| filter.pointer("/requestMirror/backendRef"));
    let mut services = weighted::all_refs::<Rules<W>>(route).chain(copied);
    services.all(|service| side(service, local).is_some())
}

// Whether a route names objects of a gateway's own, which it may miss as well.
fn is_extended<W: Words>(route: &Value) -> bool {
    filters::<W>(route).any(|filter| filter.get("extensionRef").is_some())
}

// The filters of all rules, and of their backends.
fn filters<W: Words>(route: &Value) -> impl Iterator<Item = &Value> {
    let all = weighted::rules::<Rules<W>>(route).chain(weighted::all_refs::<Rules<W>>(route));
    all.flat_map(|of| of.get("filters").and_then(Value::as_array).into_iter().flatten())
}

/// Which edition of the route it is.
pub(super) fn generation(route: &Value) -> i64 {
    let generation = route.pointer("/metadata/generation").and_then(Value::as_i64);
    generation.unwrap_or(0)
}

/// The parents that the route names.
pub(super) fn named(route: &Value) -> impl Iterator<Item = &Value> {
    let all = route.pointer("/spec/parentRefs").and_then(Value::as_array);
    all.into_iter().flatten()
}

/// What is said of one of them.
pub(super) fn told_of<'a>(route: &'a Value, parent: &'a Value) -> impl Iterator<Item = &'a Value> {
    let wanted = key(route, parent);
    parents(route).filter(move |told| told.get("parentRef").is_some_and(|of| key(route, of) == wanted))
}

/// Which parent a reference is to; where it says no namespace, one of the route's own.
pub(super) fn key<'a>(route: &'a Value, of: &'a Value) -> (&'a str, [Option<&'a Value>; 4]) {
    let namespace = of.get("namespace").and_then(Value::as_str);
    let own = text(route, "/metadata/namespace");
    let others = ["kind", "name", "sectionName", "port"].map(|field| of.get(field));
    (namespace.unwrap_or(own), others)
}

/// What the gateways say, each of its parent.
pub(super) fn parents(route: &Value) -> impl Iterator<Item = &Value> {
    let all = route.pointer("/status/parents").and_then(Value::as_array);
    all.into_iter().flatten()
}

fn conditions(parent: &Value) -> impl Iterator<Item = &Value> {
    parent.get("conditions").and_then(Value::as_array).into_iter().flatten()
}

// The generation that a parent's gateway has taken up.
fn taken_up(parent: &Value) -> Option<i64> {
    let seen = conditions(parent).filter_map(|condition| condition.get("observedGeneration")?.as_i64());
    seen.max()
}
