//! Gateway API v1 HTTPRoute (`gateway.networking.k8s.io/v1`), whose rules name the two halves with weights.

pub(in crate::routing::providers) mod conditions;
mod cookies;
mod dialect;
mod generated;
mod outward;
mod problem;
mod spec;

use generated::RouteSpec;
pub use generated::generated;
pub use outward::outward;
pub use problem::{crowded, is_pending, problem};
pub use spec::route_spec;

use crate::routing::{Exposure, Names, Traffic, weighted};
use dialect::Rules;
use serde_json::Value;

/// API group of the routes we read and write.
pub const GROUP: &str = "gateway.networking.k8s.io";
/// Their kind.
pub const KIND: &str = "HTTPRoute";

/// Controllers without the RequestMirror filter.
const WITHOUT_MIRROR: &[&str] = &["traefik.io/gateway-controller"];

/// Whether any rule of `route` sends traffic to a Service of the pair.
pub fn refers_to(route: &Value, names: &Names) -> bool {
    weighted::refers_to::<Rules>(route, names)
}

/// What a live route does with the pair's traffic.
pub fn traffic(route: &Value, names: &Names, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    weighted::traffic::<Rules>(route, names, exposure, expected)
}

/// Whether every rule that names the pair is in its split form.
pub fn is_split(route: &Value, names: &Names) -> bool {
    weighted::is_split::<Rules>(route, names)
}

/// Whether any rule names `-primary` or `-canary` themselves.
pub fn names_a_half(route: &Value, names: &Names) -> bool {
    weighted::names_a_half::<Rules>(route, names)
}

/// The route's `rules` with the pair carrying `traffic`.
pub fn with_traffic(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Value {
    weighted::with_traffic::<Rules>(route, names, traffic, exposure)
}

/// The route's `rules` with the pair folded back into one reference to the apex: the exit.
pub fn folded(route: &Value, names: &Names) -> Value {
    weighted::folded::<Rules>(route, names)
}

/// The route with other `rules`.
pub fn with_rules(route: &Value, rules: Value) -> Value {
    weighted::with_rules::<Rules>(route, rules)
}

/// The parents of a route whose controller is known to have no RequestMirror filter, with its name. It is Traefik (3.7),
/// which answers 500 to every request of a rule that has one.
pub fn unmirrored(route: &Value) -> impl Iterator<Item = (&Value, &str)> {
    let parents = route
        .pointer("/status/parents")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    parents.filter_map(|parent| {
        let controller = parent.get("controllerName")?.as_str()?;
        WITHOUT_MIRROR
            .contains(&controller)
            .then_some((parent.get("parentRef")?, controller))
    })
}

/// Names of the Services that any rule names, of whatever namespace, by which a route is found.
pub fn services(route: &Value) -> Vec<String> {
    let named = |backend: &Value| backend.get("name").and_then(Value::as_str).map(str::to_owned);
    weighted::all_refs::<Rules>(route).filter_map(named).collect()
}

fn rules(route: &Value) -> impl Iterator<Item = &Value> {
    weighted::rules::<Rules>(route)
}

fn backends(rule: &Value) -> impl Iterator<Item = &Value> {
    let refs = rule.get("backendRefs").and_then(Value::as_array);
    refs.into_iter().flatten()
}

#[cfg(test)]
mod tests;
