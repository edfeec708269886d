mod cannot;
mod golden;
mod property;
mod shared;

use super::*;
use crate::routing::WrittenKind;
use serde_json::{Value, from_value, json};

fn names() -> Names {
    Names::new("web")
}

fn path(service: &str, path: &str) -> Value {
    json!({
        "path": path, "pathType": "Prefix",
        "backend": {"service": {"name": service, "port": {"name": "http"}}},
    })
}

fn ingress(annotations: Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "front", "namespace": "shop", "annotations": annotations},
        "spec": {
            "ingressClassName": "skipper", "tls": [{"hosts": ["a.test"], "secretName": "cert"}],
            "rules": [
                {"host": "a.test", "http": {"paths": [path("web", "/"), path("web", "/shop")]}},
                {"host": "b.test", "http": {"paths": [path("web", "/")]}},
            ],
        },
    })
}

fn plain() -> Value {
    ingress(json!({}))
}

// Two apps behind it.
fn both() -> Value {
    let mut both = plain();
    both["spec"]["rules"][0]["http"]["paths"][1] = path("api", "/api");
    both
}

fn asking(predicate: &str) -> Value {
    ingress(json!({
        "zalando.org/skipper-predicate": predicate, "zalando.org/skipper-filter": "compress()",
        "zalando.org/backend-weights": "{\"web\": 100}", "cert-manager.io/cluster-issuer": "letsencrypt",
    }))
}

// As it is stored, by us.
fn made(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["labels"] = json!({"coalmine.dev/generated": "true"});
    object
}

fn carried(route: &Value, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    Skipper.carrying(std::slice::from_ref(route), &names(), traffic, exposure)
}

fn read(objects: &[Value], exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    let beside: Vec<Value> = objects.iter().skip(1).map(made).collect();
    let beside: Vec<&Value> = beside.iter().collect();
    Skipper.traffic(&objects[0], &beside, &names(), exposure, expected)
}

fn tested(matches: Value) -> Exposure {
    Exposure {
        matches: from_value(matches).unwrap(),
        ..Exposure::default()
    }
}

fn several() -> Exposure {
    tested(json!([
        {"headers": {"x-canary": {"exact": "yes"}, "cookie": {"regex": "^(.*;)?beta=1(;.*)?$"}}},
        {"headers": {"user-agent": {"suffix": "Fire.fox"}}, "queryParams": {"try": {"prefix": "new"}}},
    ]))
}

const MATCHED: Traffic = Traffic {
    matched: true,
    ..Traffic::PRIMARY
};

fn predicate(object: &Value) -> &str {
    object["metadata"]["annotations"]["zalando.org/skipper-predicate"]
        .as_str()
        .unwrap()
}

#[test]
fn everything_on_primary_needs_no_second_one() {
    assert_eq!(carried(&plain(), Traffic::PRIMARY, &Exposure::default()), [plain()]);
    assert_eq!(read(&[plain()], &Exposure::default(), None), Some(Traffic::PRIMARY));
}

#[test]
fn a_share_is_drawn_before_the_authors_own_route_is_asked() {
    for (share, wanted) in [
        (1, "Weight(100) && Traffic(0.01)"),
        (30, "Weight(100) && Traffic(0.30)"),
        (100, "Weight(100) && True()"),
    ] {
        let objects = carried(&plain(), Traffic::share(share), &Exposure::default());
        assert_eq!(objects.len(), 2);
        assert_eq!((&objects[0], predicate(&objects[1])), (&plain(), wanted));
    }
    for users in ["Method(\"GET\")", " Method(\"GET\") "] {
        let mine = asking(users);
        let objects = carried(&mine, Traffic::share(5), &Exposure::default());
        assert_eq!(
            predicate(&objects[1]),
            "Weight(100) && Traffic(0.05) && Method(\"GET\")"
        );
        let of_everybody = carried(&mine, Traffic::CANARY, &Exposure::default());
        assert_eq!(
            read(&of_everybody, &Exposure::default(), None),
            Some(Traffic::CANARY),
            "what the author asks for is not taken for a test"
        );
    }
}

