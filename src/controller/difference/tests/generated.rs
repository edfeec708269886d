//! A route that was made for a Canary, by us or by Flagger, says what that says and nothing else, and is written once for what
//! changes.

mod house;

use super::*;
use house::{House, lesser, of, services};

fn first_place(write: &Write) -> String {
    let Write::Patch { operations, .. } = write else {
        panic!("{write:?}")
    };
    operations.0[0].path().as_str().to_owned()
}

#[test]
fn what_a_canary_does_not_say_any_more_goes_and_then_nothing_is_written() {
    for (provider, service) in services() {
        let all = of(provider, &service);
        let full = House::at_rest(&all);
        for (what, service) in lesser(&service) {
            let less = of(provider, &service);
            let mut house = full.clone();
            house.rests(&less);
            assert_eq!(house.said(), House::at_rest(&less).said(), "{provider}: {what}");
            house.rests(&all);
            assert_eq!(house.said(), full.said(), "{provider}: {what}, and back");
        }
    }
}

#[test]
fn a_delegate_has_neither_hosts_nor_gateways_left() {
    let hosted = json!({"port": 80, "hosts": ["a.example.org"], "gateways": ["edge"]});
    let mut house = House::at_rest(&of("istio", &hosted));
    let delegate = of("istio", &json!({"port": 80, "delegation": true}));
    assert_eq!(house.rests(&delegate), 1);
    let spec = &house.route(&delegate)["spec"];
    assert_eq!((spec.get("hosts"), spec.get("gateways")), (None, None));
}

#[test]
fn of_requests_and_connections_only_what_the_app_speaks_by_now_is_led_to_it() {
    let by = |protocol: &str| of("istio", &json!({"port": 80, "appProtocol": protocol}));
    let (requests, connections) = (by("http"), by("tcp"));
    let mut house = House::at_rest(&requests);
    let before = house.said();
    // An author's own list beside them is none of the Canary's.
    let passed = json!([{"match": [{"sniHosts": ["a.example.org"]}]}]);
    house.route(&requests)["spec"]["tls"] = passed.clone();
    assert_eq!(house.rests(&connections), 1);
    let spec = &mut house.route(&connections)["spec"];
    assert!(spec.get("http").is_none() && spec.get("tcp").is_some(), "{spec}");
    assert_eq!(spec.as_object_mut().unwrap().remove("tls"), Some(passed));
    assert_eq!(house.rests(&requests), 1);
    assert_eq!(house.said(), before);
}

