//! Why traffic cannot be moved, in words for people.

use super::conditions;
use super::entries::{self, all, is_own, leads, side};
use super::generated::is_grpc;
use super::retries::{known_events, unknown_events};
use super::version::Version;
use crate::api::canary::{Analysis, CanaryService, CanarySpec, HttpMatch, StringMatch};
use crate::object::text;
use crate::routing::Names;
use crate::routing::reference::Local;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the schema of App Mesh knows.
const METHODS: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];
const PARAMETERS: &str = "App Mesh sees no query parameters; choose by headers";

/// Whether `route` has the name that the router of the app would have: in the older version, its callers come by it.
pub(super) fn is_called_so(version: Version, route: &Value, names: &Names) -> bool {
    text(route, "/metadata/name") == version.called(&names.apex, text(route, "/metadata/namespace"))
}

/// Whether `route` sends anything to the pair.
pub(super) fn sends(version: Version, route: &Value, names: &Names) -> bool {
    let local = &Local::of(route, names);
    let mut targets = all(route).iter().flat_map(entries::anybody);
    targets.any(|target| side(version, target, local).is_some())
}

/// Why the traffic of the pair cannot be moved by `route`.
pub(super) fn of_route(version: Version, route: &Value, names: &Names) -> Option<String> {
    let (kind, name, apex) = (version.of_routes().kind, text(route, "/metadata/name"), &names.apex);
    if !sends(version, route, names) {
        return Some(format!(
            "no route of {kind} {name} sends to VirtualNode {apex}: name it in spec.routes, or give the {kind} another name"
        ));
    }
    let local = &Local::of(route, names);
    let mut ours = all(route)
        .iter()
        .filter(|entry| leads(version, entry, local))
        .peekable();
    if ours.peek().is_none() {
        return Some(format!(
            "{kind} {name} leads to VirtualNode {apex} by routes that are not split: name it in a route for {}, or release it \
             with provider kubernetes",
            version.requests().join(" or ")
        ));
    }
    let shared = ours.find(|entry| !is_own(version, entry, local))?;
    Some(format!(
        "route {} of {kind} {name} sends to others beside VirtualNode {apex}, and weights of App Mesh are too coarse to cut a part \
         of them: let one route lead to the app alone",
        conditions::name(shared)
    ))
}

/// What of an analysis cannot be said: the path below it, and what to do instead.
pub(super) fn of_analysis(analysis: &Analysis) -> Option<(String, String)> {
    let entries = analysis.matches.iter().flatten().enumerate();
    let mut wrong = entries.flat_map(|(at, one)| {
        let base = format!("match[{at}]");
        parameters(&base, one.query_params.as_ref())
            .into_iter()
            .chain(headers(&base, one.headers.as_ref()))
    });
    wrong.next()
}

/// What of a Canary cannot be carried: the paths, and what to do instead.
pub(super) fn of_canary(version: Version, spec: &CanarySpec) -> Vec<(String, String)> {
    let Some(service) = &spec.service else {
        return Vec::new();
    };
    let is_grpc = is_grpc(version, service);
    let matches = service.matches.iter().flatten().enumerate();
    let matches = matches.flat_map(|(at, one)| of_match(&format!("spec.service.match[{at}]"), one, is_grpc));
    matches.chain(retries(service, is_grpc)).collect()
}

fn of_match(base: &str, of: &HttpMatch, is_grpc: bool) -> Vec<(String, String)> {
    let uri = of.uri.as_ref().and_then(StringMatch::form);
    let relative = uri.filter(|(_, text)| !text.is_empty() && !text.starts_with('/'));
    let relative = relative.map(|(form, _)| {
        let why = "App Mesh takes paths that begin with a slash; write it with one, such as /api";
        (format!("{base}.uri.{form}"), why.to_owned())
    });
    let method = of.method.as_ref().and_then(StringMatch::form).map(|(_, text)| text);
    let unknown = method.filter(|method| !METHODS.contains(method)).map(|method| {
        let why = format!("App Mesh does not know {method:?}; it has {}", METHODS.join(", "));
        (format!("{base}.method"), why)
    });
    let has_path = uri.is_some_and(|(_, text)| !["", "/"].contains(&text));
    let of_http = [("uri", has_path), ("method", method.is_some())];
    let of_http = of_http.into_iter().filter(|(_, is_said)| is_grpc && *is_said);
    let of_http = of_http.map(|(part, _)| {
        let why = "routes for gRPC have no paths and methods in App Mesh; leave it out, or choose by headers";
        (format!("{base}.{part}"), why.to_owned())
    });
    let named = parameters(base, of.query_params.as_ref())
        .into_iter()
        .chain(headers(base, of.headers.as_ref()));
    relative
        .into_iter()
        .chain(unknown)
        .chain(of_http)
        .chain(named)
        .collect()
}

type Named<'a> = Option<&'a BTreeMap<String, StringMatch>>;

fn parameters(base: &str, of: Named<'_>) -> Option<(String, String)> {
    let is_said = of.is_some_and(|all| !all.is_empty());
    is_said.then(|| (format!("{base}.queryParams"), PARAMETERS.to_owned()))
}

fn headers(base: &str, of: Named<'_>) -> Option<(String, String)> {
    let unsaid =
        |(name, value): &(&String, &StringMatch)| value.form().is_some() && conditions::compared(name, value).is_none();
    let unsaid = of.into_iter().flatten().find(unsaid).map(|(name, _)| {
        let why = "App Mesh compares names of up to 50 and texts of 1 to 255 characters; choose by another header";
        (format!("{base}.headers[{name}]"), why.to_owned())
    });
    let many = of.is_some_and(|all| all.len() > conditions::MOST).then(|| {
        let why = format!(
            "App Mesh compares {} headers at most; choose by fewer",
            conditions::MOST
        );
        (format!("{base}.headers"), why)
    });
    unsaid.or(many)
}

fn retries(service: &CanaryService, is_grpc: bool) -> Option<(String, String)> {
    let unknown = unknown_events(service.retries.as_ref()?, is_grpc).next()?;
    let known: Vec<&str> = known_events(is_grpc).collect();
    let why = format!("App Mesh does not know {unknown:?}; it has {}", known.join(", "));
    Some(("spec.service.retries.retryOn".to_owned(), why))
}
