mod cannot;
mod golden;
mod property;

use super::*;
use serde_json::{Value, from_value, json};

fn names() -> Names {
    Names::new("web")
}

// An ApisixRoute of somebody's own.
fn with_entries(http: Value) -> Value {
    json!({
        "apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute",
        "metadata": {"name": "front", "namespace": "shop"},
        "spec": {"http": http},
    })
}

fn to(backends: Value) -> Value {
    with_entries(json!([entry("root", "/*", backends)]))
}

fn entry(name: &str, path: &str, backends: Value) -> Value {
    json!({"name": name, "match": {"hosts": ["a.test"], "paths": [path]}, "backends": backends})
}

fn web() -> Value {
    json!([{"serviceName": "web", "servicePort": 80}])
}

fn tested(matches: Value) -> Exposure {
    Exposure {
        matches: from_value(matches).unwrap(),
        ..Exposure::default()
    }
}

fn several() -> Exposure {
    tested(json!([
        {"headers": {"X-Canary": {"exact": "yes"}, "cookie": {"regex": "(.*; )?beta=1(;.*)?"}}},
        {"headers": {"user-agent": {"suffix": "Fire.fox"}}, "queryParams": {"try": {"prefix": "new"}}},
    ]))
}

const MATCHED: Traffic = Traffic {
    matched: true,
    ..Traffic::PRIMARY
};

// As it is stored, by us.
fn made(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["labels"] = json!({"coalmine.dev/generated": "true"});
    object
}

fn carried(route: &Value, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    ApisixRoute.carrying(std::slice::from_ref(route), &names(), traffic, exposure)
}

fn beside(route: &Value, traffic: Traffic, exposure: &Exposure) -> Value {
    let [same, second] = <[Value; 2]>::try_from(carried(route, traffic, exposure)).unwrap();
    assert_eq!(same, *route, "the author's own is never written");
    second
}

fn read(route: &Value, second: &Value, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    ApisixRoute.traffic(route, &[route, second], &names(), exposure, expected)
}

fn told(route: &Value, exposure: &Exposure) -> Option<String> {
    ApisixRoute.problem(route, &names(), exposure)
}

#[test]
fn everything_on_primary_needs_no_second_one() {
    let (mine, plain) = (to(web()), Exposure::default());
    assert_eq!(carried(&mine, Traffic::PRIMARY, &plain), std::slice::from_ref(&mine));
    let found = ApisixRoute.traffic(&mine, &[&mine], &names(), &plain, None);
    assert_eq!(found, Some(Traffic::PRIMARY));
    // What it cannot do is nothing that is waited for.
    let expected = Traffic {
        mirror: 50,
        sticky: true,
        ..Traffic::PRIMARY
    };
    let found = ApisixRoute.traffic(&mine, &[], &names(), &plain, Some(expected));
    assert_eq!(found, Some(expected));
}

#[test]
fn a_share_is_a_second_route_that_comes_first() {
    let mine = to(web());
    let second = made(&beside(&mine, Traffic::share(30), &Exposure::default()));
    assert_eq!(second["metadata"]["name"], "front-web-canary");
    let entry = &second["spec"]["http"][0];
    assert_eq!((&entry["name"], &entry["priority"]), (&json!("root"), &json!(1)));
    assert_eq!(
        entry["backends"],
        json!([
            {"serviceName": "web-primary", "servicePort": 80, "weight": 70},
            {"serviceName": "web-canary", "servicePort": 80, "weight": 30},
        ])
    );
    assert!(ApisixRoute.is_companion(&second) && !ApisixRoute.is_companion(&mine));
    assert!(ApisixRoute.names_a_half(&second, &names()) && !ApisixRoute.names_a_half(&mine, &names()));
    assert!(ApisixRoute.refers_to(&second, &names()) && ApisixRoute.refers_to(&mine, &names()));
    let expected = vec![(ApisixRoute.resource(), "front-web-canary".to_owned())];
    assert_eq!(ApisixRoute.companions(&mine, &names()), expected);
    assert_eq!(ApisixRoute.companions(&second, &names()), []);
}

#[test]
fn what_else_an_entry_sends_to_keeps_its_part() {
    let mut mine = to(json!([
        {"serviceName": "legacy", "servicePort": 80},
        {"serviceName": "web", "servicePort": "http", "weight": 50},
        {"serviceName": "web", "servicePort": 80, "subset": "v1", "weight": 7},
    ]));
    mine["spec"]["http"][0]["upstreams"] = json!([{"name": "abroad", "weight": 3}]);
    let second = beside(&mine, Traffic::share(20), &Exposure::default());
    let entry = &second["spec"]["http"][0];
    assert_eq!(
        entry["backends"],
        json!([
            {"serviceName": "legacy", "servicePort": 80, "weight": 10000},
            {"serviceName": "web-primary", "servicePort": "http", "weight": 4000},
            {"serviceName": "web-canary", "servicePort": "http", "weight": 1000},
            {"serviceName": "web", "servicePort": 80, "subset": "v1", "weight": 700},
        ])
    );
    assert_eq!(entry["upstreams"], json!([{"name": "abroad", "weight": 300}]));
}

