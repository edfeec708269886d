mod cannot;
mod edited;
mod golden;
mod property;

use super::*;
use serde_json::{Value, from_value, json};

fn names() -> Names {
    Names::new("web")
}

// An HTTPProxy of somebody's own, with the host.
fn with_routes(routes: Value) -> Value {
    json!({
        "apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
        "metadata": {"name": "front", "namespace": "shop"},
        "spec": {"virtualhost": {"fqdn": "app.example.com"}, "routes": routes},
    })
}

fn to(services: Value) -> Value {
    with_routes(json!([{ "services": services }]))
}

fn canary(service: Value, analysis: Value) -> CanarySpec {
    from_value(json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "service": service, "analysis": analysis,
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
    let mut objects = HttpProxy.carrying(std::slice::from_ref(route), &names(), traffic, exposure);
    assert_eq!(objects.len(), 1, "nothing is made beside it");
    objects.remove(0)
}

fn carried(route: &Value, traffic: Traffic) -> Value {
    shown(route, traffic, &Exposure::default())
}

fn read(route: &Value, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    HttpProxy.traffic(route, &[], &names(), exposure, expected)
}

fn folded(route: &Value) -> Value {
    HttpProxy.folded(route, &names())
}

fn services(route: &Value) -> Value {
    route["spec"]["routes"][0]["services"].clone()
}

fn told(route: &Value, exposure: &Exposure) -> Option<String> {
    HttpProxy.problem(route, &names(), exposure)
}
