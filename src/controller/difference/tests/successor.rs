//! A route of ours whose Canary asks for another kind by now.

use super::*;
use crate::routing::Traffic;

fn route(kind: &str) -> Value {
    let backend = |name: &str, weight: u8| json!({"name": name, "port": 80, "weight": weight});
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind,
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"rules": [{"backendRefs": [backend("web-primary", 100), backend("web-canary", 0)]}]},
    })
}

fn ours(kind: &str) -> Value {
    let mut stored = route(kind);
    stored["metadata"]["labels"] = json!({labels::GENERATED: "true"});
    stored["metadata"]["uid"] = json!(kind);
    stored
}

fn taken(route: Value) -> Value {
    told(
        route,
        json!([{"type": "Accepted", "status": "True", "reason": "Accepted"}]),
    )
}

fn told(mut route: Value, conditions: Value) -> Value {
    let parent = json!({"parentRef": {"name": "edge"}, "controllerName": "example.com/edge", "conditions": conditions});
    route["status"] = json!({"parents": [parent]});
    route
}

// What is done about routes while a Canary asks for one of that kind and gives its canary a share.
fn done(wanted: &str, routes: Vec<Value>) -> (Vec<(&'static str, String)>, Vec<Conflict>) {
    let live = Live {
        routes,
        ..Live::default()
    };
    with(wanted, live)
}

fn with(wanted: &str, live: Live) -> (Vec<(&'static str, String)>, Vec<Conflict>) {
    wanting(wanted, TargetState::Serving, Traffic::share(20), live)
}

fn wanting(
    wanted: &str,
    state: TargetState,
    traffic: Traffic,
    mut live: Live,
) -> (Vec<(&'static str, String)>, Vec<Conflict>) {
    live.target = Some(target());
    live.primary = Some(target());
    let desired = DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        target_state: Some(state),
        traffic: Some(traffic),
        ..DesiredState::untouched()
    };
    let blueprint = Blueprint {
        route: Some(route(wanted)),
        ..blueprint()
    };
    let pair = Pair {
        live: &live,
        selector: &Selector::of(&target(), &Selector::default_keys()).unwrap(),
        blueprint: &blueprint,
        seen: &seen(&target()),
    };
    let (mut writes, mut conflicts) = (Vec::new(), Vec::new());
    pair.routes(&desired, &mut writes, &mut conflicts);
    pair.successor(&desired, &mut writes, &mut conflicts);
    (summary(&writes), conflicts)
}

fn is(verb: &'static str, object: &str) -> (&'static str, String) {
    (verb, object.to_owned())
}

#[test]
fn the_other_is_made_beside_it_and_both_carry_the_traffic_until_a_gateway_takes_the_other() {
    let (http, grpc) = ("HTTPRoute web", "GRPCRoute web");
    let begun = done("GRPCRoute", vec![ours("HTTPRoute")]);
    assert_eq!(begun, (vec![is("patch", http), is("apply", grpc)], vec![]));
    let both = done("GRPCRoute", vec![ours("HTTPRoute"), ours("GRPCRoute")]);
    assert_eq!(
        both,
        (vec![is("patch", http), is("patch", grpc)], vec![]),
        "each has its share"
    );
    let refused = json!([{"type": "Accepted", "status": "False", "reason": "RuleMatchConflict"}]);
    for conditions in [json!([]), refused] {
        let other = told(ours("GRPCRoute"), conditions);
        let both = done("GRPCRoute", vec![ours("HTTPRoute"), other]);
        assert_eq!(both, (vec![is("patch", http), is("patch", grpc)], vec![]));
    }
    let ended = done("GRPCRoute", vec![ours("HTTPRoute"), taken(ours("GRPCRoute"))]);
    assert_eq!(ended, (vec![is("delete", http), is("patch", grpc)], vec![]));
    // The way back, and one of the author's own in its place.
    let mut own = taken(route("HTTPRoute"));
    own["metadata"]["name"] = json!("front");
    let back = done("HTTPRoute", vec![own, ours("GRPCRoute")]);
    assert_eq!(back, (vec![is("patch", "HTTPRoute front"), is("delete", grpc)], vec![]));
}

// What becomes of the GRPCRoute that a gateway takes, at rest or in a run, where it says that of its successor.
fn ends(state: TargetState, successor: Value) -> bool {
    let live = Live {
        routes: vec![taken(ours("GRPCRoute")), successor],
        ..Live::default()
    };
    let (writes, _) = wanting("HTTPRoute", state, Traffic::PRIMARY, live);
    writes.contains(&is("delete", "GRPCRoute web"))
}

#[test]
fn one_because_of_which_a_gateway_refuses_the_other_goes_at_rest() {
    let refused = |reason: &str| {
        let condition = json!([{"type": "Accepted", "status": "False", "reason": reason}]);
        told(ours("HTTPRoute"), condition)
    };
    assert!(ends(TargetState::Rest, refused("RuleMatchConflict")));
    assert!(!ends(TargetState::Serving, refused("RuleMatchConflict")), "in a run");
    for alone in [
        "NotAllowedByListeners",
        "NoMatchingListenerHostname",
        "UnsupportedValue",
        "IncompatibleFilters",
        "InvalidConfiguration",
        "",
    ] {
        assert!(!ends(TargetState::Rest, refused(alone)), "{alone}");
    }
    let mut elsewhere = refused("RuleMatchConflict");
    elsewhere["status"]["parents"][0]["parentRef"]["name"] = json!("inner");
    let mut authors = refused("RuleMatchConflict");
    authors["metadata"]["labels"] = json!({});
    for other in [elsewhere, authors, ours("HTTPRoute")] {
        assert!(!ends(TargetState::Rest, other.clone()), "{other}");
    }
    let mut stale = refused("RuleMatchConflict");
    stale["metadata"]["generation"] = json!(2);
    stale["status"]["parents"][0]["conditions"][0]["observedGeneration"] = json!(1);
    assert!(!ends(TargetState::Rest, stale), "it was said of the route before");
}

#[test]
fn one_of_the_authors_stays_whatever_its_kind() {
    let (writes, _) = done("GRPCRoute", vec![taken(route("HTTPRoute"))]);
    assert_eq!(writes, [is("patch", "HTTPRoute web")]);
    // One of the name that leads elsewhere is in the way of its own kind alone.
    let mut others = route("GRPCRoute");
    others["spec"]["rules"][0]["backendRefs"] = json!([{"name": "other", "port": 80}]);
    let (writes, conflicts) = done("GRPCRoute", vec![ours("HTTPRoute"), others.clone()]);
    assert_eq!(writes, [is("patch", "HTTPRoute web")]);
    assert_eq!(conflicts, [Conflict::Name("GRPCRoute", "web".into())]);
    let (writes, conflicts) = done("HTTPRoute", vec![others]);
    assert_eq!((writes, conflicts), (vec![is("apply", "HTTPRoute web")], vec![]));
}

#[test]
fn where_the_other_kind_cannot_be_read_the_first_goes_on_and_nothing_is_made() {
    let live = Live {
        routes: vec![ours("HTTPRoute")],
        route_is_unread: true,
        ..Live::default()
    };
    assert_eq!(with("GRPCRoute", live), (vec![is("patch", "HTTPRoute web")], vec![]));
}
