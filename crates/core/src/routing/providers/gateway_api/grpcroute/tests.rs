mod edited;
mod golden;
mod made;
mod property;

use crate::api::canary::CanarySpec;
use crate::routing::providers::gateway_api::{GRPC_ROUTE, GatewayApi, HTTP_ROUTE};
use crate::routing::{Affinity, Cookies, Exposure, Names, Provider, RouteKind, Router, Traffic, WrittenKind};
use serde_json::{Value, from_value, json};
use std::time::Duration;

fn names() -> Names {
    Names::new("web")
}

// One of somebody's own, with a rule to others alone, one to the app among others, and one to the app.
fn front() -> Value {
    let cart = json!([
        {"method": {"type": "Exact", "service": "shop.Cart", "method": "Add"}},
        {"method": {"service": "shop.Cart"}, "headers": [{"name": "x-team", "value": "a"}]},
    ]);
    let filter = json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-front", "value": "edge"}]}});
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
        "metadata": {"name": "front", "namespace": "shop"},
        "spec": {
            "parentRefs": [{"name": "edge"}], "hostnames": ["grpc.example.com"],
            "rules": [
                {"matches": [{"method": {"service": "old.Greeter"}}], "backendRefs": [{"name": "elsewhere", "port": 80}]},
                {
                    "name": "cart", "matches": cart, "filters": [filter],
                    "backendRefs": [{"name": "web", "port": 9000, "weight": 1}, {"name": "old", "port": 9000, "weight": 3}],
                },
                {"backendRefs": [{"name": "web", "port": 9000, "weight": 1}]},
            ],
        },
    })
}

fn exposure() -> Exposure {
    let matches = json!([
        {"headers": {"X-Canary": {"exact": "yes"}, "x-team": {"prefix": "pay.ments"}}},
        {"headers": {"x-canary": {"regex": "^i.*$"}}},
        {"headers": {"x-canary": {"exact": "yes"}}, "queryParams": {"try": {"exact": "new"}}},
    ]);
    let affinity = from_value(json!({"cookieName": "canary", "primaryCookieName": "stable"})).unwrap();
    Exposure {
        matches: from_value(matches).unwrap(),
        affinity: Affinity::new(&affinity, Duration::from_secs(10)),
        cookies: Cookies {
            canary: Some("canary=abcdefghij".into()),
            primary: Some("stable=klmnopqrst".into()),
            previous: Some("canary=before".into()),
        },
        policy: None,
        ..Exposure::default()
    }
}

fn carried(route: &Value, traffic: Traffic) -> Value {
    let mut objects = GRPC_ROUTE.carrying(std::slice::from_ref(route), &names(), traffic, &exposure());
    assert_eq!(objects.len(), 1, "nothing is made beside it");
    objects.remove(0)
}

fn read(route: &Value, expected: Option<Traffic>) -> Option<Traffic> {
    GRPC_ROUTE.traffic(route, &[], &names(), &exposure(), expected)
}

fn published(service: Value) -> Option<Value> {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let spec: CanarySpec = from_value(json!({"targetRef": target, "service": service})).unwrap();
    GatewayApi.published("shop", &names(), &spec)
}
