mod cannot;
mod edited;
mod golden;
mod property;

use super::*;
use serde_json::from_value;

fn names() -> Names {
    Names::new("web")
}

// A TrafficSplit of somebody's own, of that version.
fn of_version(version: &str, root: &str, backends: Value) -> Value {
    json!({
        "apiVersion": format!("split.smi-spec.io/{version}"), "kind": "TrafficSplit",
        "metadata": {"name": "front", "namespace": "shop"},
        "spec": {
            "service": root, "backends": backends,
            "matches": [{"kind": "HTTPRouteGroup", "name": "firefox"}],
        },
    })
}

fn around(backends: Value) -> Value {
    of_version("v1alpha2", "web", backends)
}

fn kind() -> &'static TrafficSplit {
    V1ALPHA2.kind
}

fn canary(service: Value) -> CanarySpec {
    from_value(json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "service": service,
    }))
    .unwrap()
}

fn carried(route: &Value, traffic: Traffic) -> Value {
    let mut objects = kind().carrying(std::slice::from_ref(route), &names(), traffic, &Exposure::default());
    assert_eq!(objects.len(), 1, "nothing is made beside it");
    objects.remove(0)
}

fn read(route: &Value, expected: Option<Traffic>) -> Option<Traffic> {
    kind().traffic(route, &[], &names(), &Exposure::default(), expected)
}

fn folded(route: &Value) -> Value {
    kind().folded(route, &names())
}

fn backends(route: &Value) -> Value {
    route["spec"]["backends"].clone()
}

fn told(route: &Value) -> Option<String> {
    kind().problem(route, &names(), &Exposure::default())
}
