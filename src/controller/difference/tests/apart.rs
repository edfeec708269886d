//! Data planes that hear of routes and of Services apart: what a route leads to is named before anybody is sent there, and until
//! nobody is any more.

use super::*;
use crate::{
    analysis::State,
    controller::observe::{Thresholds, observe},
    plan::Workload,
    routing::Traffic,
};
use jiff::Timestamp;

const CONTOURS: &str = "projectcontour.io/gateway-controller";

fn to(name: &str, weight: u64) -> Value {
    json!({"name": name, "port": 80, "weight": weight})
}

fn proxy() -> Value {
    json!({
        "apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy",
        "metadata": {"name": "front", "namespace": "shop", "generation": 4},
        "spec": {"virtualhost": {"fqdn": "shop.test"}, "routes": [
            {"timeoutPolicy": {"response": "5s"}, "services": [to("web", 3), to("old", 1)]},
            {"conditions": [{"prefix": "/old"}], "services": [{"name": "old", "port": 80}]},
        ]},
    })
}

fn http_route(controller: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "front", "namespace": "shop", "generation": 4},
        "spec": {"rules": [{"backendRefs": [to("web", 3), to("old", 1)]}]},
        "status": {"parents": [{"parentRef": {"name": "edge"}, "controllerName": controller}]},
    })
}

fn by(provider: &str) -> Blueprint {
    Blueprint {
        provider: Provider::parse(provider).unwrap(),
        ..blueprint()
    }
}

fn half(name: &str) -> Option<Value> {
    Some(json!({"metadata": {"name": name, "namespace": "shop", "labels": {labels::GENERATED: "true"}}}))
}

// What of `route` is there after what is done about it on the way to `desired`.
fn after(route: &Value, desired: &DesiredState, provider: &str, halves: bool) -> Value {
    let live = Live {
        target: Some(target()),
        primary: Some(target()),
        primary_service: half("web-primary").filter(|_| halves),
        canary_service: half("web-canary").filter(|_| halves),
        routes: vec![route.clone()],
        ..Live::default()
    };
    let pair = Pair {
        live: &live,
        selector: &Selector::of(&target(), &Selector::default_keys()).unwrap(),
        blueprint: &by(provider),
        seen: &seen(&target()),
    };
    let (mut writes, mut conflicts) = (Vec::new(), Vec::new());
    match desired.dismantle {
        Dismantle::Everything => writes = ended(desired, pair),
        _ => pair.routes(desired, &mut writes, &mut conflicts),
    }
    assert_eq!(conflicts, []);
    writes.retain(|write| matches!(write.subject().0, Kind::Route(_)));
    match writes.as_slice() {
        [] => route.clone(),
        [Write::Patch { operations, .. }] => patches::applied(route, &operations.0).unwrap(),
        more => panic!("{more:?}"),
    }
}

// Every stage of the way in and out that has a word on routes, each twice, and to what the first rule leads then.
fn way(mine: &Value, provider: &str, list: &str) -> Vec<Value> {
    let wants = |traffic, named| DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        traffic,
        named,
        ..DesiredState::untouched()
    };
    let dismantled = |dismantle| DesiredState {
        dismantle,
        ..DesiredState::untouched()
    };
    let stages = [
        wants(None, true),
        wants(Some(Traffic::PRIMARY), true),
        wants(Some(Traffic::PRIMARY), false),
        wants(Some(Traffic::PRIMARY), true),
        dismantled(Dismantle::Traffic),
        dismantled(Dismantle::Everything),
    ];
    let mut route = mine.clone();
    let mut all = Vec::new();
    for stage in &stages {
        route = after(&route, stage, provider, true);
        assert_eq!(after(&route, stage, provider, true), route, "{stage:?}");
        all.push(route.pointer(list).unwrap().clone());
    }
    assert_eq!(route, *mine);
    all
}

fn named() -> Vec<Value> {
    let (primary, canary, old) = (to("web-primary", 300), to("web-canary", 0), to("old", 100));
    let outside = json!([to("web", 300), to("web-primary", 0), canary, old]);
    let inside = json!([primary, canary, old, to("web", 0)]);
    let rest = json!([primary, canary, old]);
    let mine = json!([to("web", 3), to("old", 1)]);
    vec![outside.clone(), inside.clone(), rest, inside, outside, mine]
}

#[test]
fn no_service_is_first_named_or_last_named_by_the_write_that_moves_users() {
    assert_eq!(way(&proxy(), "contour", "/spec/routes/0/services"), named());
    let gateways = way(&http_route(CONTOURS), "gatewayapi:v1", "/spec/rules/0/backendRefs");
    assert_eq!(gateways, named());
}

#[test]
fn where_both_are_heard_at_once_nothing_is_written_for_it() {
    let mine = http_route("example.com/edge");
    let (primary, canary, old) = (to("web-primary", 300), to("web-canary", 0), to("old", 100));
    let (rest, mine_again) = (json!([primary, canary, old]), json!([to("web", 3), to("old", 1)]));
    let all = way(&mine, "gatewayapi:v1", "/spec/rules/0/backendRefs");
    let [built, switched, rests, leaves, left, gone] = <[Value; 6]>::try_from(all).unwrap();
    assert_eq!([built, left, gone], [&mine_again; 3].map(Value::clone));
    assert_eq!([switched, rests, leaves], [&rest; 3].map(Value::clone));
}

