//! Provider `gatewayapi:v1`: routes of the Gateway API whose rules name the two halves with weights. They are HTTPRoutes, and
//! GRPCRoutes where the app speaks gRPC; a user may have several of both for one app.

mod adopted;
mod durations;
mod grpcroute;
mod httproute;
mod rejected;
pub(super) mod route;

use crate::api::canary::{CanaryService, CanarySpec};
use crate::routing::{Capabilities, Forms, Names, Need, RouteKind, Router};
use grpcroute::Grpc;
use httproute::Http;
use route::{Route, Words};
use serde_json::Value;
use std::time::Duration;

/// The provider `gatewayapi:v1`.
#[derive(Debug)]
pub struct GatewayApi;

/// The kinds of its routes.
pub(super) const KINDS: &[&dyn RouteKind] = &[&HTTP_ROUTE, &GRPC_ROUTE];
/// HTTPRoute, by which any request comes.
pub(super) const HTTP_ROUTE: Route<Http> = Route::KIND;
/// GRPCRoute, by which calls of gRPC come alone.
pub(super) const GRPC_ROUTE: Route<Grpc> = Route::KIND;

/// Gateways reload every two seconds at most, by default (Traefik's providersThrottleDuration).
pub(super) const RELOAD: Duration = Duration::from_secs(3);

/// The Gateways that a route is attached to.
const GATEWAY_REFS: &str = "spec.service.gatewayRefs";

impl Router for GatewayApi {
    fn name(&self) -> &'static str {
        "gatewayapi:v1"
    }

    // An HTTPRoute is the same object in each version of the Gateway API.
    fn aliases(&self) -> &'static [&'static str] {
        &["gatewayapi", "gatewayapi:v1beta1"]
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        KINDS
    }

    fn can(&self) -> Capabilities {
        Http::CAN
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

    fn rejects(&self, spec: &CanarySpec) -> Vec<(String, String)> {
        rejected::of_canary(spec)
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
        "cannot say it; use istio, or your own route"
    }

    fn instead_of(&self, field: &str) -> Option<&'static str> {
        (field == "spec.service.trafficPolicy").then_some("cannot say it; use istio, or a BackendTLSPolicy")
    }

    // What a GRPCRoute cannot say of an app that speaks gRPC an HTTPRoute says, by which its calls come as well.
    fn published(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        let service = spec.service.as_ref()?;
        let of_grpc = grpcroute::spec(service).map(|spec| route::generated::<Grpc>(namespace, names, &spec));
        of_grpc.or_else(|| of_http(namespace, names, service))
    }

    fn published_plainly(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        let service = spec.service.as_ref()?;
        grpcroute::spec(service).and_then(|_| of_http(namespace, names, service))
    }

    fn adopt(&self, spec: &mut CanarySpec, route: &Value, namespace: &str) {
        if let Some(service) = &mut spec.service {
            adopted::adopt(service, route, namespace);
        }
    }
}

fn of_http(namespace: &str, names: &Names, service: &CanaryService) -> Option<Value> {
    httproute::spec(service).map(|spec| route::generated::<Http>(namespace, names, &spec))
}
