//! Whole objects, as they are sent. The suite has a real API server with a definition that serves two versions judge them.

use super::*;

fn object(provider: &Smi, service: Value, traffic: Traffic) -> Value {
    let made = provider.published("shop", &names(), &canary(service)).unwrap();
    let shown = carried(&made, traffic);
    assert_eq!(read(&shown, Some(traffic)), Some(traffic));
    assert_eq!(told(&shown), None);
    shown
}

#[test]
fn quantities() {
    let of = |traffic| object(&V1ALPHA1, json!({"port": 80}), traffic);
    insta::assert_json_snapshot!("quantities_rest", of(Traffic::PRIMARY));
    insta::assert_json_snapshot!("quantities_share", of(Traffic::share(5)));
    insta::assert_json_snapshot!("quantities_everybody", of(Traffic::CANARY));
}

#[test]
fn numbers() {
    let of = |traffic| object(&V1ALPHA2, json!({"port": 80}), traffic);
    insta::assert_json_snapshot!("numbers_rest", of(Traffic::PRIMARY));
    insta::assert_json_snapshot!("numbers_share", of(Traffic::share(5)));
    insta::assert_json_snapshot!("numbers_everybody", of(Traffic::CANARY));
}

#[test]
fn a_root_that_the_canary_names() {
    let service = json!({
        "port": 8080, "portDiscovery": true, "hosts": ["web.example.com", "*"],
        "apex": {"labels": {"team": "a"}, "annotations": {"a": "b"}},
    });
    insta::assert_json_snapshot!("root", object(&V1ALPHA2, service, Traffic::share(30)));
}

#[test]
fn beside_others() {
    let mine = around(json!([{"service": "web", "weight": 90}, {"service": "legacy", "weight": 10}]));
    let mut mine = carried(&mine, Traffic::share(10));
    // Of the fields that v1alpha2 has not, the definition knows none.
    mine["spec"].as_object_mut().unwrap().remove("matches");
    insta::assert_json_snapshot!("beside", mine);
}

#[test]
fn every_version_says_the_same_of_its_own() {
    let of = |provider: &Smi, share| object(provider, json!({"port": 80}), Traffic::share(share));
    for share in [0, 5, 100] {
        let older = of(&V1ALPHA2, share);
        let mut newer = of(&V1ALPHA3, share);
        assert_eq!(newer["apiVersion"], "split.smi-spec.io/v1alpha3");
        newer["apiVersion"] = older["apiVersion"].clone();
        assert_eq!(newer, older);
        assert_eq!(of(&OSM, share), older);
    }
    let kinds = [&V1ALPHA1, &V1ALPHA2, &V1ALPHA3, &OSM].map(|provider| provider.kind.resource().version);
    assert_eq!(kinds, ["v1alpha1", "v1alpha2", "v1alpha3", "v1alpha2"]);
}

#[test]
fn without_a_service_nothing_is_made() {
    assert_eq!(V1ALPHA1.published("shop", &names(), &canary(Value::Null)), None);
}
