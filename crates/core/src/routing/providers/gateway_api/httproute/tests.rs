mod exposure;
mod golden;
mod verdict;

use crate::routing::providers::gateway_api::HTTP_ROUTE;
use crate::routing::{Exposure, Names, RouteKind, Traffic, WrittenKind};
use proptest::prelude::*;
use serde_json::{Value, json};

fn names() -> Names {
    Names::new("web")
}

fn rules(route: &Value) -> Value {
    route["spec"]["rules"].clone()
}

fn with_traffic(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Value {
    rules(&HTTP_ROUTE.carrying(std::slice::from_ref(route), names, traffic, exposure)[0])
}

fn traffic(route: &Value, names: &Names, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    HTTP_ROUTE.traffic(route, &[], names, exposure, expected)
}

fn is_split(route: &Value, names: &Names) -> bool {
    HTTP_ROUTE.is_split(route, names)
}

fn folded(route: &Value, names: &Names) -> Value {
    rules(&HTTP_ROUTE.folded(route, names))
}

fn refers_to(route: &Value, names: &Names) -> bool {
    HTTP_ROUTE.refers_to(route, names)
}

fn problem(route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
    HTTP_ROUTE.problem(route, names, exposure)
}

fn crowded(route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
    HTTP_ROUTE.crowded(route, names, exposure)
}

fn route(refs: Value) -> Value {
    json!({"spec": {"rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "filters": [{"type": "CORS"}], "backendRefs": refs}]}})
}

fn applied(route: &Value, traffic: Traffic) -> Value {
    let mut route = route.clone();
    route["spec"]["rules"] = with_traffic(&route, &names(), traffic, &Exposure::default());
    route
}

fn read(route: &Value) -> Option<Traffic> {
    traffic(route, &names(), &Exposure::default(), None)
}

#[test]
fn a_users_reference_to_the_apex_becomes_the_weighted_pair_and_the_rest_stays() {
    let mine = route(json!([{"name": "web", "port": 80}]));
    assert_eq!(read(&mine), Some(Traffic::PRIMARY));
    assert!(!is_split(&mine, &names()));
    let ten = applied(&mine, Traffic::share(10));
    assert_eq!(
        ten["spec"]["rules"][0]["backendRefs"],
        json!([{"name": "web-primary", "port": 80, "weight": 90}, {"name": "web-canary", "port": 80, "weight": 10}])
    );
    assert_eq!(ten["spec"]["rules"][0]["filters"], json!([{"type": "CORS"}]));
    assert!(is_split(&ten, &names()));
}

#[test]
fn only_the_apexs_share_is_split_beside_other_backends() {
    let mine = route(json!([{"name": "old", "port": 80, "weight": 3}, {"name": "web", "port": 80, "weight": 1}]));
    let ten = applied(&mine, Traffic::share(10));
    assert_eq!(
        ten["spec"]["rules"][0]["backendRefs"],
        json!([{"name": "old", "port": 80, "weight": 300}, {"name": "web-primary", "port": 80, "weight": 90}, {"name": "web-canary", "port": 80, "weight": 10}])
    );
    let forty = applied(&ten, Traffic::share(40));
    assert_eq!(forty["spec"]["rules"][0]["backendRefs"][0]["weight"], 300);
    assert_eq!(forty["spec"]["rules"][0]["backendRefs"][2]["weight"], 40);
    let mut back = forty.clone();
    back["spec"]["rules"] = folded(&forty, &names());
    assert_eq!(
        back["spec"]["rules"][0]["backendRefs"],
        json!([{"name": "old", "port": 80, "weight": 3}, {"name": "web", "port": 80, "weight": 1}])
    );
}

#[test]
fn backends_of_other_kinds_and_rules_without_backends_are_left_alone() {
    let mine = json!({"spec": {"rules": [{"filters": [{"type": "RequestRedirect"}]}, {"backendRefs": [{"group": "example.com", "kind": "Bucket", "name": "web"}]}]}});
    assert!(!refers_to(&mine, &names()));
    assert_eq!(
        with_traffic(&mine, &names(), Traffic::CANARY, &Exposure::default()),
        mine["spec"]["rules"]
    );
    assert_eq!(read(&mine), None);
}

#[test]
fn rules_that_disagree_carry_no_weights() {
    let mut both = route(json!([{"name": "web-primary", "weight": 90}, {"name": "web-canary", "weight": 10}]));
    let other = route(json!([{"name": "web-primary", "weight": 50}, {"name": "web-canary", "weight": 50}]));
    both["spec"]["rules"]
        .as_array_mut()
        .unwrap()
        .push(other["spec"]["rules"][0].clone());
    assert_eq!(read(&both), None);
}

#[test]
fn only_services_of_other_namespaces_are_elsewhere() {
    let refs = json!([
        {"name": "shop", "namespace": "web"}, {"name": "shop", "namespace": "web", "kind": "Service", "group": ""},
        {"name": "here"}, {"name": "here", "namespace": "edge"}, {"name": "here", "namespace": ""},
        {"name": "bucket", "namespace": "web", "group": "storage", "kind": "Bucket"},
    ]);
    let route = json!({"spec": {"rules": [{}, {"backendRefs": refs}]}});
    let led = HTTP_ROUTE.outward(&route, Some("edge")).unwrap();
    assert_eq!(led, [("web".to_owned(), "shop".to_owned())]);
}

#[test]
fn a_route_that_is_only_called_like_the_apex_says_so() {
    let mut foreign = route(json!([{"name": "other"}]));
    foreign["metadata"] = json!({"name": "web"});
    let told = problem(&foreign, &names(), &Exposure::default()).unwrap();
    assert!(
        told.starts_with("no rule of HTTPRoute web sends to Service web"),
        "{told}"
    );
}

#[test]
fn a_rule_that_gives_the_pair_no_weight_is_not_asked_and_stays_off() {
    let off = json!({"backendRefs": [{"name": "web", "weight": 0}, {"name": "maintenance", "weight": 1}]});
    let mut both = route(json!([{"name": "web", "port": 80}]));
    both["spec"]["rules"].as_array_mut().unwrap().push(off.clone());
    assert_eq!(read(&both), Some(Traffic::PRIMARY));
    let twenty = applied(&both, Traffic::share(20));
    assert_eq!(read(&twenty), Some(Traffic::share(20)));
    let refs = &twenty["spec"]["rules"][1]["backendRefs"];
    let weights: Vec<&Value> = refs.as_array().unwrap().iter().map(|b| &b["weight"]).collect();
    assert_eq!(weights, [&json!(0), &json!(0), &json!(100)]);
    let mut back = twenty.clone();
    back["spec"]["rules"] = folded(&twenty, &names());
    assert_eq!(back["spec"]["rules"][1], off);

    // Nobody comes by it at all.
    let alone = route(json!([{"name": "web", "weight": 0}]));
    let written = applied(&alone, Traffic::share(20));
    assert_eq!(
        traffic(&written, &names(), &Exposure::default(), Some(Traffic::share(20))),
        Some(Traffic::share(20))
    );
    assert_eq!(
        folded(&written, &names())[0]["backendRefs"],
        json!([{"name": "web", "weight": 0}])
    );
}

#[test]
fn a_service_of_another_namespace_is_somebody_elses() {
    let mut mine = route(json!([{"name": "web", "namespace": "old", "port": 80}]));
    mine["metadata"] = json!({"namespace": "shop"});
    assert!(!refers_to(&mine, &names()));
    let own = json!({"backendRefs": [{"name": "web", "namespace": "shop", "port": 80}]});
    mine["spec"]["rules"].as_array_mut().unwrap().push(own);
    assert!(refers_to(&mine, &names()));
    let ten = applied(&mine, Traffic::share(10));
    assert_eq!(ten["spec"]["rules"][0], mine["spec"]["rules"][0]);
    assert_eq!(ten["spec"]["rules"][1]["backendRefs"][1]["name"], "web-canary");
    assert_eq!(read(&ten), Some(Traffic::share(10)));
    assert_eq!(folded(&ten, &names())[0], mine["spec"]["rules"][0]);
}

#[test]
fn a_weight_never_becomes_greater_than_a_route_may_say() {
    let mine = route(json!([{"name": "web", "weight": 20_001}, {"name": "old", "weight": 1_000_000}]));
    let ten = applied(&mine, Traffic::share(10));
    let refs = ten["spec"]["rules"][0]["backendRefs"].as_array().unwrap();
    let weights: Vec<u64> = refs.iter().filter_map(|b| b["weight"].as_u64()).collect();
    assert_eq!(weights, [18_001, 2_000, 1_000_000]);
    assert_eq!(read(&ten), Some(Traffic::share(10)));
}

#[test]
fn more_rules_than_a_route_may_have_are_counted_before_they_are_written() {
    let of = |count: usize| {
        let rule = |path: usize| json!({"matches": [{"path": {"type": "PathPrefix", "value": format!("/{path}")}}], "backendRefs": [{"name": "web"}]});
        json!({"metadata": {"name": "mine"}, "spec": {"rules": (0..count).map(rule).collect::<Vec<_>>()}})
    };
    let test = Exposure {
        matches: serde_json::from_value(json!([{"headers": {"x-canary": {"exact": "yes"}}}])).unwrap(),
        ..Exposure::default()
    };
    let affinity = crate::api::canary::SessionAffinity {
        cookie_name: "c".into(),
        primary_cookie_name: Some("p".into()),
        ..Default::default()
    };
    let sticky = Exposure {
        affinity: crate::routing::Affinity::new(&affinity, std::time::Duration::from_secs(1)),
        ..Exposure::default()
    };
    for (rules, exposure, needs) in [
        (16, &Exposure::default(), None),
        (8, &test, None),
        (9, &test, Some("18 rules")),
        (5, &sticky, None),
        (6, &sticky, Some("18 rules")),
    ] {
        let told = crowded(&of(rules), &names(), exposure);
        assert_eq!(told.is_some(), needs.is_some(), "{rules}: {told:?}");
        assert!(told.is_none_or(|told| told.contains(needs.unwrap()) && told.starts_with("HTTPRoute mine has")));
    }
}

#[test]
fn rules_that_may_have_one_match_alone_are_counted_one_by_one() {
    let filter = json!({"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}});
    let of = |count: usize| {
        let rule = |path: usize| json!({"matches": [{"path": {"type": "PathPrefix", "value": format!("/{path}")}}], "filters": [filter], "backendRefs": [{"name": "web"}]});
        json!({"metadata": {"name": "mine"}, "spec": {"rules": (0..count).map(rule).collect::<Vec<_>>()}})
    };
    let header = |value: &str| json!({"headers": {"x-canary": {"exact": value}}});
    let test = Exposure {
        matches: serde_json::from_value(json!([header("yes"), header("always")])).unwrap(),
        ..Exposure::default()
    };
    assert_eq!(crowded(&of(5), &names(), &test), None);
    let told = crowded(&of(6), &names(), &test).unwrap();
    assert!(told.contains("18 rules"), "{told}");
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read_and_writing_twice_changes_nothing(share in 0u8..=100, other in proptest::option::of(1u64..50), apex in 1u64..50) {
        let mut refs = vec![json!({"name": "web", "port": 80, "weight": apex})];
        if let Some(weight) = other {
            refs.push(json!({"name": "old", "weight": weight}));
        }
        let wanted = Traffic::share(share);
        let once = applied(&route(Value::Array(refs)), wanted);
        prop_assert_eq!(read(&once), Some(wanted));
        prop_assert_eq!(applied(&once, wanted), once.clone());
        let total: u64 = once["spec"]["rules"][0]["backendRefs"].as_array().unwrap().iter()
            .filter(|b| b["name"] != "old").map(|b| b["weight"].as_u64().unwrap()).sum();
        prop_assert_eq!(total, if other.is_some() { apex * 100 } else { 100 });
    }
}

#[test]
fn services_are_named_without_a_share_where_the_gateway_is_told_of_them_apart() {
    let by = |controller: &str| {
        let mut mine =
            route(json!([{"name": "web", "port": 80, "weight": 3}, {"name": "old", "port": 80, "weight": 1}]));
        mine["status"] = json!({"parents": [{"parentRef": {"name": "edge"}, "controllerName": controller}]});
        mine
    };
    let contours = by("projectcontour.io/gateway-controller");
    assert!(HTTP_ROUTE.hears_apart(&contours));
    assert!(!HTTP_ROUTE.hears_apart(&by("traefik.io/gateway-controller")));
    assert!(!HTTP_ROUTE.hears_apart(&route(json!([]))), "nobody has said anything");
    let named = HTTP_ROUTE.naming(&contours, &names());
    let weights = |route: &Value| -> Vec<(String, u64)> {
        let all = route["spec"]["rules"][0]["backendRefs"].as_array().unwrap();
        let of = |one: &Value| {
            (
                one["name"].as_str().unwrap().to_owned(),
                one["weight"].as_u64().unwrap(),
            )
        };
        all.iter().map(of).collect()
    };
    let said = |all: &[(&str, u64)]| -> Vec<(String, u64)> {
        all.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
    };
    assert_eq!(
        weights(&named),
        said(&[("web", 300), ("web-primary", 0), ("web-canary", 0), ("old", 100)])
    );
    assert!(HTTP_ROUTE.spares_halves(&named, &names()) && !is_split(&named, &names()));
    assert_eq!(folded(&named, &names()), rules(&contours));
    let carried = HTTP_ROUTE.naming(&applied(&contours, Traffic::PRIMARY), &names());
    assert_eq!(
        weights(&carried),
        said(&[("web-primary", 300), ("web-canary", 0), ("old", 100), ("web", 0)])
    );
    assert!(!HTTP_ROUTE.spares_halves(&carried, &names()) && is_split(&carried, &names()));
    assert_eq!(read(&carried), Some(Traffic::PRIMARY));
    assert_eq!(folded(&carried, &names()), rules(&contours));
}