#[test]
fn what_flagger_made_is_taken_over_in_one_write_whatever_it_says() {
    for (provider, service) in services() {
        let blueprint = of(provider, &service);
        let mut house = House::at_rest(&blueprint);
        let wanted = house.said();
        let route = house.route(&blueprint);
        route["metadata"]["labels"] = json!({"somebodys": "label"});
        route["metadata"].as_object_mut().unwrap().remove("annotations");
        route["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = json!(true);
        let writes = house.writes(&blueprint);
        let about = writes
            .iter()
            .filter(|write| first_place(write).contains("resourceVersion"));
        assert_eq!(about.count(), 1, "{provider}: {writes:?}");
        house.rests(&blueprint);
        let label = house.route(&blueprint)["metadata"]["labels"].as_object_mut().unwrap();
        assert_eq!(label.remove("somebodys"), Some(json!("label")), "{provider}");
        assert_eq!(house.said(), wanted, "{provider}");
    }
}

#[test]
fn what_flagger_made_of_a_canary_that_says_less_by_now_follows_it() {
    for (provider, service) in services() {
        let mut house = House::at_rest(&of(provider, &service));
        let route = house.route(&of(provider, &service));
        route["metadata"]["labels"] = json!({});
        route["metadata"]["annotations"] = json!({});
        let (what, service) = lesser(&service).pop().unwrap();
        let less = of(provider, &service);
        house.rests(&less);
        assert_eq!(house.said(), House::at_rest(&less).said(), "{provider}: {what}");
    }
}

#[test]
fn a_route_that_another_wrote_or_took_is_not_taken_over() {
    let service = json!({"port": 80, "gatewayRefs": [{"name": "edge"}]});
    let blueprint = of("gatewayapi:v1", &service);
    let owner =
        |uid: &str, controller: bool| json!([{"kind": "Canary", "name": "web", "uid": uid, "controller": controller}]);
    for (name, owners) in [
        ("web", json!([])),
        ("web", owner("u-1", false)),
        ("web", owner("u-2", true)),
        ("front", owner("u-1", true)),
    ] {
        let mut house = House::at_rest(&blueprint);
        let route = house.route(&blueprint);
        route["metadata"]["labels"] = json!({});
        route["metadata"]["name"] = json!(name);
        route["metadata"]["ownerReferences"] = owners.clone();
        route["spec"]["hostnames"] = json!(["own.example.org"]);
        assert_eq!(house.writes(&blueprint), [], "{name} {owners}");
    }
}

#[test]
fn what_others_put_on_it_stays() {
    let service = json!({"port": 80, "appProtocol": "http", "apex": {"annotations": {"note": "b"}}});
    let blueprint = of("kuma", &service);
    let mut house = House::at_rest(&blueprint);
    let route = house.route(&blueprint);
    route["metadata"]["labels"]["kuma.io/origin"] = json!("zone");
    route["metadata"]["annotations"]["others"] = json!("note");
    route["spec"]["targetRef"] = json!({"kind": "Mesh"});
    assert_eq!(house.writes(&blueprint), []);
    let less = of("kuma", &json!({"port": 80, "appProtocol": "http"}));
    assert_eq!(house.rests(&less), 1);
    let route = house.route(&less);
    assert_eq!(route["metadata"]["annotations"], json!({"others": "note"}));
    assert_eq!(route["metadata"]["labels"]["kuma.io/origin"], "zone");
    assert_eq!(route["spec"]["targetRef"], json!({"kind": "Mesh"}));
}

#[test]
fn a_class_that_is_said_later_is_written_and_so_is_the_end_of_it() {
    let plain = of("contour", &json!({"port": 80}));
    let class = json!({"projectcontour.io/ingress.class": "inner"});
    let classed = of("contour", &json!({"port": 80, "apex": {"annotations": class}}));
    let mut house = House::at_rest(&plain);
    let before = house.said();
    assert_eq!(house.rests(&classed), 1);
    let annotations = &house.route(&classed)["metadata"]["annotations"];
    assert_eq!(annotations["projectcontour.io/ingress.class"], "inner");
    assert_eq!(house.rests(&plain), 1);
    assert_eq!(house.said(), before);
}

#[test]
fn one_that_was_made_before_there_were_notes_is_written_once() {
    for (provider, service) in services() {
        let blueprint = of(provider, &service);
        let mut house = House::at_rest(&blueprint);
        let annotations = &mut house.route(&blueprint)["metadata"]["annotations"];
        annotations.as_object_mut().unwrap().remove(labels::METADATA);
        assert_eq!(house.rests(&blueprint), 1, "{provider}");
    }
}

#[test]
fn a_write_is_for_the_object_that_was_looked_at() {
    let service = |timeout: &str| json!({"port": 80, "gatewayRefs": [{"name": "edge"}], "timeout": timeout});
    let house = House::at_rest(&of("gatewayapi:v1", &service("5s")));
    let [write] = <[Write; 1]>::try_from(house.writes(&of("gatewayapi:v1", &service("9s")))).unwrap();
    // A gateway's word on its status in between is no edit.
    assert_eq!(first_place(&write), "/metadata/generation");
    let Write::Patch { operations, .. } = &write else {
        panic!("{write:?}")
    };
    for (at, other) in [("uid", json!("another")), ("generation", json!(77))] {
        let mut edited = house.routes[0].clone();
        assert!(patches::applied(&edited, operations).is_ok());
        edited["metadata"][at] = other;
        assert!(patches::applied(&edited, operations).is_err(), "{at}");
    }
}

#[test]
fn what_others_put_on_what_stands_beside_a_route_stays() {
    let is_beside = |one: &&mut Value| crate::routing::is_companion(one);
    let mut seen = 0;
    for (provider, service) in services() {
        let blueprint = of(provider, &service);
        let mut house = House::at_rest(&blueprint);
        let before = house.said();
        for one in house.routes.iter_mut().filter(is_beside) {
            seen += 1;
            one["metadata"]["labels"]["example.com/team"] = json!("a");
            one["metadata"]["finalizers"] = json!(["example.com/kept"]);
        }
        assert_eq!(house.rests(&blueprint), 0, "{provider}");
        // What is put right of it leaves the rest alone.
        for one in house.routes.iter_mut().filter(is_beside) {
            one["spec"]["x-of-tomorrow"] = json!([{"a": 1}]);
        }
        house.rests(&blueprint);
        for one in house.routes.iter_mut().filter(is_beside) {
            let metadata = &mut one["metadata"];
            assert_eq!(metadata["finalizers"], json!(["example.com/kept"]), "{provider}");
            let labels = metadata["labels"].as_object_mut().unwrap();
            assert_eq!(labels.remove("example.com/team"), Some(json!("a")), "{provider}");
        }
        assert_eq!(house.said(), before, "{provider}");
    }
    assert!(seen > 4, "{seen}");
}
