//! `spec.service` of a Canary in Gateway API's words, as far as all kinds of routes have them.

use super::{GROUP, RouteSpec};
use crate::api::canary::{CanaryService, GatewayRef, HeaderOperations};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The route to generate for every request; `None` without a gateway: nothing internal is published by default.
pub fn route_spec(service: &CanaryService) -> Option<RouteSpec> {
    let gateways = service.gateway_refs.as_deref().unwrap_or_default();
    if gateways.is_empty() {
        return None;
    }
    let metadata = service.apex.clone().unwrap_or_default();
    let strings = |from: Option<BTreeMap<String, String>>| -> Map<String, Value> {
        from.into_iter().flatten().map(|(k, v)| (k, json!(v))).collect()
    };
    Some(RouteSpec {
        parent_refs: gateways.iter().map(parent).collect(),
        hostnames: service.hosts.clone().unwrap_or_default(),
        port: service.port()?,
        labels: strings(metadata.labels),
        annotations: strings(metadata.annotations),
        ..RouteSpec::default()
    })
}

fn parent(gateway: &GatewayRef) -> Value {
    let mut parent = Map::new();
    parent.insert("group".into(), json!(gateway.group.as_deref().unwrap_or(GROUP)));
    parent.insert("kind".into(), json!(gateway.kind.as_deref().unwrap_or("Gateway")));
    parent.insert("name".into(), json!(gateway.name));
    let mut optional = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            parent.insert(key.to_owned(), value);
        }
    };
    optional("namespace", gateway.namespace.as_ref().map(|n| json!(n)));
    optional("sectionName", gateway.section_name.as_ref().map(|n| json!(n)));
    optional("port", gateway.port.map(|n| json!(n.int())));
    Value::Object(parent)
}

/// The filters that change headers.
pub fn header_modifiers(service: &CanaryService) -> Vec<Value> {
    let headers = service.headers.as_ref();
    let of = |kind: &str, field: &str, operations: Option<&HeaderOperations>| {
        operations.map(|operations| json!({"type": kind, field: header_operations(operations)}))
    };
    let request = headers.and_then(|headers| headers.request.as_ref());
    let response = headers.and_then(|headers| headers.response.as_ref());
    let request = of("RequestHeaderModifier", "requestHeaderModifier", request);
    let response = of("ResponseHeaderModifier", "responseHeaderModifier", response);
    request.into_iter().chain(response).collect()
}

/// The filters that copy requests for good.
pub fn mirrors(service: &CanaryService) -> impl Iterator<Item = Value> {
    service.mirror.iter().flatten().map(|mirror| {
        let backend = serde_json::to_value(&mirror.backend_ref).unwrap_or_default();
        json!({"type": "RequestMirror", "requestMirror": {"backendRef": backend}})
    })
}

fn header_operations(of: &HeaderOperations) -> Value {
    let list = |from: &BTreeMap<String, String>| -> Vec<Value> {
        from.iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect()
    };
    let mut out = Map::new();
    if let Some(add) = &of.add {
        out.insert("add".into(), json!(list(add)));
    }
    if let Some(set) = &of.set {
        out.insert("set".into(), json!(list(set)));
    }
    if let Some(remove) = &of.remove {
        out.insert("remove".into(), json!(remove));
    }
    Value::Object(out)
}
