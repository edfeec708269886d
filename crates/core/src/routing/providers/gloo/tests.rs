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

// A RouteTable of somebody's own.
fn with_routes(routes: Value) -> Value {
    json!({
        "apiVersion": "gateway.solo.io/v1", "kind": "RouteTable",
        "metadata": {"name": "front", "namespace": "shop"}, "spec": {"routes": routes},
    })
}

fn to(action: Value) -> Value {
    with_routes(json!([{ "routeAction": action }]))
}

fn single(destination: Value) -> Value {
    to(json!({ "single": destination }))
}

fn several(destinations: Value) -> Value {
    to(json!({"multi": {"destinations": destinations}}))
}

fn kube(service: &str) -> Value {
    json!({"kube": {"ref": {"name": service, "namespace": "shop"}, "port": 80}})
}

fn upstream(name: &str, namespace: &str) -> Value {
    json!({"upstream": {"name": name, "namespace": namespace}})
}

// What Gloo's discovery makes of the Service.
fn discovered() -> Value {
    upstream("shop-web-80", "gloo-system")
}

fn of_half(half: &str) -> Value {
    upstream(&format!("shop-web-{half}upstream-80"), "shop")
}

fn canary(service: Value) -> CanarySpec {
    from_value(json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "service": service, "analysis": {},
    }))
    .unwrap()
}

fn exposure() -> Exposure {
    let sessions =
        json!({"cookieName": "canary", "primaryCookieName": "stable", "maxAge": 600, "path": "/", "secure": true});
    let matches = json!([
        {"headers": {"X-Canary": {"exact": "yes"}, "cookie": {"regex": "^(.*;)?beta=1(;.*)?$"}}},
        {"headers": {"user-agent": {"suffix": "Fire.fox"}, "Host": {"exact": ""}}, "queryParams": {"Try": {"prefix": "new"}}},
    ]);
    Exposure {
        matches: from_value(matches).unwrap(),
        affinity: Affinity::new(&from_value(sessions).unwrap(), Duration::from_secs(10)),
        cookies: Cookies {
            canary: Some("canary=abcdefghij".into()),
            primary: Some("stable=klmnopqrst".into()),
            previous: Some("canary=before".into()),
        },
        ..Exposure::default()
    }
}

// With what is said by the Upstream of that name.
fn knowing(exposure: &Exposure, (namespace, name): (&str, &str), spec: Value) -> Exposure {
    let mut exposure = exposure.clone();
    let model = Model {
        resource: Upstream.resource(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    exposure.models.insert(model, json!({ "spec": spec }));
    exposure
}

fn carried(route: &Value, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    RouteTable.carrying(std::slice::from_ref(route), &names(), traffic, exposure)
}

fn shown(route: &Value, traffic: Traffic, exposure: &Exposure) -> Value {
    carried(route, traffic, exposure).swap_remove(0)
}

fn read(route: &Value, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    RouteTable.traffic(route, &[], &names(), exposure, expected)
}

fn folded(route: &Value) -> Value {
    RouteTable.folded(route, &names())
}

fn told(route: &Value, exposure: &Exposure) -> Option<String> {
    RouteTable.problem(route, &names(), exposure)
}

fn action(route: &Value) -> Value {
    route["spec"]["routes"][0]["routeAction"].clone()
}

const MATCHED: Traffic = Traffic {
    matched: true,
    ..Traffic::PRIMARY
};
