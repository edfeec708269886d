//! What Flagger made for Linkerd, once a route that Linkerd reads by now carries the traffic.

use super::*;
use crate::routing::Traffic;

fn split(controlled: bool) -> Value {
    let backend = |name: &str, weight: &str| json!({"service": name, "weight": weight});
    let mut split = json!({
        "apiVersion": "split.smi-spec.io/v1alpha1", "kind": "TrafficSplit",
        "metadata": {"name": "web", "namespace": "shop", "uid": "split", "generation": 3},
        "spec": {"service": "web", "backends": [backend("web-canary", "0"), backend("web-primary", "100")]},
    });
    if controlled {
        split["metadata"]["ownerReferences"] = blueprint().owner_references();
    }
    split
}

fn route(answered: bool) -> Value {
    let backend = |name: &str, weight: u8| json!({"name": name, "port": 80, "weight": weight});
    let parent = json!({"group": "core", "kind": "Service", "name": "web"});
    let mut route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "front", "namespace": "shop", "generation": 1},
        "spec": {
            "parentRefs": [parent],
            "rules": [{"backendRefs": [backend("web-primary", 100), backend("web-canary", 0)]}],
        },
    });
    if answered {
        let controller = "linkerd.io/policy-controller";
        let taken = json!({"type": "Accepted", "status": "True", "reason": "Accepted", "observedGeneration": 1});
        route["status"] =
            json!({"parents": [{"parentRef": parent, "controllerName": controller, "conditions": [taken]}]});
    }
    route
}

// What is done about the TrafficSplit while the pair is in that state.
fn done(routes: Vec<Value>, state: TargetState) -> Vec<(&'static str, String)> {
    let desired = DesiredState {
        primary: Some(PrimaryTemplate::Keep),
        traffic: Some(Traffic::PRIMARY),
        target_state: Some(state),
        ..DesiredState::untouched()
    };
    let blueprint = Blueprint {
        provider: Provider::parse("linkerd").unwrap(),
        ..blueprint()
    };
    let (writes, _) = routed(&desired, &paired(routes), &blueprint, &seen_split());
    let all = summary(&writes).into_iter();
    all.filter(|(_, object)| object.starts_with("TrafficSplit")).collect()
}

fn is(verb: &'static str) -> Vec<(&'static str, String)> {
    vec![(verb, "TrafficSplit web".to_owned())]
}

#[test]
fn it_goes_at_rest_when_a_data_plane_knows_the_route() {
    let rest = TargetState::Rest;
    assert_eq!(done(vec![split(true), route(true)], rest), is("delete"));
    let before = done(vec![split(true), route(false)], rest);
    assert_eq!(before, is("patch"), "it leads to the apex until then");
    assert_eq!(done(vec![split(true)], rest), is("patch"));
    let shown = done(vec![split(true), route(true)], TargetState::Serving);
    assert_eq!(shown, [], "not in mid-run");
}

#[test]
fn one_of_the_authors_stays() {
    assert_eq!(done(vec![split(false), route(true)], TargetState::Rest), is("patch"));
}