#[test]
fn quotes_and_backslashes_stay_what_they_are() {
    let exposure = tested(json!([{"headers": {"x": {"exact": "a\"b\\c"}}}, {"headers": {"y": {"prefix": "a.b\""}}}]));
    let objects = carried(&plain(), MATCHED, &exposure);
    assert_eq!(predicate(&objects[1]), "Weight(100) && Header(\"x\", \"a\\\"b\\\\c\")");
    assert_eq!(
        predicate(&objects[2]),
        "Weight(100) && HeaderRegexp(\"y\", \"^a\\\\.b\\\"\")"
    );
}

#[test]
fn an_entry_that_cannot_be_said_names_nobody() {
    let exposure = tested(json!([
        {"headers": {"x": {}}}, {}, {"headers": {"x": {"exact": "1"}}, "sourceLabels": {"app": "a"}},
    ]));
    assert_eq!(carried(&plain(), MATCHED, &exposure).len(), 1);
}

#[test]
fn a_second_one_that_somebody_edited_says_nothing() {
    let share = Traffic::share(30);
    for (at, value) in [
        ("/spec/rules/0/host", json!("c.test")),
        (
            "/metadata/annotations/zalando.org~1skipper-predicate",
            json!("Weight(100) && Traffic(0.3)"),
        ),
    ] {
        let mut objects = carried(&plain(), share, &Exposure::default());
        *objects[1].pointer_mut(at).unwrap() = value;
        assert_eq!(read(&objects, &Exposure::default(), Some(share)), None, "{at}");
    }
    let objects = carried(&plain(), MATCHED, &several());
    assert_eq!(read(&objects[..2], &several(), Some(MATCHED)), None, "half of a test");
}

#[test]
fn what_flagger_leaves_behind_gives_the_canary_nothing() {
    let mut left = carried(&plain(), Traffic::share(30), &Exposure::default()).remove(1);
    let paths = json!([path("web-primary", "/"), path("web-canary", "/")]);
    left["spec"]["rules"] = json!([{"host": "a.test", "http": {"paths": paths}}]);
    let annotations = &mut left["metadata"]["annotations"];
    annotations["zalando.org/backend-weights"] = json!("{\"web-canary\":0,\"web-primary\":100}");
    annotations["zalando.org/skipper-predicate"] = json!("False() && Method(\"GET\")");
    assert_eq!(
        read(&[plain(), left.clone()], &Exposure::default(), None),
        Some(Traffic::PRIMARY)
    );
    let left = made(&left);
    assert!(Skipper.is_companion(&left) && Skipper.refers_to(&left, &names()));
    // In mid-run it says what we do not: it is put right.
    let mut running = left;
    running["metadata"]["annotations"]["zalando.org/skipper-predicate"] = json!("Weight(100)");
    assert_eq!(
        read(&[plain(), running], &Exposure::default(), Some(Traffic::share(30))),
        None
    );
}

#[test]
fn the_series_of_each_name_are_those_that_flaggers_queries_find() {
    for route in [plain(), both()] {
        let objects = carried(
            &route,
            Traffic {
                matched: true,
                ..Traffic::share(20)
            },
            &several(),
        );
        let called: Vec<Value> = objects
            .iter()
            .skip(1)
            .map(|one| one["metadata"]["name"].clone())
            .collect();
        let all = Skipper.companions(&route, &names());
        assert_eq!(called.len(), 3);
        for name in called {
            let name = name.as_str().unwrap();
            assert!(all.iter().any(|(_, known)| known == name), "{name}: {all:?}");
            let series = format!("{name}__a_test").replace('-', "_");
            assert!(series.starts_with("front_canary__"), "{series}");
        }
    }
}
