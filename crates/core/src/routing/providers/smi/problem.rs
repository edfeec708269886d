//! Why the traffic of a TrafficSplit cannot be moved, in words for people.

use super::weight::Weight;
use super::{KIND, TrafficSplit, list};
use crate::object::text;
use crate::routing::{Names, RouteKind, WrittenKind};
use serde_json::Value;

/// Whether `route` splits what is sent to the apex, which callers may say in full.
pub(super) fn is_root(route: &Value, names: &Names) -> bool {
    let namespace = text(route, "/metadata/namespace");
    let within = |rest: &str| {
        let rest = rest.strip_prefix('.').and_then(|rest| rest.strip_prefix(namespace));
        rest.is_some_and(|rest| rest.is_empty() || rest == ".svc" || rest.starts_with(".svc."))
    };
    let rest = text(route, "/spec/service").strip_prefix(names.apex.as_str());
    rest.is_some_and(|rest| rest.is_empty() || within(rest))
}

/// Why the pair's traffic cannot be moved by `route`; nothing when all is well.
pub(super) fn problem(kind: &TrafficSplit, route: &Value, names: &Names) -> Option<String> {
    let (name, apex) = (text(route, "/metadata/name"), &names.apex);
    if !kind.refers_to(route, names) {
        return Some(format!(
            "{KIND} {name} does not send to Service {apex}: name it in spec.backends, or give the {KIND} another name"
        ));
    }
    let mut backends = list::entries(route).iter();
    if !backends.any(|backend| list::side(backend, names).is_some()) {
        return Some(format!(
            "{KIND} {name} sends what is for Service {apex} to others alone, so nobody would meet its canary: name {apex} in \
             spec.backends as well, or let the {KIND} go"
        ));
    }
    if !list::is_readable(route) {
        return Some(format!(
            "{KIND} {name} has a weight that is neither a whole number nor one of thousandths such as 500m: write all of its \
             weights as whole numbers"
        ));
    }
    let great = |weight: Option<Weight>| weight.is_some_and(|weight| weight.exceeds(list::MOST));
    let too_great = !kind.is_split(route, names) && list::weights(route).any(great);
    too_great.then(|| {
        format!(
            "{KIND} {name} has a weight above {}, of which no hundredths can be cut: divide all its weights by the same number",
            list::MOST
        )
    })
}
