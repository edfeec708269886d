//! Whatever points at the pods goes where everybody goes, and is its author's again afterwards.

use super::*;
use crate::{
    controller::watch::pair::pointing::{Follower, Pointing},
    routing::{self, Traffic},
};

fn workload(name: &str, pods: Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": [{"kind": "Canary", "name": "web", "uid": "u-1"}]},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": pods["app"]}}, "template": {"metadata": {"labels": pods}}},
    })
}

fn follower(name: &str, selector: Value) -> Follower {
    let service = json!({
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": "5"},
        "spec": {"selector": selector, "ports": [
            {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 9898},
            {"name": "admin", "port": 8081, "protocol": "TCP", "targetPort": 9899},
        ]},
    });
    Follower {
        names: Names::new(name),
        service,
        primary: None,
        canary: None,
        routed: false,
    }
}

fn live(followers: Vec<Follower>) -> Live {
    Live {
        target: Some(workload("web", json!({"app": "web", "tier": "front"}))),
        primary: Some(workload("web-primary", json!({"app": "web-primary", "tier": "front"}))),
        pointing: Pointing {
            followers,
            ..Pointing::default()
        },
        ..Live::default()
    }
}

// A worker, but for what points at its pods.
fn done(desired: &DesiredState, live: &Live) -> Vec<Write> {
    done_by(desired, live, &Blueprint::sample())
}

fn done_by(desired: &DesiredState, live: &Live, blueprint: &Blueprint) -> Vec<Write> {
    let selector = Selector::of_pair(live.target.as_ref(), live.primary.as_ref(), &Selector::default_keys()).unwrap();
    let mut seen = seen(&target());
    seen.primary = Some(crate::analysis::Primary {
        has_pods: true,
        replicas: 2,
        fixed: false,
        revision: None,
        edited: false,
        rollout: Rollout::Ready,
        endpoints: None,
    });
    let pair = Pair {
        live,
        selector: &selector,
        blueprint,
        seen: &seen,
    };
    let (writes, conflicts) = difference(desired, pair);
    assert_eq!(conflicts, []);
    writes
        .into_iter()
        .filter(|write| matches!(write.subject().0, Kind::Service | Kind::Route(_)))
        .collect()
}

fn on(side: ApexSide) -> DesiredState {
    DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        apex: Some(side),
        ..DesiredState::untouched()
    }
}

fn after(object: &Value, write: &Write) -> Value {
    let Write::Patch { operations, .. } = write else {
        panic!("{write:?}")
    };
    patches::applied(object, operations).unwrap()
}

fn moved(follower: &Follower, desired: &DesiredState) -> Follower {
    let writes = done(desired, &live(vec![follower.clone()]));
    let [write] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    Follower {
        service: after(&follower.service, write),
        ..follower.clone()
    }
}

#[test]
fn they_follow_the_side_that_serves_everybody_and_are_given_back() {
    for own in [
        json!({"app": "web"}),
        json!({"app": "web", "tier": "front"}),
        json!({"tier": "front"}),
    ] {
        let follower = follower("metrics", own.clone());
        assert_eq!(
            done(&DesiredState::untouched(), &live(vec![follower.clone()])),
            [],
            "{own}"
        );
        let serving = moved(&follower, &on(ApexSide::Primary));
        assert_eq!(
            serving.service["spec"]["selector"],
            json!({"app": "web-primary"}),
            "{own}"
        );
        assert_eq!(
            serving.service["metadata"]["annotations"][ORIGINAL_SELECTOR],
            json!(own.to_string())
        );
        assert_eq!(done(&on(ApexSide::Primary), &live(vec![serving.clone()])), [], "{own}");
        let cutover = moved(&serving, &on(ApexSide::Target));
        assert_eq!(cutover.service["spec"]["selector"], json!({"app": "web"}), "{own}");
        assert_eq!(
            cutover.service["metadata"]["annotations"][ORIGINAL_SELECTOR],
            json!(own.to_string())
        );
    }
}

#[test]
fn one_that_means_primarys_pods_too_is_given_back_when_these_are_gone() {
    let traffic = DesiredState {
        dismantle: Dismantle::Traffic,
        ..DesiredState::untouched()
    };
    let all = DesiredState {
        dismantle: Dismantle::Everything,
        ..DesiredState::untouched()
    };
    for (own, first) in [
        (json!({"app": "web"}), json!({"app": "web"})),
        (json!({"tier": "front"}), json!({"app": "web"})),
    ] {
        let serving = moved(&follower("metrics", own.clone()), &on(ApexSide::Primary));
        let mut given = moved(&serving, &traffic);
        assert_eq!(given.service["spec"]["selector"], first, "{own}");
        assert_eq!(done(&traffic, &live(vec![given.clone()])), [], "{own}");
        let mut left = live(vec![given.clone()]);
        let early = done(&all, &left);
        assert!(early.iter().all(|write| write.subject().2 != "metrics"), "{early:?}");
        left.primary = None;
        for write in done(&all, &left).iter().filter(|write| write.subject().2 == "metrics") {
            given.service = after(&given.service, write);
        }
        assert_eq!(given.service["spec"]["selector"], own);
        assert_eq!(given.service["metadata"]["annotations"], json!({}));
    }
}

