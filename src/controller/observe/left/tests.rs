//! Which Services a pair leaves to their authors.

use super::*;
use crate::{
    controller::watch::pair::pointing::{Follower, Pointing},
    plan::Workload,
};
use serde_json::json;

fn owned_by(uid: &str) -> Value {
    json!([{"kind": "Canary", "name": "web", "uid": uid}])
}

fn half(name: &str, owner: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "ownerReferences": owned_by(owner)}})
}

fn workload(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}}},
    })
}

fn apex(selects: &str) -> Value {
    json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": selects}}})
}

fn blueprint() -> Blueprint {
    Blueprint {
        names: Some(Names::new("web")),
        route: Some(json!({"kind": "HTTPRoute"})),
        ..Blueprint::sample()
    }
}

fn follower(name: &str, routed: bool) -> Follower {
    Follower {
        service: json!({"metadata": {"name": name}}),
        names: Names::new(name),
        primary: None,
        canary: None,
        routed,
    }
}

#[test]
fn halves_that_nothing_follows_any_more_are_those_of_services_that_were_left() {
    let live = Live {
        made: [
            half("web-primary", "u-1"),
            half("web-canary", "u-1"),
            half("api-primary", "u-1"),
            half("unrouted-primary", "u-1"),
            half("known-primary", "u-1"),
            half("deleted-primary", "u-1"),
            half("theirs-primary", "u-2"),
        ]
        .into(),
        pointing: Pointing {
            followers: vec![follower("api", true), follower("unrouted", false)],
            ..Pointing::default()
        },
        left: vec![Names::new("known")],
        ..Live::default()
    };
    assert_eq!(
        abandoned(&live, &blueprint()),
        [Names::new("unrouted"), Names::new("deleted")]
    );
}

// Whether the pair goes on without its apex.
fn leaves(apex: Option<Value>, change: impl FnOnce(&mut Live, &mut Blueprint)) -> bool {
    let mut live = Live {
        target: Some(workload("web")),
        primary: Some(workload("web-primary")),
        apex: apex.clone(),
        ..Live::default()
    };
    let mut own = blueprint();
    change(&mut live, &mut own);
    let keys = Selector::default_keys();
    let selector = Selector::of_pair(live.target.as_ref(), live.primary.as_ref(), &keys).unwrap();
    leave_apex(&mut live, &mut own, &selector);
    if own.names.is_none() {
        assert_eq!((live.apex, live.left, own.route), (None, vec![Names::new("web")], None));
        return true;
    }
    let untouched = (apex, Vec::new(), blueprint().route);
    assert_eq!((live.apex, live.left, own.route), untouched);
    false
}

#[test]
fn an_apex_is_left_that_its_author_has_pointed_at_other_pods() {
    let as_it_is = |apex: Option<Value>| leaves(apex, |_, _| ());
    assert!(as_it_is(Some(apex("other"))));
    assert!(!as_it_is(Some(apex("web"))), "at the target");
    assert!(!as_it_is(Some(apex("web-primary"))), "at primary");
    assert!(!as_it_is(None));
}

#[test]
fn an_apex_that_is_ours_or_flaggers_is_no_authors_wherever_it_points() {
    let marked = |metadata: Value| {
        let mut ours = apex("other");
        json_patch::merge(&mut ours["metadata"], &metadata);
        leaves(Some(ours), |_, _| ())
    };
    assert!(!marked(json!({"labels": {labels::GENERATED: "true"}})));
    assert!(!marked(json!({"ownerReferences": owned_by("u-1")})));
    let flaggers = json!({"labels": {labels::MANAGED_BY: labels::MANAGED_BY_FLAGGER}});
    assert!(!marked(flaggers));
    assert!(marked(json!({"labels": {"team": "red"}})));
}

#[test]
fn nobody_leaves_an_apex_whose_halves_are_another_canarys_or_that_has_no_pods_of_ours() {
    assert!(!leaves(Some(apex("other")), |live, _| {
        live.primary_service = Some(half("web-primary", "u-2"));
        live.rivals = vec!["u-2".to_owned()];
    }));
    assert!(leaves(Some(apex("other")), |live, _| {
        live.primary_service = Some(half("web-primary", "u-1"));
        live.rivals = vec!["u-2".to_owned()];
    }));
    assert!(!leaves(Some(apex("other")), |_, own| own.workload = Workload::Service));
}
