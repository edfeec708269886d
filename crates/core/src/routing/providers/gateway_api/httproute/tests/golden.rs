//! Whole objects, as they are stored. The suite has a real API server judge them as well.

use super::*;
use crate::routing::Provider;
use serde_json::from_value;

fn made(provider: &str, service: Value) -> Value {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let spec = from_value(json!({"targetRef": target, "service": service})).unwrap();
    Provider::parse(provider)
        .unwrap()
        .published("shop", &names(), &spec)
        .unwrap()
}

fn plain() -> Value {
    let gateways = json!([{"name": "edge"}]);
    let service = json!({"port": 9898, "hosts": ["app.example.com"], "gatewayRefs": gateways});
    made("gatewayapi:v1", service)
}

fn carried(route: &Value, traffic: Traffic, exposure: &Exposure) -> Value {
    let mut objects = HTTP_ROUTE.carrying(std::slice::from_ref(route), &names(), traffic, exposure);
    assert_eq!(objects.len(), 1, "nothing is made beside it");
    let carried = objects.remove(0);
    assert_eq!(
        HTTP_ROUTE.traffic(&carried, &[], &names(), exposure, Some(traffic)),
        Some(traffic)
    );
    carried
}

#[test]
fn one_of_ours_carries_everybody_and_every_share() {
    let none = &Exposure::default();
    insta::assert_json_snapshot!("rest", plain());
    insta::assert_json_snapshot!("share", carried(&plain(), Traffic::share(20), none));
    insta::assert_json_snapshot!("everybody", carried(&plain(), Traffic::CANARY, none));
    assert_eq!(carried(&plain(), Traffic::PRIMARY, none), plain());
}

#[test]
fn one_of_ours_says_what_its_canary_says() {
    let headers = json!({"X-User": {"exact": "a"}, "x-team": {"prefix": "pay.ments"}, "x-zone": {"suffix": "-b"}});
    let made = made(
        "gatewayapi:v1",
        json!({
            "port": 9898, "hosts": ["app.example.com", "*.app.example.com"],
            "gatewayRefs": [
                {"name": "edge", "namespace": "gateways", "sectionName": "https"}, {"name": "inner", "port": 8443},
            ],
            "match": [
                {"uri": {"exact": "/cart"}, "method": {"exact": "POST"}},
                {"uri": {"prefix": "/shop"}, "headers": headers},
                {"uri": {"regex": "/v[12]/.*"}, "queryParams": {"try": {"regex": "^new$"}}},
            ],
            "rewrite": {"uri": "/app", "authority": "app.internal"},
            "headers": {
                "request": {"add": {"x-added": "a"}, "set": {"x-set": "b"}, "remove": ["x-gone"]},
                "response": {"remove": ["server"]},
            },
            "timeout": "1.5s", "backendTimeout": "500ms",
            "corsPolicy": {
                "allowOrigin": ["https://a.example.com"], "allowMethods": ["GET", "POST"], "allowHeaders": ["x-user"],
                "exposeHeaders": ["x-set"], "allowCredentials": true, "maxAge": "1h",
            },
            "mirror": [{"backendRef": {"name": "audit", "port": 80}}],
            "apex": {"labels": {"team": "shop"}, "annotations": {"note": "b"}},
        }),
    );
    insta::assert_json_snapshot!("every_field", made);
}

#[test]
fn pages_may_be_asked_for_again_after_whole_seconds_alone() {
    let age = |said: &str| {
        let cors = json!({"allowOrigin": ["*"], "maxAge": said});
        let service = json!({"port": 80, "gatewayRefs": [{"name": "edge"}], "corsPolicy": cors});
        let made = made("gatewayapi:v1", service);
        made["spec"]["rules"][0]["filters"][0]["cors"].get("maxAge").cloned()
    };
    assert_eq!(age("90s"), Some(json!(90)));
    assert_eq!(age("1.5s"), Some(json!(1)));
    assert_eq!(age("1000000h"), Some(json!(i32::MAX)));
    for too_short in ["0s", "500ms"] {
        assert_eq!(age(too_short), None, "{too_short}");
    }
}

#[test]
fn a_rule_that_replaces_a_prefix_has_one_match_and_so_has_each_that_is_made_of_it() {
    let made = made(
        "gatewayapi:v1",
        json!({
            "port": 9898, "gatewayRefs": [{"name": "edge"}], "match": [{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}],
            "rewrite": {"uri": "/", "type": "ReplacePrefixMatch"},
        }),
    );
    let header = |value: &str| json!({"headers": {"x-canary": {"exact": value}}});
    let users = Exposure {
        matches: from_value(json!([header("always"), header("yes")])).unwrap(),
        ..Exposure::default()
    };
    let tested = Traffic {
        matched: true,
        ..Traffic::PRIMARY
    };
    let carried = carried(&made, tested, &users);
    insta::assert_json_snapshot!("by_prefix", carried);
    let rules = carried["spec"]["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["matches"].as_array().unwrap().len() == 1));
}

#[test]
fn one_of_linkerds_is_attached_to_the_service() {
    let made = made(
        "linkerd",
        json!({"port": 9898, "hosts": ["app.example.com"], "match": [{"uri": {"prefix": "/api"}}], "timeout": "10s"}),
    );
    insta::assert_json_snapshot!("linkerd", made);
}
