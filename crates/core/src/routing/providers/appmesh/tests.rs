mod cannot;
mod companions;
mod edited;
mod golden;
mod property;

use super::*;
use crate::api::Canary;
use crate::plan::{Defaults, blueprint};
use crate::routing::reference::with;
use crate::routing::{Exposure, Member, Pods, RouteKind, Traffic, WrittenKind};
use serde_json::{Map, from_value, json};

const BOTH: [&AppMesh; 2] = [&V1BETA1, &V1BETA2];

const MATCHED: Traffic = Traffic {
    matched: true,
    ..Traffic::PRIMARY
};

fn names() -> Names {
    Names::new("web")
}

fn canary(service: Value, analysis: Value) -> CanarySpec {
    from_value(json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "service": service, "analysis": analysis,
    }))
    .unwrap()
}

// What has the routes in that version, of somebody's own.
fn around(mesh: &AppMesh, routes: Value) -> Value {
    let version = mesh.routes.version;
    let listeners = json!([{"portMapping": {"port": 8080, "protocol": "http"}}]);
    let spec = match version {
        Version::V1beta1 => json!({
            "meshName": "global", "virtualRouter": {"name": "front", "listeners": listeners}, "routes": routes,
        }),
        Version::V1beta2 => json!({"awsName": "front_shop", "listeners": listeners, "routes": routes}),
    };
    json!({
        "apiVersion": version.api_version(), "kind": version.of_routes().kind,
        "metadata": {"name": "front", "namespace": "shop"}, "spec": spec,
    })
}

// One entry, to these VirtualNodes.
fn entry(mesh: &AppMesh, name: &str, targets: &[(&str, u8)]) -> Value {
    let version = mesh.routes.version;
    let targets: Vec<Value> = targets
        .iter()
        .map(|(node, weight)| version.target(node, *weight))
        .collect();
    let member = version.member("http");
    json!({"name": name, member: {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}})
}

fn to(mesh: &AppMesh, targets: &[(&str, u8)]) -> Value {
    around(mesh, json!([entry(mesh, "all", targets)]))
}

// Whom an entry sends to, by weight.
fn sends(mesh: &AppMesh, route: &Value, at: usize) -> Vec<(String, u64)> {
    let version = mesh.routes.version;
    let targets = entries::targets(version, &entries::all(route)[at]).iter();
    let of = |target: &Value| {
        let (name, _) = version.node(target).unwrap();
        (name.to_owned(), target["weight"].as_u64().unwrap())
    };
    targets.map(of).collect()
}

fn pair(canary: u64) -> Vec<(String, u64)> {
    vec![("web-canary".into(), canary), ("web-primary".into(), 100 - canary)]
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
        {"headers": {"user-agent": {"suffix": "Fire.fox"}}},
    ]))
}

fn member() -> Member {
    let labels = |value: &str| Map::from_iter([("app".to_owned(), json!(value))]);
    Member {
        backends: vec![
            "auth".into(),
            "arn:aws:appmesh:eu-west-1:1:mesh/m/virtualService/db".into(),
            "auth".into(),
        ],
        logs: true,
        pods: Some(Pods {
            primary: labels("web-primary"),
            canary: labels("web"),
        }),
    }
}

fn carried(mesh: &AppMesh, route: &Value, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    mesh.routes
        .carrying(std::slice::from_ref(route), &names(), traffic, exposure)
}

fn shown(mesh: &AppMesh, route: &Value, traffic: Traffic, exposure: &Exposure) -> Value {
    carried(mesh, route, traffic, exposure).swap_remove(0)
}

fn read(mesh: &AppMesh, route: &Value, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    mesh.routes.traffic(route, &[], &names(), exposure, expected)
}

fn folded(mesh: &AppMesh, route: &Value) -> Value {
    mesh.routes.folded(route, &names())
}

fn told(mesh: &AppMesh, route: &Value, exposure: &Exposure) -> Option<String> {
    mesh.routes.problem(route, &names(), exposure)
}

// As we store it.
fn made(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["labels"] = json!({"coalmine.dev/generated": "true"});
    object
}

// The route of an app whose user has none, as we store it.
fn published(mesh: &AppMesh, service: &Value, analysis: Value) -> Value {
    let service = with(service, "meshName", json!("global"));
    made(&mesh.published("shop", &names(), &canary(service, analysis)).unwrap())
}

#[test]
fn proxies_log_where_a_canary_is_annotated_as_flagger_has_it() {
    for (provider, said, logs) in [
        ("appmesh", "enabled", true),
        ("appmesh:v1beta2", "enabled", true),
        ("appmesh", "disabled", false),
        ("istio", "enabled", false),
    ] {
        let canary: Canary = from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "web", "namespace": "shop", "annotations": {"appmesh.flagger.app/accesslog": said}},
            "spec": {
                "provider": provider, "service": {"port": 80},
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            },
        }))
        .unwrap();
        let pair = blueprint(&canary, &Defaults::default()).unwrap();
        assert_eq!(pair.exposure.member.logs, logs, "{provider} {said}");
    }
}
