//! The VirtualService of an app whose user has none: `spec.service` in Istio's words, as Flagger 1.44 maps it (flagger
//! `pkg/router/istio.go`).

use super::{API_VERSION, KIND, conditions};
use crate::api::canary::{CanaryService, CorsPolicy, Headers, Metadata, Retries, Rewrite, StringMatch};
use crate::api::duration::GoDuration;
use crate::routing::{Names, Traffic};
use serde_json::{Map, Value, json};

/// The gateway that stands for the sidecars.
const MESH: &str = "mesh";

/// The route, named after the apex, at rest: everything goes to primary.
pub(super) fn generated(namespace: &str, names: &Names, service: &CanaryService) -> Value {
    let mut spec = Map::new();
    // A delegate has its hosts and gateways of the VirtualService that leads to it.
    if !is_delegate(service) {
        spec.insert("hosts".to_owned(), json!(hosts(names, service)));
        spec.insert("gateways".to_owned(), json!(gateways(service)));
    }
    let (list, rule) = if service.is_tcp() {
        ("tcp", of_connections(names, service))
    } else {
        ("http", rule(names, service))
    };
    spec.insert(list.to_owned(), json!([rule]));
    let Metadata { labels, annotations } = service.apex.clone().unwrap_or_default();
    json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": names.apex, "namespace": namespace,
            "labels": labels.unwrap_or_default(), "annotations": annotations.unwrap_or_default(),
        },
        "spec": spec,
    })
}

/// Whether another VirtualService is to lead to it.
pub(super) fn is_delegate(service: &CanaryService) -> bool {
    service.delegation == Some(true)
}

// Those of the Canary, and the Service itself, where they do not have it already.
fn hosts(names: &Names, service: &CanaryService) -> Vec<String> {
    let mut hosts = service.hosts.clone().unwrap_or_default();
    if !hosts.iter().any(|host| *host == names.apex || host == "*") {
        hosts.push(names.apex.clone());
    }
    hosts
}

/// The gateways of a generated route.
pub(super) fn gateways(service: &CanaryService) -> Vec<String> {
    let named = service.gateways.clone().unwrap_or_default();
    if named.is_empty() { vec![MESH.to_owned()] } else { named }
}

/// Whether requests between pods go by the route, so that their callers are known.
pub(super) fn is_in_mesh(service: &CanaryService) -> bool {
    is_delegate(service) || gateways(service).iter().any(|gateway| gateway == MESH)
}

fn rule(names: &Names, service: &CanaryService) -> Map<String, Value> {
    let matches: Vec<Value> = service.matches.iter().flatten().map(conditions::of_service).collect();
    let headers = service.headers.as_ref().map(|headers: &Headers| json!(headers));
    let members = [
        ("match", (!matches.is_empty()).then(|| json!(matches))),
        ("rewrite", service.rewrite.as_ref().and_then(rewrite)),
        ("timeout", lasting(service.timeout.as_deref())),
        ("retries", service.retries.as_ref().map(retries)),
        ("corsPolicy", service.cors_policy.as_ref().map(cors_policy)),
        ("headers", headers),
        ("route", Some(json!(destinations(names, service)))),
    ];
    let said = members
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    said.collect()
}

// Of what the Canary says of requests there is no word for connections but by which port, and from where, they come.
fn of_connections(names: &Names, service: &CanaryService) -> Map<String, Value> {
    let matches = service.matches.iter().flatten().map(conditions::of_connections);
    let matches: Vec<Value> = matches.collect();
    let mut rule = Map::new();
    rule.extend((!matches.is_empty()).then(|| ("match".to_owned(), json!(matches))));
    rule.insert("route".to_owned(), json!(destinations(names, service)));
    rule
}

fn destinations(names: &Names, service: &CanaryService) -> [Value; 2] {
    let from_outside = is_delegate(service) || gateways(service).first().is_some_and(|first| first != MESH);
    // Of several ports that a Service may have, the one that a gateway is to send to.
    let port = service
        .port()
        .filter(|_| service.port_discovery == Some(true) && from_outside);
    let destination = |host: &str| match port {
        Some(port) => json!({"host": host, "port": {"number": port}}),
        None => json!({ "host": host }),
    };
    [
        json!({"destination": destination(&names.primary), "weight": Traffic::PRIMARY.primary()}),
        json!({"destination": destination(&names.canary), "weight": Traffic::PRIMARY.canary()}),
    ]
}

// `type` is of the Gateway API.
fn rewrite(of: &Rewrite) -> Option<Value> {
    let members = [("uri", &of.uri), ("authority", &of.authority)];
    let said = members
        .into_iter()
        .filter_map(|(key, text)| Some((key.to_owned(), json!(text.as_ref()?))));
    let said: Map<String, Value> = said.collect();
    (!said.is_empty()).then_some(Value::Object(said))
}

// A time of nothing is none, which Istio's schema has no other word for than leaving it out.
fn lasting(text: Option<&str>) -> Option<Value> {
    text.filter(|text| !text.is_empty() && !GoDuration::is_nothing(text))
        .map(|text| json!(text))
}

fn retries(of: &Retries) -> Value {
    let mut out = json!(of);
    if let Some(members) = out.as_object_mut() {
        members.remove("perTryTimeout");
        members.extend(lasting(of.per_try_timeout.as_deref()).map(|time| ("perTryTimeout".to_owned(), time)));
    }
    out
}

fn cors_policy(of: &CorsPolicy) -> Value {
    let mut out = json!(of);
    if let Some(members) = out.as_object_mut() {
        let origins = of.allow_origins.as_ref();
        let origins = origins.map(|all: &Vec<StringMatch>| all.iter().filter_map(conditions::form).collect());
        members.extend(origins.map(|origins| ("allowOrigins".to_owned(), Value::Array(origins))));
        members.remove("maxAge");
        members.extend(lasting(of.max_age.as_deref()).map(|time| ("maxAge".to_owned(), time)));
    }
    out
}
