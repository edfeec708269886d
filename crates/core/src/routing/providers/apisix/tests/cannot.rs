//! What is refused, or told.

use super::*;
use crate::routing::Provider;

#[test]
fn connections_are_refused_with_what_can_move_them() {
    let spec: CanarySpec = from_value(json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "service": {"port": 80, "appProtocol": "TCP"},
    }))
    .unwrap();
    let [(field, why)] = Provider::parse("apisix").unwrap().rejects(&spec).try_into().unwrap();
    assert_eq!(field, "spec.service.appProtocol");
    assert!(
        why.starts_with("provider apisix ") && why.contains("provider kubernetes"),
        "{why}"
    );
}

#[test]
fn one_that_does_not_lead_to_the_app_by_requests_says_so() {
    let plain = Exposure::default();
    assert_eq!(told(&to(web()), &plain), None);
    let other = told(&to(json!([{"serviceName": "other", "servicePort": 80}])), &plain).unwrap();
    assert!(
        other.starts_with("no entry of ApisixRoute front sends to Service web"),
        "{other}"
    );
    let mut connected = to(json!([{"serviceName": "other", "servicePort": 80}]));
    let backend = json!({"serviceName": "web", "servicePort": 80});
    connected["spec"]["stream"] =
        json!([{"name": "db", "protocol": "TCP", "match": {"ingressPort": 9100}, "backend": backend}]);
    let subset = to(json!([{"serviceName": "web", "servicePort": 80, "subset": "v1"}]));
    let nobody = to(json!([
        {"serviceName": "web", "servicePort": 80, "weight": 0}, {"serviceName": "other", "servicePort": 80},
    ]));
    for mine in [connected, subset, nobody] {
        assert!(ApisixRoute.refers_to(&mine, &names()));
        let why = told(&mine, &plain).unwrap();
        assert!(
            why.contains("without a subset") && why.contains("provider kubernetes"),
            "{why}"
        );
        assert_eq!(carried(&mine, Traffic::share(20), &plain), std::slice::from_ref(&mine));
    }
}

#[test]
fn weights_of_a_plugin_of_the_authors_would_be_lost() {
    let mut mine = to(web());
    mine["spec"]["http"][0]["plugins"] = json!([{"name": "traffic-split", "enable": true, "config": {"rules": []}}]);
    let why = told(&mine, &Exposure::default()).unwrap();
    assert!(
        why.contains("plugin traffic-split") && why.contains("entry root"),
        "{why}"
    );
    mine["spec"]["http"][0]["plugins"][0]["enable"] = json!(false);
    assert_eq!(told(&mine, &Exposure::default()), None);
}

#[test]
fn an_entry_that_a_release_would_overtake_is_told() {
    let test = tested(json!([{"headers": {"x-canary": {"exact": "yes"}}}]));
    let plain = Exposure::default();
    let other = |priority: i64, change: fn(&mut Value)| {
        let mut team = entry("team", "/*", json!([{"serviceName": "old", "servicePort": 80}]));
        team["priority"] = json!(priority);
        change(&mut team);
        let mut mine = entry("root", "/*", web());
        mine["priority"] = json!(5);
        with_entries(json!([team, mine]))
    };
    let why = told(&other(6, |_| ()), &plain).unwrap();
    assert!(
        why.contains("entry team of ApisixRoute front") && why.contains("a priority of 7 or more"),
        "{why}"
    );
    assert_eq!(
        ApisixRoute.crowded(&other(5, |_| ()), &names(), &plain),
        told(&other(5, |_| ()), &plain)
    );
    // A test comes before shares.
    assert_eq!(told(&other(7, |_| ()), &plain), None);
    assert!(
        told(&other(7, |_| ()), &test)
            .unwrap()
            .contains("a priority of 8 or more")
    );
    assert_eq!(told(&other(8, |_| ()), &test), None);
    assert_eq!(told(&other(4, |_| ()), &test), None);
    let harmless: [fn(&mut Value); 2] = [
        |team| team["match"]["paths"] = json!(["/team/*"]),
        |team| team["match"]["hosts"] = json!(["b.test"]),
    ];
    for change in harmless {
        assert_eq!(told(&other(6, change), &test), None);
    }
    let other_methods: fn(&mut Value) = |team| team["match"]["methods"] = json!(["POST"]);
    assert!(
        told(&other(6, other_methods), &test).is_some(),
        "the app's entry is for all methods"
    );
    let wide: fn(&mut Value) = |team| team["match"]["hosts"] = json!(["*.test"]);
    assert!(told(&other(6, wide), &test).is_some());
}

#[test]
fn what_the_ingress_controller_refuses_is_told() {
    let (plain, asked) = (Exposure::default(), Traffic::share(20));
    let saying = |object: &Value, kind: &str, status: &str| {
        let mut object = object.clone();
        let condition = json!({"type": kind, "status": status, "reason": "ResourceSyncAborted", "message": "so it is"});
        object["status"] = json!({"conditions": [condition]});
        object
    };
    let mine = to(web());
    let second = made(&beside(&mine, asked, &plain));
    for kind in ["ResourcesAvailable", "Accepted"] {
        let why = told(&saying(&mine, kind, "False"), &plain).unwrap();
        assert!(
            why.ends_with("is refused by APISIX: so it is (ResourceSyncAborted)"),
            "{why}"
        );
        assert_eq!(told(&saying(&mine, kind, "True"), &plain), None);
        assert_eq!(read(&mine, &saying(&second, kind, "True"), &plain, None), Some(asked));
        assert_eq!(read(&mine, &saying(&second, kind, "False"), &plain, Some(asked)), None);
    }
}
