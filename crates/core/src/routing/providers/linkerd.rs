//! Provider `linkerd`: a route of the Gateway API that is attached to the Service users call, by which the proxies beside their
//! callers know the two halves and their weights. Flagger's `linkerd` writes a TrafficSplit of SMI, which Linkerd has
//! given up; what a Canary says for it means the same here.

mod front;

use super::gateway_api::{GatewayApi, KINDS};
use crate::api::canary::{CanaryService, CanarySpec, GatewayRef};
use crate::routing::{Capabilities, Forms, Front, Names, RouteKind, Router};
use serde_json::Value;
use std::time::Duration;

/// The provider `linkerd`.
#[derive(Debug)]
pub struct Linkerd;

/// What Linkerd calls the API group of Services.
const CORE: &str = "core";

impl Router for Linkerd {
    fn name(&self) -> &'static str {
        "linkerd"
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        KINDS
    }

    // Its proxies copy nothing, and do not add to answers by backend.
    fn can(&self) -> Capabilities {
        Capabilities {
            weights: true,
            matches: true,
            // Its proxies see by themselves that a connection speaks HTTP/2.
            grpc: true,
            ..Capabilities::NONE
        }
    }

    fn settle(&self) -> Duration {
        GatewayApi.settle()
    }

    fn forms(&self) -> Option<Forms> {
        GatewayApi.forms()
    }

    fn is_within(&self) -> bool {
        true
    }

    // Its proxies know a route by the address of the Service that it is attached to.
    fn needs_address(&self) -> bool {
        true
    }

    fn rejects(&self, spec: &CanarySpec) -> Vec<(String, String)> {
        GatewayApi.rejects(&carried(spec, Vec::new()))
    }

    fn obeys(&self) -> &'static [&'static str] {
        &[
            "spec.service.match",
            "spec.service.timeout",
            "spec.service.backendTimeout",
        ]
    }

    fn front(&self) -> Option<Front> {
        Some(front::SERVICE_PROFILE)
    }

    fn instead(&self) -> &'static str {
        "attaches its route to the Service, where callers in the mesh meet it; hosts, gateways and what else shapes requests are \
         said by routes of your own"
    }

    fn published(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        GatewayApi.published(namespace, names, &carried(spec, vec![parent(names, spec)?]))
    }

    fn published_plainly(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        GatewayApi.published_plainly(namespace, names, &carried(spec, vec![parent(names, spec)?]))
    }
}

// The Service itself.
fn parent(names: &Names, spec: &CanarySpec) -> Option<GatewayRef> {
    let service = spec.service.as_ref()?;
    Some(GatewayRef {
        group: Some(CORE.to_owned()),
        kind: Some(String::from("Service")),
        name: names.apex.clone(),
        port: Some(service.port),
        namespace: None,
        section_name: None,
    })
}

// A Canary without what is not carried there.
fn carried(spec: &CanarySpec, parents: Vec<GatewayRef>) -> CanarySpec {
    let service = spec.service.clone().map(|service| CanaryService {
        gateway_refs: Some(parents),
        hosts: None,
        rewrite: None,
        headers: None,
        cors_policy: None,
        mirror: None,
        ..service
    });
    CanarySpec {
        service,
        ..spec.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::providers::gateway_api::{GRPC_ROUTE, HTTP_ROUTE};
    use crate::routing::{Exposure, Traffic, WrittenKind};
    use serde_json::json;

    fn made(service: Value) -> Value {
        let spec: CanarySpec = serde_json::from_value(json!({
            "provider": "linkerd",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "service": service,
        }))
        .unwrap();
        Linkerd.published("shop", &Names::new("web"), &spec).unwrap()
    }

    #[test]
    fn an_app_that_speaks_grpc_has_a_route_of_its_kind_there() {
        let made = made(json!({"port": 9898, "appProtocol": "grpc"}));
        assert_eq!(made["kind"], GRPC_ROUTE.resource().kind);
        let parent = json!({"group": "core", "kind": "Service", "name": "web", "port": 9898});
        assert_eq!(made["spec"]["parentRefs"], json!([parent]));
    }

    #[test]
    fn what_its_route_does_not_carry_is_no_reason_to_refuse_it() {
        let refused = |service: Value| {
            let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
            let spec = serde_json::from_value(json!({"targetRef": target, "service": service})).unwrap();
            Linkerd.rejects(&spec).len()
        };
        let rewrite = json!({"uri": "/", "type": "ReplacePrefixMatch"});
        let matches = json!([{"uri": {"exact": "/a"}}]);
        let service = json!({"port": 80, "match": matches, "rewrite": rewrite, "timeout": "1.5s"});
        assert_eq!(refused(service), 0);
        assert_eq!(refused(json!({"port": 80, "timeout": "100us"})), 1);
    }

    #[test]
    fn a_canary_for_flaggers_linkerd_has_a_route_at_its_service() {
        let made = made(
            json!({"port": 9898, "timeout": "10s", "hosts": ["app.example.com"], "gatewayRefs": [{"name": "outer"}]}),
        );
        let names = Names::new("web");
        let parent = json!({"group": "core", "kind": "Service", "name": "web", "port": 9898});
        assert_eq!(made["spec"]["parentRefs"], json!([parent]));
        assert!(made["spec"].get("hostnames").is_none());
        assert_eq!(made["spec"]["rules"][0]["timeouts"], json!({"request": "10s"}));
        let exposure = Exposure::default();
        let [ours] =
            <[Value; 1]>::try_from(HTTP_ROUTE.carrying(&[made], &names, Traffic::share(5), &exposure)).unwrap();
        let weights = ["/0/weight", "/1/weight"].map(|at| ours["spec"]["rules"][0]["backendRefs"].pointer(at).cloned());
        assert_eq!(weights, [Some(json!(95)), Some(json!(5))]);
        assert_eq!(
            HTTP_ROUTE.traffic(&ours, &[], &names, &exposure, None),
            Some(Traffic::share(5))
        );
    }
}
