//! Whole objects, as they are sent. The suite has a real API server judge them as well, with a definition of what is used of
//! Kuma's: theirs cannot be had there.

use super::*;

fn object(service: Value, traffic: Traffic, exposure: &Exposure) -> Value {
    let made = Kuma.published("shop", &names(), &canary(service)).unwrap();
    let made = Kuma.annotated(made, &BTreeMap::new());
    let shown = shown(&made, traffic, exposure);
    assert_eq!(read(&shown, exposure, Some(traffic)), Some(traffic));
    assert_eq!(told(&shown), None);
    shown
}

fn plain() -> Value {
    json!({"port": 9898, "portName": "http", "appProtocol": "http"})
}

#[test]
fn rest() {
    insta::assert_json_snapshot!("rest", object(plain(), Traffic::PRIMARY, &Exposure::default()));
}

// A port without a name may be called either way.
#[test]
fn weights() {
    let service = json!({"port": 9898, "appProtocol": "http"});
    insta::assert_json_snapshot!("weights", object(service, Traffic::share(5), &Exposure::default()));
}

#[test]
fn everybody() {
    insta::assert_json_snapshot!("everybody", object(plain(), Traffic::CANARY, &Exposure::default()));
}

#[test]
fn every_field_of_the_service() {
    let service = json!({
        "port": 8080, "portName": "web", "appProtocol": "grpc",
        "apex": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
        "match": [
            {
                "uri": {"regex": "/v[12]/.*"}, "method": {"exact": "GET"}, "headers": {"X-Team": {"prefix": "a"}},
                "queryParams": {"q": {"exact": "1"}},
            },
            {"uri": {"prefix": "/api/"}},
            {"uri": {"exact": "/health"}},
            {"headers": {"x-any": {"suffix": "z"}}},
        ],
    });
    insta::assert_json_snapshot!("service", object(service, Traffic::PRIMARY, &Exposure::default()));
}

#[test]
fn a_test_of_named_users() {
    insta::assert_json_snapshot!("ab_test", object(plain(), MATCHED, &several()));
}

#[test]
fn copies() {
    let some = Traffic {
        mirror: 30,
        ..Traffic::PRIMARY
    };
    insta::assert_json_snapshot!("mirror", object(plain(), some, &Exposure::default()));
}

// What the author says of other requests, of other Services and of who calls is nobody else's.
#[test]
fn one_of_the_users_own() {
    let mut mine = with_entries(json!([
        {
            "targetRef": {"kind": "MeshService", "name": "web", "namespace": "shop", "sectionName": "http"},
            "rules": [
                {
                    "matches": [{"path": {"type": "Exact", "value": "/old"}}],
                    "default": {"filters": [{"type": "RequestRedirect", "requestRedirect": {
                        "statusCode": 301, "path": {"type": "ReplaceFullPath", "replaceFullPath": "/"},
                    }}]},
                },
                {
                    "matches": [
                        {
                            "path": {"type": "PathPrefix", "value": "/"},
                            "headers": [{"name": "x-team", "type": "Present"}],
                        },
                        {"queryParams": [{"name": "team", "type": "Exact", "value": "a"}]},
                    ],
                    "default": {
                        "filters": [
                            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-a", "value": "1"}]}},
                            {"type": "RequestMirror", "requestMirror": {"percentage": 10, "backendRef": service("audit", 1)}},
                        ],
                        "backendRefs": [
                            {"kind": "MeshExternalService", "name": "legacy", "weight": 1},
                            {"kind": "MeshService", "name": "web", "namespace": "shop", "port": 80, "weight": 3},
                        ],
                    },
                },
            ],
        },
        {
            "targetRef": {"kind": "MeshService", "name": "shop", "namespace": "shop"},
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": "/web"}}],
                "default": {"backendRefs": [{"kind": "MeshService", "name": "web_shop_svc_80", "weight": 1}]},
            }],
        },
    ]));
    mine["spec"]["targetRef"] = json!({"kind": "Dataplane", "labels": {"app": "caller"}});
    let traffic = Traffic {
        matched: true,
        mirror: 40,
        ..Traffic::share(20)
    };
    let exposure = several();
    let ours = shown(&mine, traffic, &exposure);
    assert_eq!(read(&ours, &exposure, Some(traffic)), Some(traffic));
    assert_eq!(folded(&ours), mine);
    insta::assert_json_snapshot!("takeover", ours);
}
