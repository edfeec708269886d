//! Ingresses beside which a second one would take requests that are not the app's.

use super::companion::ROUTES;
use super::predicates;
use crate::routing::Names;
use crate::routing::ingress::companion::annotation;
use crate::routing::ingress::marks::PREDICATE;
use crate::routing::ingress::paths;
use serde_json::Value;

/// How paths of no type are read.
const MODE: &str = "zalando.org/skipper-ingress-path-mode";

type Path<'a> = (Option<&'a str>, &'a Value);

/// Why, in words for people.
pub(super) fn refusal(route: &Value, names: &Names) -> Option<String> {
    let (name, apex) = (paths::name(route), names.apex.as_str());
    if annotation(route, ROUTES).is_some_and(|routes| !routes.trim().is_empty()) {
        return Some(format!(
            "Ingress {name} has {ROUTES}, from which the canary's share would take requests: write these routes into an \
             Ingress of their own, with a Weight() above 100"
        ));
    }
    if annotation(route, PREDICATE).is_some_and(|predicate| !predicates::are_readable(predicate)) {
        return Some(format!(
            "the {PREDICATE} of Ingress {name} is none that skipper can read, so it would not heed the canary's share either: \
             write predicates joined by &&"
        ));
    }
    let ours: Vec<Path> = paths::to(route, apex).collect();
    if let Some((host, _)) = ours
        .iter()
        .find(|(host, _)| host.is_none_or(|host| host.starts_with('*')))
    {
        return Some(format!(
            "Ingress {name} leads to {apex} by a rule for {}, and skipper would give the canary requests of other hosts that \
             have the same path: name each host",
            host.unwrap_or("every host")
        ));
    }
    let is_others = |(_, path): &Path| paths::service(path) != Some(apex);
    let others: Vec<Path> = paths::all(route).filter(is_others).collect();
    if let Some(path) = meeting(&ours, &others, is_one) {
        return Some(format!(
            "Ingress {name} leads to several Services by the path {path}, of which {apex} is one, and skipper cannot give the \
             canary a part of its share alone: let the path lead to {apex}"
        ));
    }
    if annotation(route, MODE) == Some("path-prefix") {
        return None;
    }
    let path = meeting(&ours, &others, are_loose)?;
    Some(format!(
        "the path {path} of Ingress {name} and one that leads elsewhere are of type ImplementationSpecific, and skipper would \
         give the canary requests of both: write pathType: Prefix, or Exact"
    ))
}

// The first path to the app of which that holds with another of the same host.
fn meeting<'a>(ours: &[Path<'a>], others: &[Path<'a>], holds: fn(&Value, &Value) -> bool) -> Option<&'a str> {
    let meets = |(host, path): &&Path<'a>| others.iter().any(|(at, other)| at == host && holds(path, other));
    let (_, path) = ours.iter().find(meets)?;
    Some(path.get("path").and_then(Value::as_str).unwrap_or("/"))
}

fn is_one(one: &Value, other: &Value) -> bool {
    one.get("path") == other.get("path")
}

// Skipper compares these by an expression, the one of more weight first, and not the longer path.
fn are_loose(one: &Value, other: &Value) -> bool {
    let is_loose = |path: &Value| path.get("pathType").and_then(Value::as_str) == Some("ImplementationSpecific");
    is_loose(one) && is_loose(other)
}
