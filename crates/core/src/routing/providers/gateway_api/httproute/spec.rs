//! `spec.service` of a Canary in Gateway API's words, as Flagger 1.44 maps it (flagger `pkg/router/gateway_api.go`).

use super::{RouteSpec, conditions::named};
use crate::api::{
    canary::{CanaryService, CorsPolicy, GatewayRef, HeaderOperations, HttpMatch, Rewrite, StringMatch},
    duration::GoDuration,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The route to generate; `None` without a gateway, or without a hostname: nothing internal is published by default.
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
        matches: service.matches.iter().flatten().map(matcher).collect(),
        filters: filters(service),
        timeouts: timeouts(service),
        port: service.port()?,
        labels: strings(metadata.labels),
        annotations: strings(metadata.annotations),
    })
}

fn parent(gateway: &GatewayRef) -> Value {
    let mut parent = Map::new();
    parent.insert(
        "group".into(),
        json!(gateway.group.as_deref().unwrap_or("gateway.networking.k8s.io")),
    );
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

fn matcher(of: &HttpMatch) -> Value {
    let mut out = Map::new();
    if let Some((form, value)) = of.uri.as_ref().and_then(StringMatch::form) {
        let kind = match form {
            "exact" => "Exact",
            "prefix" => "PathPrefix",
            _ => "RegularExpression",
        };
        out.insert("path".into(), json!({"type": kind, "value": value}));
    }
    if let Some((_, method)) = of.method.as_ref().and_then(StringMatch::form) {
        out.insert("method".into(), json!(method));
    }
    for (key, from) in [("headers", &of.headers), ("queryParams", &of.query_params)] {
        let items: Vec<Value> = from.iter().flatten().filter_map(|(name, m)| named(name, m)).collect();
        if !items.is_empty() {
            out.insert(key.into(), Value::Array(items));
        }
    }
    Value::Object(out)
}

fn filters(service: &CanaryService) -> Vec<Value> {
    let mut out = Vec::new();
    let headers = service.headers.as_ref();
    for (kind, field, of) in [
        (
            "RequestHeaderModifier",
            "requestHeaderModifier",
            headers.and_then(|h| h.request.as_ref()),
        ),
        (
            "ResponseHeaderModifier",
            "responseHeaderModifier",
            headers.and_then(|h| h.response.as_ref()),
        ),
    ] {
        if let Some(operations) = of {
            out.push(json!({"type": kind, field: header_operations(operations)}));
        }
    }
    if let Some(rewrite) = &service.rewrite {
        out.push(json!({"type": "URLRewrite", "urlRewrite": url_rewrite(rewrite)}));
    }
    for mirror in service.mirror.iter().flatten() {
        let backend = serde_json::to_value(&mirror.backend_ref).unwrap_or_default();
        out.push(json!({"type": "RequestMirror", "requestMirror": {"backendRef": backend}}));
    }
    if let Some(cors) = &service.cors_policy {
        out.push(json!({"type": "CORS", "cors": cors_filter(cors)}));
    }
    out
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

fn url_rewrite(of: &Rewrite) -> Value {
    let mut out = Map::new();
    if let Some(authority) = &of.authority {
        out.insert("hostname".into(), json!(authority));
    }
    if let Some(uri) = &of.uri {
        let path = if of.kind.as_deref() == Some("ReplacePrefixMatch") {
            json!({"type": "ReplacePrefixMatch", "replacePrefixMatch": uri})
        } else {
            json!({"type": "ReplaceFullPath", "replaceFullPath": uri})
        };
        out.insert("path".into(), path);
    }
    Value::Object(out)
}

fn cors_filter(of: &CorsPolicy) -> Value {
    let mut out = Map::new();
    for (key, list) in [
        ("allowOrigins", &of.allow_origin),
        ("allowMethods", &of.allow_methods),
        ("allowHeaders", &of.allow_headers),
        ("exposeHeaders", &of.expose_headers),
    ] {
        if let Some(list) = list {
            out.insert(key.into(), json!(list));
        }
    }
    if of.allow_credentials == Some(true) {
        out.insert("allowCredentials".into(), json!(true));
    }
    if let Some(age) = of.max_age.as_deref().and_then(|text| GoDuration::parse(text).ok()) {
        out.insert("maxAge".into(), json!(age.to_std().as_secs()));
    }
    Value::Object(out)
}

fn timeouts(service: &CanaryService) -> Option<Value> {
    let mut out = Map::new();
    for (key, text) in [
        ("request", &service.timeout),
        ("backendRequest", &service.backend_timeout),
    ] {
        if let Some(text) = text {
            out.insert(key.into(), json!(text));
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}
