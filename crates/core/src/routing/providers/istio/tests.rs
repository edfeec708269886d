mod cannot;
mod edited;
mod golden;
mod property;

use super::*;
use crate::routing::{Affinity, Cookies};
use serde_json::{Value, from_value, json};

fn names() -> Names {
    Names::new("web")
}

// A VirtualService of somebody's own.
fn with_rules(http: Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService",
        "metadata": {"name": "front", "namespace": "shop"},
        "spec": {"hosts": ["web"], "gateways": ["mesh"], "http": http},
    })
}

fn plain() -> Value {
    with_rules(json!([{"route": [{"destination": {"host": "web"}}]}]))
}

fn canary(service: Value, analysis: Value) -> CanarySpec {
    from_value(json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "service": service, "analysis": analysis,
    }))
    .unwrap()
}

fn exposure() -> Exposure {
    let sessions =
        json!({"cookieName": "canary", "primaryCookieName": "stable", "maxAge": 600, "path": "/", "secure": true});
    let matches = json!([
        {"headers": {"X-Canary": {"exact": "yes"}, "cookie": {"regex": "^(.*;)?beta=1(;.*)?$"}}},
        {"headers": {"user-agent": {"suffix": "Fire.fox"}}, "queryParams": {"try": {"prefix": "new"}}},
        {"sourceLabels": {"app": "caller"}},
    ]);
    Exposure {
        matches: from_value(matches).unwrap(),
        affinity: Affinity::new(&from_value(sessions).unwrap(), Duration::from_secs(10)),
        cookies: Cookies {
            canary: Some("canary=abcdefghij".into()),
            primary: Some("stable=klmnopqrst".into()),
            previous: Some("canary=before".into()),
        },
        policy: Some(from_value(json!({"tls": {"mode": "ISTIO_MUTUAL"}})).unwrap()),
        ..Exposure::default()
    }
}

fn carried(route: &Value, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    VirtualService.carrying(std::slice::from_ref(route), &names(), traffic, exposure)
}

fn shown(route: &Value, traffic: Traffic, exposure: &Exposure) -> Value {
    carried(route, traffic, exposure).swap_remove(0)
}

fn read(route: &Value, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    VirtualService.traffic(route, &[], &names(), exposure, expected)
}

// As it is stored, by us.
fn made(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["labels"] = json!({"coalmine.dev/generated": "true"});
    object
}
