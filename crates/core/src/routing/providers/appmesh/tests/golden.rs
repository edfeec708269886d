//! Whole objects, as they are sent. The suite has a real API server judge them by the Go types of App Mesh's controller (v1beta1)
//! and of Flagger (v1beta2).

use super::*;

fn objects(mesh: &AppMesh, service: &Value, analysis: Value, traffic: Traffic) -> Vec<Value> {
    let spec = canary(service.clone(), analysis.clone());
    let exposure = Exposure {
        matches: spec.analysis.unwrap().matches.unwrap_or_default(),
        member: member(),
        ..Exposure::default()
    };
    let route = published(mesh, service, analysis);
    let objects = carried(mesh, &route, traffic, &exposure);
    assert_eq!(read(mesh, &objects[0], &exposure, Some(traffic)), Some(traffic));
    assert_eq!(told(mesh, &objects[0], &exposure), None);
    objects
}

// As in Flagger's tutorial.
fn of_flaggers_tutorial() -> Value {
    json!({
        "port": 80, "targetPort": 9898, "hosts": ["app.example.com", "shop.example.com"], "timeout": "15s",
        "retries": {"attempts": 3, "perTryTimeout": "5s", "retryOn": "gateway-error,client-error,stream-error"},
        "match": [{"uri": {"prefix": "/"}}],
    })
}

#[test]
fn shares() {
    let of = |mesh: &AppMesh, share| objects(mesh, &of_flaggers_tutorial(), json!({}), Traffic::share(share));
    insta::assert_json_snapshot!("v1beta1_rest", of(&V1BETA1, 0));
    insta::assert_json_snapshot!("v1beta1_share", of(&V1BETA1, 5));
    insta::assert_json_snapshot!("v1beta2_rest", of(&V1BETA2, 0));
    insta::assert_json_snapshot!("v1beta2_share", of(&V1BETA2, 5));
}

#[test]
fn a_test_of_named_users() {
    let analysis = json!({"match": [
        {"headers": {"x-canary": {"exact": "yes"}, "cookie": {"regex": "^(.*;)?beta=1(;.*)?$"}}},
        {"headers": {"user-agent": {"prefix": "Fire"}, "x-team": {"suffix": "-a"}}},
    ]});
    let of = |mesh: &AppMesh| objects(mesh, &json!({"port": 9898}), analysis.clone(), MATCHED);
    insta::assert_json_snapshot!("v1beta1_test", of(&V1BETA1));
    insta::assert_json_snapshot!("v1beta2_test", of(&V1BETA2));
}

#[test]
fn every_field_of_the_service() {
    let service = json!({
        "port": 80, "targetPort": "http", "portName": "http", "timeout": "0s",
        "apex": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
        "match": [
            {"uri": {"prefix": "/api"}, "method": {"exact": "GET"}, "headers": {"X-Team": {"exact": "a"}, "x-any": {}}},
            {"uri": {"prefix": "/old"}},
        ],
        "retries": {"attempts": 0, "retryOn": "server-error, connection-error"},
    });
    let of = |mesh: &AppMesh| objects(mesh, &service, json!({}), Traffic::PRIMARY);
    insta::assert_json_snapshot!("v1beta1_service", of(&V1BETA1));
    insta::assert_json_snapshot!("v1beta2_service", of(&V1BETA2));
}

#[test]
fn what_speaks_something_else() {
    let grpc = json!({
        "port": 9090, "portName": "grpc", "timeout": "3s", "retries": {"retryOn": "unavailable,gateway-error,connection-error"},
    });
    let test = json!({"match": [{"headers": {"x-canary": {"exact": "yes"}}}]});
    insta::assert_json_snapshot!("v1beta2_grpc", objects(&V1BETA2, &grpc, test, MATCHED));
    let http2 = json!({"port": 9090, "appProtocol": "kubernetes.io/h2c", "timeout": "3s"});
    insta::assert_json_snapshot!("v1beta2_http2", objects(&V1BETA2, &http2, json!({}), Traffic::CANARY));
    let mut older = grpc;
    older["retries"] = json!({"attempts": 1});
    insta::assert_json_snapshot!("v1beta1_grpc", objects(&V1BETA1, &older, json!({}), Traffic::PRIMARY));
}

#[test]
fn without_a_service_nothing_is_made() {
    for mesh in BOTH {
        assert_eq!(mesh.published("shop", &names(), &canary(Value::Null, json!({}))), None);
    }
}
