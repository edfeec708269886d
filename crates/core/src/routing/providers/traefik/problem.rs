//! Why the traffic of a TraefikService cannot be moved, in words for people.

use super::{KIND, TraefikService, list};
use crate::routing::reference::{Local, Side, side};
use crate::routing::{Names, RouteKind, WrittenKind};
use serde_json::Value;

// What sends users without a list of weights. Traefik looks for a list first.
static UNDIVIDED: [(&str, &[&str]); 3] = [
    ("mirroring", &["/spec/mirroring"]),
    ("highestRandomWeight", &["/spec/highestRandomWeight/services"]),
    ("failover", &["/spec/failover/service", "/spec/failover/fallback"]),
];

/// What `route` sends users to without weights that could be moved.
pub(super) fn whole(route: &Value) -> impl Iterator<Item = &Value> {
    sent(route).map(|(_, reference)| reference)
}

/// The member of the spec by which `route` leads to the apex without weights.
pub(super) fn undivided(route: &Value, names: &Local<'_>) -> Option<&'static str> {
    let mut all = sent(route).filter(|(_, reference)| side(reference, names) == Some(Side::Apex));
    all.next().map(|(member, _)| member)
}

fn sent(route: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    let has_list = route.pointer("/spec/weighted").is_some();
    let all = UNDIVIDED.iter().filter(move |_| !has_list);
    all.flat_map(move |(member, places)| {
        let found = places.iter().filter_map(move |at| route.pointer(at));
        found
            .flat_map(|one| one.as_array().map_or(std::slice::from_ref(one), Vec::as_slice))
            .map(move |one| (*member, one))
    })
}

/// Why the pair's traffic cannot be moved by `route`; nothing when all is well.
pub(super) fn problem(route: &Value, names: &Names) -> Option<String> {
    let name = route
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let apex = &names.apex;
    if !TraefikService.refers_to(route, names) {
        return Some(format!(
            "{KIND} {name} does not send to Service {apex}: name it in spec.weighted.services, or give the {KIND} another name"
        ));
    }
    if let Some(member) = undivided(route, &Local::of(route, names)) {
        return Some(format!(
            "{KIND} {name} leads to Service {apex} by spec.{member}, which has no weights that could be moved: let it name a \
             {KIND} whose spec.weighted.services names the Service"
        ));
    }
    let weights = list::entries(route)
        .iter()
        .filter_map(|entry| entry.get("weight")?.as_u64());
    let split = TraefikService.is_split(route, names);
    let great = weights.max().filter(|weight| !split && *weight > list::MOST);
    great.map(|weight| {
        format!(
            "{KIND} {name} has a weight of {weight}, and of more than {} no hundredths can be cut: divide all its weights by \
             the same number",
            list::MOST
        )
    })
}
