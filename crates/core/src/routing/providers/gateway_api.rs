//! Provider `gatewayapi:v1`: an HTTPRoute of the Gateway API whose rules name the two halves with weights.

mod adopted;
pub(super) mod httproute;

use crate::api::canary::CanarySpec;
use crate::routing::provider::{Capabilities, Forms, Need, Router};
use crate::routing::{Exposure, Names, Resource, RouteKind, Traffic, WrittenKind};
use serde_json::{Value, json};
use std::time::Duration;

/// The provider.
#[derive(Debug)]
pub struct GatewayApi;

/// The kind of its routes.
#[derive(Debug)]
pub struct HttpRoute;

/// Gateways reload every two seconds at most, by default (Traefik's providersThrottleDuration).
pub(super) const RELOAD: Duration = Duration::from_secs(3);

/// The Gateways that a route is attached to.
const GATEWAY_REFS: &str = "spec.service.gatewayRefs";

impl Router for GatewayApi {
    fn name(&self) -> &'static str {
        "gatewayapi:v1"
    }

    fn kind(&self) -> Option<&'static dyn RouteKind> {
        Some(&HttpRoute)
    }

    fn can(&self) -> Capabilities {
        Capabilities {
            weights: true,
            matches: true,
            mirror: true,
            affinity: true,
            // Of a Service whose port says `kubernetes.io/h2c`.
            grpc: true,
            ..Capabilities::NONE
        }
    }

    fn settle(&self) -> Duration {
        RELOAD
    }

    fn lacks(&self, spec: &CanarySpec) -> Option<Need> {
        let refs = spec.service.as_ref()?.gateway_refs.as_deref().unwrap_or_default();
        let need = Need {
            field: GATEWAY_REFS,
            why: "attaches the route to it; name at least one Gateway",
            without_route: true,
        };
        refs.is_empty().then_some(need)
    }

    fn forms(&self) -> Option<Forms> {
        Some(Forms {
            uri: &["exact", "prefix", "regex"],
            method: &["exact"],
            named: &["exact", "regex"],
            open_regexes_differ: true,
        })
    }

    fn obeys(&self) -> &'static [&'static str] {
        &[
            GATEWAY_REFS,
            "spec.service.hosts",
            "spec.service.match",
            "spec.service.rewrite",
            "spec.service.headers",
            "spec.service.timeout",
            "spec.service.backendTimeout",
            "spec.service.corsPolicy",
            "spec.service.mirror",
        ]
    }

    fn instead(&self) -> &'static str {
        "has no word for it"
    }

    fn published(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        let spec = httproute::route_spec(spec.service.as_ref()?)?;
        Some(httproute::generated(namespace, names, &spec))
    }

    fn adopt(&self, spec: &mut CanarySpec, route: &Value, namespace: &str) {
        if let Some(service) = &mut spec.service {
            adopted::adopt(service, route, namespace);
        }
    }
}

impl WrittenKind for HttpRoute {
    fn resource(&self) -> Resource {
        Resource {
            group: httproute::GROUP,
            version: "v1",
            kind: httproute::KIND,
            plural: "httproutes",
            built_in: false,
        }
    }

    fn services(&self, route: &Value) -> Vec<String> {
        httproute::services(route)
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        httproute::refers_to(route, names)
    }

    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        httproute::names_a_half(route, names)
    }
}

impl RouteKind for HttpRoute {
    fn fields(&self) -> &'static [&'static str] {
        &["/spec/rules"]
    }

    fn lists(&self) -> &'static [&'static str] {
        &["/spec/hostnames", "/spec/parentRefs"]
    }

    fn outward(&self, route: &Value, own: Option<&str>) -> Vec<(String, String)> {
        httproute::outward(route, own)
    }

    fn hosts(&self, route: &Value) -> Vec<String> {
        adopted::hostnames(route).unwrap_or_default()
    }

    fn is_split(&self, route: &Value, names: &Names) -> bool {
        httproute::is_split(route, names)
    }

    fn traffic(
        &self,
        route: &Value,
        _beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        httproute::traffic(route, names, exposure, expected)
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        let carrying =
            |route: &Value| httproute::with_rules(route, httproute::with_traffic(route, names, traffic, exposure));
        objects.iter().map(carrying).collect()
    }

    fn folded(&self, route: &Value, names: &Names) -> Value {
        httproute::with_rules(route, httproute::folded(route, names))
    }

    fn problem(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        httproute::problem(route, names, exposure)
    }

    fn crowded(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        httproute::crowded(route, names, exposure)
    }

    fn is_pending(&self, route: &Value) -> bool {
        httproute::is_pending(route)
    }

    fn unmirrored<'a>(&self, route: &'a Value) -> Vec<(&'a Value, &'a str)> {
        httproute::unmirrored(route).collect()
    }

    fn told(&self, route: &Value) -> Value {
        let parents = route.pointer("/status/parents").and_then(Value::as_array);
        let of = |field: &str, parent: &Value| parent.get(field).cloned().unwrap_or_default();
        let slim =
            |parent| json!({"parentRef": of("parentRef", parent), "controllerName": of("controllerName", parent)});
        let parents: Vec<Value> = parents.into_iter().flatten().map(slim).collect();
        json!({ "parents": parents })
    }
}