#[test]
fn one_that_was_pointed_elsewhere_is_its_authors_again() {
    let mut held = follower("metrics", json!({"app": "web-primary"})).service;
    held["metadata"]["annotations"] = json!({ORIGINAL_SELECTOR: r#"{"app":"green"}"#});
    let mut past_the_webhook = held.clone();
    past_the_webhook["spec"]["selector"] = json!({"app": "blue"});
    for (service, selects) in [(held, "green"), (past_the_webhook, "blue")] {
        let mut live = live(Vec::new());
        live.pointing.left = vec![service.clone()];
        let writes = done(&on(ApexSide::Primary), &live);
        let given = after(&service, &writes[0]);
        assert_eq!(given["spec"]["selector"], json!({"app": selects}));
        assert_eq!(given["metadata"]["annotations"], json!({}));
    }
}

fn route(to: &[&str]) -> Value {
    let rules: Vec<Value> = to
        .iter()
        .map(|name| json!({"backendRefs": [{"name": name, "port": 80}]}))
        .collect();
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "edge", "namespace": "shop", "generation": 3}, "spec": {"rules": rules}})
}

fn slice(service: &str) -> Value {
    json!({
        "metadata": {"name": format!("{service}-x"), "labels": {"kubernetes.io/service-name": service}},
        "endpoints": [{"targetRef": {"name": "pod"}}],
    })
}

fn routed(name: &str) -> Follower {
    Follower {
        routed: true,
        ..follower(name, json!({"app": "web"}))
    }
}

fn with_weights() -> Blueprint {
    Blueprint {
        names: None,
        ..blueprint()
    }
}

#[test]
fn each_that_a_route_names_has_halves_with_all_its_ports() {
    let mut live = live(vec![routed("front"), follower("metrics", json!({"app": "web"}))]);
    live.routes = vec![route(&["front"])];
    let writes = done_by(&on(ApexSide::Primary), &live, &with_weights());
    let made: Vec<&Value> = writes
        .iter()
        .filter_map(|write| match write {
            Write::Apply { object, .. } => Some(object),
            _ => None,
        })
        .collect();
    let told: Vec<(&Value, &Value)> = made
        .iter()
        .map(|object| (&object["metadata"]["name"], &object["spec"]["selector"]["app"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("front-primary"), &json!("web-primary")),
            (&json!("front-canary"), &json!("web"))
        ]
    );
    for half in made {
        let ports: Vec<&Value> = half["spec"]["ports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|port| &port["port"])
            .collect();
        assert_eq!(ports, [&json!(80), &json!(8081)]);
    }
}

#[test]
fn a_route_of_several_is_split_in_one_write_and_folded_in_one() {
    let mut live = live(vec![routed("front"), routed("back")]);
    live.routes = vec![route(&["front", "back"])];
    for half in ["front-primary", "front-canary", "back-primary", "back-canary"] {
        live.slices.push(slice(half));
    }
    let shared = |canary: u8| DesiredState {
        traffic: Some(Traffic::share(canary)),
        ..on(ApexSide::Primary)
    };
    let of_routes = |desired: &DesiredState, live: &Live| -> Vec<Write> {
        let writes = done_by(desired, live, &with_weights()).into_iter();
        writes
            .filter(|write| matches!(write.subject().0, Kind::Route(_)))
            .collect()
    };
    let writes = of_routes(&shared(30), &live);
    let [write] = writes.as_slice() else {
        panic!("{writes:?}")
    };
    let split = after(&live.routes[0], write);
    for (rule, name) in ["front", "back"].into_iter().enumerate() {
        let refs = &split["spec"]["rules"][rule]["backendRefs"];
        assert_eq!(
            (&refs[0]["name"], &refs[0]["weight"]),
            (&json!(format!("{name}-primary")), &json!(70))
        );
        assert_eq!(
            (&refs[1]["name"], &refs[1]["weight"]),
            (&json!(format!("{name}-canary")), &json!(30))
        );
    }
    live.routes = vec![split];
    assert_eq!(of_routes(&shared(30), &live), []);
    let leaving = DesiredState {
        dismantle: Dismantle::Traffic,
        ..DesiredState::untouched()
    };
    let writes = of_routes(&leaving, &live);
    let folded = after(&live.routes[0], &writes[0]);
    for name in ["front", "back"] {
        assert!(routing::refers_to(&folded, &Names::new(name)));
        assert!(!routing::names_a_half(&folded, &Names::new(name)));
    }
}

#[test]
fn nobody_is_sent_to_halves_that_the_data_plane_does_not_know_yet() {
    let mut live = live(vec![routed("front")]);
    live.routes = vec![route(&["front"])];
    let desired = DesiredState {
        traffic: Some(Traffic::PRIMARY),
        ..on(ApexSide::Primary)
    };
    let splits = |live: &Live| {
        let writes = done_by(&desired, live, &with_weights());
        writes.iter().any(|write| matches!(write.subject().0, Kind::Route(_)))
    };
    assert!(!splits(&live));
    live.slices.push(slice("front-primary"));
    assert!(splits(&live));
}

#[test]
fn a_route_to_an_apex_that_has_left_is_folded() {
    let mut live = live(Vec::new());
    let names = Names::new("web");
    let plain = route(&["web"]);
    let split = routing::carrying(&plain, &names, Traffic::PRIMARY, &Default::default()).unwrap();
    live.routes = vec![split.clone()];
    live.left = vec![names.clone()];
    let writes = done_by(&on(ApexSide::Primary), &live, &with_weights());
    let folded = after(&split, &writes[0]);
    assert!(routing::refers_to(&folded, &names) && !routing::names_a_half(&folded, &names));
}
