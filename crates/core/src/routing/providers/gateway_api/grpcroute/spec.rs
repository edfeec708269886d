//! `spec.service` of a Canary in GRPCRoute's words. Flagger has none: it makes an HTTPRoute for every app.

use crate::api::canary::{CanaryService, HttpMatch, StringMatch};
use crate::routing::providers::gateway_api::route::{RouteSpec, header_modifiers, mirrors, named, route_spec};
use serde_json::{Map, Value, json};

/// How `appProtocol` says that an app speaks gRPC and nothing else.
const SPOKEN: &str = "grpc";

/// The route to generate for an app that speaks gRPC; `None` for any other, without a gateway, and where its Canary asks for
/// what a GRPCRoute has no word for.
pub fn spec(service: &CanaryService) -> Option<RouteSpec> {
    let speaks = service.app_protocol.as_deref()?.eq_ignore_ascii_case(SPOKEN);
    let timed = service.timeout.is_some() || service.backend_timeout.is_some();
    if !speaks || timed || service.rewrite.is_some() || service.cors_policy.is_some() {
        return None;
    }
    let matches: Option<Vec<Value>> = service.matches.iter().flatten().map(matcher).collect();
    Some(RouteSpec {
        matches: matches?,
        filters: header_modifiers(service).into_iter().chain(mirrors(service)).collect(),
        ..route_spec(service)?
    })
}

// `None` for a condition that no GRPCRoute compares.
fn matcher(of: &HttpMatch) -> Option<Value> {
    let method = of.method.as_ref().and_then(StringMatch::form);
    // Every call is a POST.
    let posted = method.is_none_or(|said| said == ("exact", "POST"));
    if !posted || of.query_params.as_ref().is_some_and(|all| !all.is_empty()) {
        return None;
    }
    let path = of.uri.as_ref().and_then(StringMatch::form);
    let mut out = path.map_or_else(|| Some(Map::new()), called)?;
    let headers = of.headers.iter().flatten();
    let headers: Vec<Value> = headers.filter_map(|(name, m)| named(name, m)).collect();
    if !headers.is_empty() {
        out.insert("headers".to_owned(), Value::Array(headers));
    }
    Some(Value::Object(out))
}

// What is called by a path, which is `/package.Service/Method`. A prefix goes by whole parts of it, as in an HTTPRoute.
fn called((form, path): (&str, &str)) -> Option<Map<String, Value>> {
    let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let method = match (form, parts.as_slice()) {
        ("prefix", [""]) => return Some(Map::new()),
        ("prefix", [service] | [service, ""]) if is_service(service) => json!({"type": "Exact", "service": service}),
        ("prefix" | "exact", [service, method]) if is_service(service) && is_word(method) => {
            json!({"type": "Exact", "service": service, "method": method})
        }
        _ => return None,
    };
    Some(Map::from_iter([("method".to_owned(), method)]))
}

// As the definition of GRPCRoute takes it.
fn is_service(text: &str) -> bool {
    text.strip_prefix('.').unwrap_or(text).split('.').all(is_word)
}

fn is_word(text: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(goes_on) && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}
