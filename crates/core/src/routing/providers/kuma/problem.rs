//! Why traffic cannot be moved, in words for people.

use super::dialect::Rules;
use super::rules::{entries, listed};
use super::{KIND, generated, references};
use crate::api::canary::{CanaryService, CanarySpec, HttpMatch};
use crate::object::text;
use crate::routing::reference::{Local, Side};
use crate::routing::{Names, weighted};
use serde_json::Value;

/// What a port may say that it speaks for Kuma to split its requests.
const REQUESTS: [&str; 3] = ["http", "http2", "grpc"];

/// Whether `route` names a Service of the pair as a backend, or is about requests to the apex.
pub(super) fn refers_to(route: &Value, names: &Names) -> bool {
    let local = &Local::of(route, names);
    let is_about = |target: &Value| references::side_of(references::destination(target), local) == Some(Side::Apex);
    weighted::refers_to::<Rules>(&listed(route), names) || targets(route).any(is_about)
}

/// What the entries of a route are about.
pub(super) fn targets(route: &Value) -> impl Iterator<Item = &Value> {
    entries(route).filter_map(|entry| entry.get("targetRef"))
}

/// Why the traffic of the pair cannot be moved by `route`.
pub(super) fn of_route(route: &Value, names: &Names) -> Option<String> {
    let (name, apex) = (text(route, "/metadata/name"), &names.apex);
    if weighted::refers_to::<Rules>(&listed(route), names) {
        return None;
    }
    let what = if refers_to(route, names) {
        format!("has rules for Service {apex} of which none names it as a backend, so nobody would meet its canary")
    } else {
        format!("does not send to Service {apex}")
    };
    Some(format!(
        "{KIND} {name} {what}: name MeshService {apex} with its port in spec.to[].rules[].default.backendRefs, or give the \
         {KIND} another name and other Services"
    ))
}

/// What of a Canary cannot be carried: the paths, and what to do instead.
pub(super) fn of_canary(spec: &CanarySpec) -> Vec<(String, String)> {
    let Some(service) = &spec.service else {
        return Vec::new();
    };
    let matches = service.matches.iter().flatten().enumerate();
    let paths = matches.filter_map(|(at, one)| relative(at, one));
    unspoken(service).into_iter().chain(paths).collect()
}

// A field that says connections is refused for every provider that splits requests.
fn unspoken(service: &CanaryService) -> Option<(String, String)> {
    let spoken = generated::spoken(service).unwrap_or_default();
    let said = service.app_protocol.as_deref().unwrap_or_default();
    let is_known = REQUESTS.contains(&spoken.as_str()) || said.eq_ignore_ascii_case("tcp");
    (!is_known).then(|| {
        let why = "provider kuma splits the requests of ports alone that say that they speak http, http2 or grpc; write which, \
                   here and in the Service if it is yours, or release it with provider kubernetes";
        ("spec.service.appProtocol".to_owned(), why.to_owned())
    })
}

fn relative(at: usize, of: &HttpMatch) -> Option<(String, String)> {
    let (form, text) = of.uri.as_ref()?.form()?;
    let begins = match form {
        "exact" => text.starts_with('/'),
        "prefix" => text.is_empty() || text.starts_with('/'),
        _ => true,
    };
    (!begins).then(|| {
        let why = "Kuma refuses a path that does not begin with a slash; write it with one, such as /api";
        (format!("spec.service.match[{at}].uri.{form}"), why.to_owned())
    })
}