#[test]
fn who_is_not_meant_by_a_test_goes_by_the_authors_own() {
    let (mine, exposure) = (to(web()), several());
    let second = made(&beside(&mine, MATCHED, &exposure));
    let all = second["spec"]["http"].as_array().unwrap();
    let canary = json!([{"serviceName": "web-canary", "servicePort": 80, "weight": 100}]);
    assert_eq!(all.len(), 2, "one for each that suffices");
    for (at, entry) in all.iter().enumerate() {
        assert_eq!(entry["backends"], canary);
        assert_eq!(entry["name"], format!("root-match-{at}"));
        assert_eq!(entry["priority"], 2);
    }
    assert_eq!(read(&mine, &second, &exposure, None), Some(MATCHED));
}

#[test]
fn what_flagger_left_is_taken_over() {
    let (mine, plain) = (to(web()), Exposure::default());
    let flaggers = |canary: u64| {
        let mut second = beside(&mine, Traffic::share(1), &plain);
        let owner = json!({"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "web"});
        second["metadata"]["ownerReferences"] = json!([owner]);
        second["spec"]["http"][0]["priority"] = json!(10000);
        second["spec"]["http"][0]["backends"] = json!([
            {"serviceName": "web-primary", "servicePort": 80, "weight": 100 - canary},
            {"serviceName": "web-canary", "servicePort": 80, "weight": canary},
        ]);
        second
    };
    let rest = flaggers(0);
    assert!(ApisixRoute.is_companion(&rest) && ApisixRoute.names_a_half(&rest, &names()));
    assert_eq!(read(&mine, &rest, &plain, None), Some(Traffic::PRIMARY));
    // In mid-run it is written as ours before it counts.
    let running = flaggers(30);
    assert_eq!(read(&mine, &running, &plain, Some(Traffic::share(30))), None);
}

#[test]
fn an_edit_of_anything_of_ours_is_seen() {
    let (mine, exposure) = (to(web()), several());
    let asked = Traffic {
        matched: true,
        ..Traffic::share(30)
    };
    let right = made(&beside(&mine, asked, &exposure));
    assert_eq!(read(&mine, &right, &exposure, None), Some(asked));
    for (pointer, value) in [
        ("/spec/http/0/match/exprs/0/value", json!("no")),
        ("/spec/http/1/priority", json!(0)),
        ("/spec/http/2/backends/1/weight", json!(31)),
        ("/spec/http/2/match/paths", json!(["/"])),
        ("/spec/http", json!([])),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert_ne!(read(&mine, &wrong, &exposure, Some(asked)), Some(asked), "{pointer}");
    }
}

#[test]
fn one_of_that_name_that_is_somebody_elses_is_neither_read_nor_moved() {
    let (mine, plain) = (to(web()), Exposure::default());
    let theirs = beside(&mine, Traffic::share(30), &plain);
    assert!(!ApisixRoute.is_companion(&theirs) && !ApisixRoute.names_a_half(&theirs, &names()));
    assert!(!ApisixRoute.refers_to(&theirs, &names()));
    assert_eq!(read(&mine, &theirs, &plain, None), Some(Traffic::PRIMARY));
}

#[test]
fn apps_behind_one_route_have_a_second_one_each() {
    let mine = with_entries(json!([
        entry("root", "/*", web()),
        entry("api", "/api/*", json!([{"serviceName": "api", "servicePort": 80}])),
    ]));
    let (web, api) = (names(), Names::new("api"));
    let plain = Exposure::default();
    let first = ApisixRoute.carrying(std::slice::from_ref(&mine), &web, Traffic::share(20), &plain);
    let both = ApisixRoute.carrying(&first, &api, Traffic::share(20), &plain);
    let both: Vec<Value> = std::iter::once(mine).chain(both.iter().skip(1).map(made)).collect();
    let called: Vec<&Value> = both.iter().map(|one| &one["metadata"]["name"]).collect();
    assert_eq!(called, ["front", "front-web-canary", "front-api-canary"]);
    let beside: Vec<&Value> = both.iter().collect();
    for names in [web, api] {
        let found = ApisixRoute.traffic(&both[0], &beside, &names, &plain, None);
        assert_eq!(found, Some(Traffic::share(20)));
    }
}

#[test]
fn where_it_leads_to_and_by_which_host_is_known() {
    let mut mine = to(json!([{"serviceName": "web", "servicePort": 80}, {"serviceName": "old", "servicePort": 80}]));
    let backend = json!({"serviceName": "database", "servicePort": 5432});
    mine["spec"]["stream"] =
        json!([{"name": "db", "protocol": "TCP", "match": {"ingressPort": 9100}, "backend": backend}]);
    assert_eq!(ApisixRoute.services(&mine), ["web", "old", "database"]);
    assert_eq!(ApisixRoute.hosts(&mine), ["a.test"]);
    assert_eq!(ApisixRoute.outward(&mine, Some("shop")), None);
}

#[test]
fn a_generated_canary_names_the_route() {
    let mut spec = CanarySpec::default();
    let need = Apisix.lacks(&spec).unwrap();
    assert_eq!(need.field, "spec.routeRef");
    Apisix.adopt(&mut spec, &to(web()), "shop");
    assert!(Apisix.lacks(&spec).is_none());
    assert_eq!(Apisix.route(&spec).as_deref(), Some("front"));
    let said = json!({"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "front"});
    assert_eq!(json!(spec.route_ref), said);
}
