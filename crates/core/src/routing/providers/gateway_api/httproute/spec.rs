//! `spec.service` of a Canary in HTTPRoute's words, as Flagger 1.44 maps it (flagger `pkg/router/gateway_api.go`).

use crate::api::{
    canary::{CanaryService, CorsPolicy, HttpMatch, Rewrite, StringMatch},
    duration::GoDuration,
};
use crate::routing::providers::gateway_api::route::{RouteSpec, header_modifiers, mirrors, named, route_spec};
use crate::routing::providers::gateway_api::{durations, rejected};
use serde_json::{Map, Value, json};

/// The route to generate; `None` without a gateway.
pub fn spec(service: &CanaryService) -> Option<RouteSpec> {
    Some(RouteSpec {
        matches: service.matches.iter().flatten().map(matcher).collect(),
        filters: filters(service),
        timeouts: timeouts(service),
        ..route_spec(service)?
    })
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
    let mut out = header_modifiers(service);
    if let Some(rewrite) = &service.rewrite {
        out.push(json!({"type": "URLRewrite", "urlRewrite": url_rewrite(rewrite)}));
    }
    out.extend(mirrors(service));
    if let Some(cors) = &service.cors_policy {
        out.push(json!({"type": "CORS", "cors": cors_filter(cors)}));
    }
    out
}

fn url_rewrite(of: &Rewrite) -> Value {
    let mut out = Map::new();
    if let Some(authority) = &of.authority {
        out.insert("hostname".into(), json!(authority));
    }
    if let Some(uri) = &of.uri {
        let path = if of.kind.as_deref() == Some(rejected::PREFIX) {
            json!({"type": rejected::PREFIX, "replacePrefixMatch": uri})
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
    if let Some(age) = of.max_age.as_deref().and_then(max_age) {
        out.insert("maxAge".into(), json!(age));
    }
    Value::Object(out)
}

// Whole seconds, of which the definition takes 1 at least and as many as a number of 32 bits can count; without any it says 5.
fn max_age(text: &str) -> Option<u64> {
    let age = GoDuration::parse(text).ok()?.to_std().as_secs();
    (age > 0).then_some(age.min(u64::from(i32::MAX.unsigned_abs())))
}

fn timeouts(service: &CanaryService) -> Option<Value> {
    let mut out = Map::new();
    for (key, text) in [
        ("request", &service.timeout),
        ("backendRequest", &service.backend_timeout),
    ] {
        if let Some(text) = text.as_deref().and_then(durations::written) {
            out.insert(key.into(), json!(text));
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}
