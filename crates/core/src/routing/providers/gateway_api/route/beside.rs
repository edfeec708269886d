//! What a refusal means where another parent takes the route, or the same parent another route.

use super::Words;
use super::refusal::Refusal;
use super::verdict::{accepted, generation, is_taken_where_named, key, named, newest, parents, refusal, takes};
use crate::object::text;
use serde_json::Value;

/// Why nobody comes by one of the parents that the route names, while users come by another. Its last word counts, whichever edition
/// of the route that is about: each share that is written makes another, and what its listeners take stays as it is.
pub(super) fn shut_out<W: Words>(route: &Value) -> Option<String> {
    if !is_taken_where_named(route) {
        return None;
    }
    let mut refused = named(route).filter_map(|parent| refusal(newest(route, parent).filter_map(last_word)));
    let why = refused.find(Refusal::is_for_good)?;
    let name = text(route, "/metadata/name");
    Some(format!("{} {name} is refused by {why}", W::KIND))
}

// Nothing of a parent that has not answered; then why it refuses, or that it does not.
fn last_word(parent: &Value) -> Option<Option<Refusal<'_>>> {
    let condition = accepted(parent).next()?;
    Some((text(condition, "/status") == "False").then(|| Refusal::of(parent, condition)))
}

/// Whether `route` is refused because of `older`, as far as gateways tell: of two kinds that have a host in common each has to refuse
/// the younger. So all that refuse it speak of a conflict, and take `older`.
pub(super) fn yields(route: &Value, older: &Value) -> bool {
    let refusing = parents(route).filter_map(|parent| Some((parent, refused_now(route, parent)?)));
    let mut refusing = refusing.peekable();
    let takes_older = |parent: &Value| {
        let mut others = parents(older);
        others.any(|other| is_one(route, parent, other) && takes(other))
    };
    refusing.peek().is_some() && refusing.all(|(parent, why)| why.is_anothers() && takes_older(parent))
}

// Who does not say which edition of the route is meant means the one that there is.
fn refused_now<'a>(route: &Value, parent: &'a Value) -> Option<Refusal<'a>> {
    let condition = accepted(parent).next()?;
    let meant = condition.get("observedGeneration").and_then(Value::as_i64);
    let is_of_now = meant.is_none_or(|meant| meant == generation(route));
    let refuses = is_of_now && text(condition, "/status") == "False";
    refuses.then(|| Refusal::of(parent, condition))
}

// Whether both are the words of one controller on one parent.
fn is_one(route: &Value, one: &Value, other: &Value) -> bool {
    let by_one = text(one, "/controllerName") == text(other, "/controllerName");
    let parents = one.get("parentRef").zip(other.get("parentRef"));
    by_one && parents.is_some_and(|(one, other)| key(route, one) == key(route, other))
}