#[test]
fn halves_are_named_when_they_are_there_and_named_again_after_an_apply() {
    let building = DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        named: true,
        ..DesiredState::untouched()
    };
    let mine = proxy();
    assert_eq!(after(&mine, &building, "contour", false), mine);
    let named = after(&mine, &building, "contour", true);
    assert_ne!(named, mine);
    assert_eq!(named.pointer("/spec/routes/1"), mine.pointer("/spec/routes/1"));
    assert_eq!(named.pointer("/spec/virtualhost"), mine.pointer("/spec/virtualhost"));
    // Somebody applies the manifest in between, and gives less to the app.
    let mut applied = mine.clone();
    applied["spec"]["routes"][0]["services"][0]["weight"] = json!(2);
    let again = after(&applied, &building, "contour", true);
    assert_eq!(again["spec"]["routes"][0]["services"][0], to("web", 200));
    assert_eq!(again["spec"]["routes"][0]["services"][1], to("web-primary", 0));
    // Who leaves on the way in has the manifest again.
    let gone = DesiredState {
        dismantle: Dismantle::Everything,
        ..DesiredState::untouched()
    };
    assert_eq!(after(&again, &gone, "contour", true), applied);
}

// What is written, and whether it is seen to be needed, while primary is made.
fn introduced(live: &Live, blueprint: &Blueprint) -> (Vec<Write>, bool) {
    let building = DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        named: true,
        ..DesiredState::untouched()
    };
    let selector = Selector::by_name("web");
    let pair = Pair {
        live,
        selector: &selector,
        blueprint,
        seen: &seen(&target()),
    };
    let (mut writes, mut conflicts) = (Vec::new(), Vec::new());
    pair.routes(&building, &mut writes, &mut conflicts);
    assert_eq!(conflicts, []);
    let ready = Thresholds {
        canary: 100,
        primary: 100,
    };
    let state = State::new(Timestamp::UNIX_EPOCH);
    let seen = observe(live, &selector, blueprint, ready, true, &state, None);
    (writes, seen.unnamed)
}

#[test]
fn users_of_a_service_that_is_the_target_are_led_to_its_copies_once_they_are_named() {
    let mut blueprint = by("contour");
    blueprint.workload = Workload::Service;
    let service = |name: &str| {
        let metadata = json!({"name": name, "namespace": "shop", "labels": {labels::GENERATED: "true"}});
        Some(json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}))
    };
    let mut live = Live {
        target: service("web"),
        primary: service("web-primary"),
        routes: vec![proxy()],
        ..Live::default()
    };
    assert_eq!(
        introduced(&live, &blueprint),
        (Vec::new(), false),
        "half of it is not there"
    );
    live.canary_service = service("web-canary");
    let (writes, unnamed) = introduced(&live, &blueprint);
    let [Write::Patch { operations, .. }] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    assert!(unnamed);
    live.routes = vec![patches::applied(&proxy(), &operations.0).unwrap()];
    assert_eq!(live.routes[0]["spec"]["routes"][0]["services"][1], to("web-primary", 0));
    assert_eq!(introduced(&live, &blueprint), (Vec::new(), false));
}

#[test]
fn a_route_that_names_all_is_named_whatever_its_gateway_has_taken_up() {
    let blueprint = by("contour");
    let mut route = after(
        &proxy(),
        &DesiredState {
            named: true,
            primary: Some(PrimaryTemplate::Keep),
            ..DesiredState::untouched()
        },
        "contour",
        true,
    );
    let valid = json!({"type": "Valid", "status": "True", "observedGeneration": 3});
    route["status"] = json!({"conditions": [valid]});
    let live = Live {
        target: Some(target()),
        primary: Some(target()),
        primary_service: half("web-primary"),
        canary_service: half("web-canary"),
        routes: vec![route],
        ..Live::default()
    };
    assert_eq!(introduced(&live, &blueprint), (Vec::new(), false));
}

#[test]
fn one_that_we_made_follows_its_canary_and_names_the_apex_while_it_goes() {
    let spec = json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "service": {"port": 80},
    });
    let mut blueprint = by("contour");
    let published = blueprint
        .provider
        .published("shop", &Names::new("web"), &serde_json::from_value(spec).unwrap());
    blueprint.route = published;
    let mut stored = blueprint.route.clone().unwrap();
    stored["metadata"]["labels"] = json!({labels::GENERATED: "true"});
    stored["metadata"]["resourceVersion"] = json!("7");
    let leaving = DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        traffic: Some(Traffic::PRIMARY),
        named: true,
        ..DesiredState::untouched()
    };
    let step = |stored: &Value| {
        let (writes, conflicts) = routed(&leaving, &paired(vec![stored.clone()]), &blueprint, &seen(&target()));
        assert_eq!(conflicts, []);
        writes
    };
    let writes = step(&stored);
    let [Write::Patch { operations, .. }] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    stored = patches::applied(&stored, &operations.0).unwrap();
    let names: Vec<&Value> = stored["spec"]["routes"][0]["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["web-primary", "web-canary", "web"]);
    assert_eq!(step(&stored), []);
}
