//! Two providers write Ingresses. What is an author's, and what was made, is the same for both.

use super::*;
use crate::routing::{self, Provider};

fn provider(name: &str) -> Provider {
    Provider::parse(name).unwrap()
}

fn beside(name: &str, route: &Value) -> Value {
    let kind = provider(name).kind_of(route).unwrap();
    let mut objects = kind.carrying(
        std::slice::from_ref(route),
        &names(),
        Traffic::share(20),
        &Exposure::default(),
    );
    assert_eq!(objects.len(), 2, "{name}");
    made(&objects.remove(1))
}

#[test]
fn each_writes_its_own_annotations() {
    for (name, key) in [
        ("nginx", "nginx.ingress.kubernetes.io/canary-weight"),
        ("skipper", "zalando.org/skipper-predicate"),
    ] {
        let annotations = beside(name, &plain())["metadata"]["annotations"].clone();
        assert!(annotations.get(key).is_some(), "{annotations}");
    }
}

#[test]
fn a_companion_of_one_is_no_route_of_the_other() {
    for name in ["nginx", "skipper"] {
        let second = beside(name, &plain());
        assert!(routing::is_companion(&second) && routing::names_a_half(&second, &names()));
        for other in ["nginx", "skipper"] {
            assert!(!provider(other).carries_by(&second) && provider(other).carries_by(&plain()));
            let kind = provider(other).kind_of(&second).unwrap();
            let again = kind.carrying(
                std::slice::from_ref(&second),
                &names(),
                Traffic::share(20),
                &Exposure::default(),
            );
            assert_eq!(again.len(), 1, "{other} makes nothing beside what {name} made");
        }
    }
}

#[test]
fn what_the_other_made_is_not_read_and_goes_by_its_own_name() {
    for (name, other) in [("nginx", "skipper"), ("skipper", "nginx")] {
        let (route, second) = (plain(), beside(other, &plain()));
        let kind = provider(name).kind_of(&route).unwrap();
        let found = kind.traffic(
            &route,
            &[&second],
            &names(),
            &Exposure::default(),
            Some(Traffic::PRIMARY),
        );
        assert_eq!(found, None, "{name}");
        let own = beside(name, &route);
        assert_eq!(own["metadata"]["name"], second["metadata"]["name"]);
        let annotations = second["metadata"]["annotations"].as_object().unwrap();
        let prefixes = kind.prefixes(&second);
        for key in annotations.keys() {
            let told = prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()));
            assert!(told, "{key} would stay");
        }
    }
}

#[test]
fn predicates_of_an_author_make_no_companion_and_a_canary_by_hand_stays_theirs() {
    assert!(!routing::is_companion(&asking("Method(\"GET\")")));
    assert!(routing::refers_to(&asking("Method(\"GET\")"), &names()));
    let by_hand = ingress(json!({"nginx.ingress.kubernetes.io/canary": "true"}));
    assert!(!Skipper.refers_to(&by_hand, &names()) && !Skipper.is_companion(&by_hand));
}

#[test]
fn apps_behind_one_ingress_have_second_ones_each() {
    let (web, api) = (names(), Names::new("api"));
    let first = Skipper.carrying(&[both()], &web, Traffic::share(20), &Exposure::default());
    let all = Skipper.carrying(&first, &api, Traffic::share(20), &Exposure::default());
    let called: Vec<&Value> = all.iter().map(|one| &one["metadata"]["name"]).collect();
    assert_eq!(called, ["front", "front-canary--web", "front-canary--api"]);
    let second: Vec<Value> = all.iter().skip(1).map(made).collect();
    for names in [web, api] {
        let second: Vec<&Value> = second.iter().collect();
        let found = Skipper.traffic(&all[0], &second, &names, &Exposure::default(), None);
        assert_eq!(found, Some(Traffic::share(20)));
    }
}
