mod cannot;
mod edited;
mod golden;
mod named;
mod property;

use super::*;
use serde_json::{Value, from_value, json};

fn names() -> Names {
    Names::new("web")
}

// A MeshHTTPRoute of somebody's own, with these entries.
fn with_entries(to: Value) -> Value {
    json!({
        "apiVersion": "kuma.io/v1alpha1", "kind": "MeshHTTPRoute",
        "metadata": {"name": "front", "namespace": "shop", "labels": {"kuma.io/mesh": "default"}},
        "spec": {"to": to},
    })
}

fn everything() -> Value {
    json!([{"path": {"type": "PathPrefix", "value": "/"}}])
}

// One with a single rule for requests to the app, which sends them there.
fn to(backends: Value) -> Value {
    with_entries(json!([{
        "targetRef": {"kind": "MeshService", "name": "web"},
        "rules": [{"matches": everything(), "default": {"backendRefs": backends}}],
    }]))
}

fn service(name: &str, weight: u64) -> Value {
    json!({"kind": "MeshService", "name": name, "port": 80, "weight": weight})
}

fn canary(service: Value) -> CanarySpec {
    from_value(json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "service": service,
    }))
    .unwrap()
}

fn tested(matches: Value) -> Exposure {
    Exposure {
        matches: from_value(matches).unwrap(),
        ..Exposure::default()
    }
}

fn several() -> Exposure {
    tested(json!([
        {"headers": {"X-Canary": {"exact": "yes"}, "cookie": {"regex": "^(.*;)?beta=1(;.*)?$"}}},
        {"headers": {"user-agent": {"suffix": "Fire.fox"}}, "queryParams": {"try": {"prefix": "new"}}},
    ]))
}

const MATCHED: Traffic = Traffic {
    matched: true,
    ..Traffic::PRIMARY
};

fn shown(route: &Value, traffic: Traffic, exposure: &Exposure) -> Value {
    let mut objects = MeshHttpRoute.carrying(std::slice::from_ref(route), &names(), traffic, exposure);
    assert_eq!(objects.len(), 1, "nothing is made beside it");
    objects.remove(0)
}

fn carried(route: &Value, traffic: Traffic) -> Value {
    shown(route, traffic, &Exposure::default())
}

fn read(route: &Value, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    MeshHttpRoute.traffic(route, &[], &names(), exposure, expected)
}

fn folded(route: &Value) -> Value {
    MeshHttpRoute.folded(route, &names())
}

fn rules(route: &Value) -> Vec<Value> {
    route["spec"]["to"][0]["rules"].as_array().unwrap().clone()
}

fn backends(route: &Value) -> Value {
    rules(route)[0]["default"]["backendRefs"].clone()
}

fn told(route: &Value) -> Option<String> {
    MeshHttpRoute.problem(route, &names(), &Exposure::default())
}
