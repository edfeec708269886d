//! The HTTPProxy of an app whose user has none: `spec.service` in Contour's words, as Flagger 1.44 maps it (flagger
//! `pkg/router/contour.go`), with a route for each entry of `match`.

use super::{GROUP, KIND, VERSION, conditions};
use crate::api::canary::{CanaryService, Metadata, Retries};
use crate::api::duration::GoDuration;
use crate::object::text;
use crate::routing::reference::with;
use crate::routing::{Names, Traffic};
use serde_json::{Map, Value, json};

/// By this header a Linkerd beside Envoy knows where a request goes.
const OVERRIDE: &str = "l5d-dst-override";
/// The time without a byte after which a request with a timeout is given up: Flagger's, which is also Envoy's own.
const IDLE: &str = "5m";

/// The route, named after the apex, at rest: everything goes to primary. `None` without a port that is one.
pub(super) fn generated(namespace: &str, names: &Names, service: &CanaryService) -> Option<Value> {
    let port = service.port()?;
    let half = |name: &str, weight: u8| {
        let to = format!("{name}.{namespace}.svc.cluster.local:{port}");
        json!({
            "name": name, "port": port, "weight": weight,
            "requestHeadersPolicy": {"set": [{"name": OVERRIDE, "value": to}]},
        })
    };
    let halves = json!([
        half(&names.primary, Traffic::PRIMARY.primary()),
        half(&names.canary, Traffic::PRIMARY.canary()),
    ]);
    let mut matches: Vec<Value> = service.matches.iter().flatten().map(conditions::of_service).collect();
    if matches.is_empty() {
        matches.push(json!([conditions::everywhere()]));
    }
    let routes: Vec<Value> = matches
        .into_iter()
        .map(|conditions| route(conditions, &halves, service))
        .collect();
    let Metadata { labels, annotations } = service.apex.clone().unwrap_or_default();
    Some(json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": {
            "name": names.apex, "namespace": namespace,
            "labels": labels.unwrap_or_default(), "annotations": annotations.unwrap_or_default(),
        },
        "spec": {"routes": routes},
    }))
}

/// The same for the Contour of that class alone.
pub(super) fn classed(mut route: Value, class: &str) -> Value {
    if let Some(spec) = route.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("ingressClassName".to_owned(), json!(class));
    }
    route
}

fn route(conditions: Value, halves: &Value, service: &CanaryService) -> Value {
    let members = [
        ("conditions", Some(conditions)),
        ("timeoutPolicy", service.timeout.as_deref().and_then(timeout)),
        ("retryPolicy", service.retries.as_ref().map(retries)),
        ("services", Some(halves.clone())),
    ];
    let said = members
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(said.collect())
}

// Contour takes a time of nothing for none that is said, where Flagger's other providers take it for no limit.
fn timeout(text: &str) -> Option<Value> {
    let response = if GoDuration::is_nothing(text) { "infinity" } else { text };
    (!text.is_empty()).then(|| json!({"response": response, "idle": IDLE}))
}

// Contour takes no attempts for none that are said, which is one.
fn retries(of: &Retries) -> Value {
    let count = match of.attempts.map(|attempts| attempts.int()) {
        None => 1,
        Some(attempts) if attempts <= 0 => -1,
        Some(attempts) => attempts,
    };
    let mut out = Map::new();
    out.insert("count".to_owned(), json!(count));
    let time = of.per_try_timeout.as_deref();
    let time = time.filter(|text| !text.is_empty() && !GoDuration::is_nothing(text));
    out.extend(time.map(|text| ("perTryTimeout".to_owned(), json!(text))));
    let on: Vec<&str> = retry_on(of).collect();
    out.extend((!on.is_empty()).then(|| ("retryOn".to_owned(), json!(on))));
    Value::Object(out)
}

/// The conditions of `retryOn`.
pub(super) fn retry_on(of: &Retries) -> impl Iterator<Item = &str> {
    let all = of.retry_on.as_deref().unwrap_or_default().split(',');
    all.map(str::trim).filter(|one| !one.is_empty())
}

/// `header`, for another Service than `before` where it is the one by which Linkerd knows where a request goes.
pub(super) fn overriding(header: &Value, before: &str, service: &str) -> Value {
    let is_it = text(header, "/name").eq_ignore_ascii_case(OVERRIDE);
    let rest = text(header, "/value").strip_prefix(before);
    match rest.filter(|rest| is_it && rest.starts_with('.')) {
        Some(rest) => with(header, "value", json!(format!("{service}{rest}"))),
        None => header.clone(),
    }
}
