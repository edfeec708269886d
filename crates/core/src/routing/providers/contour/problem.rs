//! Why traffic cannot be moved, in words for people.

use super::dialect::ProxyRoutes;
use super::services::{self, is_mirror};
use super::{KIND, conditions, generated};
use crate::api::canary::{CanaryService, CanarySpec, HttpMatch};
use crate::object::text;
use crate::routing::reference::{Local, side};
use crate::routing::{Names, weighted};
use serde_json::Value;

/// The conditions of retries that Contour's schema has.
const RETRY_ON: [&str; 16] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

/// What `route` sends requests or connections to.
pub(super) fn led(route: &Value) -> impl Iterator<Item = &Value> {
    let requests = weighted::all_refs::<ProxyRoutes>(route).filter(|one| !is_mirror(one));
    requests.chain(connected(route))
}

fn connected(route: &Value) -> impl Iterator<Item = &Value> {
    let all = route.pointer("/spec/tcpproxy/services").and_then(Value::as_array);
    all.into_iter().flatten()
}

/// Whether `route` sends anything to the pair.
pub(super) fn refers_to(route: &Value, names: &Names) -> bool {
    let local = &Local::of(route, names);
    led(route).any(|one| side(one, local).is_some())
}

/// Why the traffic of the pair cannot be moved by `route`.
pub(super) fn of_route(route: &Value, names: &Names) -> Option<String> {
    let (name, apex) = (text(route, "/metadata/name"), &names.apex);
    if !refers_to(route, names) {
        return Some(format!(
            "no route of {KIND} {name} sends to Service {apex}: name it in spec.routes[].services, or give the {KIND} another \
             name"
        ));
    }
    let local = &Local::of(route, names);
    let by_request = weighted::rules::<ProxyRoutes>(route).any(|rule| services::lead(rule, local));
    (!by_request).then(|| {
        format!(
            "{KIND} {name} leads to Service {apex} by spec.tcpproxy, and connections are not split: name the Service in \
             spec.routes, or release it with provider kubernetes"
        )
    })
}

/// What of a Canary cannot be carried: the paths, and what to do instead.
pub(super) fn of_canary(spec: &CanarySpec) -> Vec<(String, String)> {
    let Some(service) = &spec.service else {
        return Vec::new();
    };
    let matches = service.matches.iter().flatten().enumerate();
    let paths = matches.filter_map(|(at, one)| relative(at, one));
    paths.chain(retries(service)).collect()
}

fn relative(at: usize, of: &HttpMatch) -> Option<(String, String)> {
    let (form, text) = of.uri.as_ref()?.form()?;
    let begins = match form {
        "suffix" => true,
        "regex" => conditions::anchored(text).starts_with('/'),
        _ => text.is_empty() || text.starts_with('/'),
    };
    (!begins).then(|| {
        let why = "Contour gives up an HTTPProxy whose paths do not begin with a slash; write it with one, such as /api or \
                   /v[12]/.*";
        (format!("spec.service.match[{at}].uri.{form}"), why.to_owned())
    })
}

fn retries(service: &CanaryService) -> Option<(String, String)> {
    let unknown = service.retries.as_ref().and_then(|retries| {
        let mut all = generated::retry_on(retries);
        all.find(|one| !RETRY_ON.contains(one))
    })?;
    let why = format!("contour does not know {unknown:?}; it has {}", RETRY_ON.join(", "));
    Some(("spec.service.retries.retryOn".to_owned(), why))
}
