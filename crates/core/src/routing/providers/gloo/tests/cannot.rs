//! What is refused, or told.

use super::*;
use crate::routing::Provider;

#[test]
fn connections_are_for_another_provider() {
    let gloo = Provider::parse("gloo").unwrap();
    assert_eq!(gloo.rejects(&canary(json!({"port": 80, "appProtocol": "http"}))), []);
    let tcp = canary(json!({"port": 80, "appProtocol": "TCP"}));
    let [(field, why)] = gloo.rejects(&tcp).try_into().unwrap();
    assert!(
        field == "spec.service.appProtocol" && why.contains("provider kubernetes"),
        "{field}: {why}"
    );
    assert_eq!(gloo.published("shop", &names(), &tcp), None);
}

#[test]
fn callers_are_not_seen() {
    let mut by_caller = exposure();
    by_caller.affinity = None;
    by_caller.matches = from_value(json!([{"sourceLabels": {"app": "a"}, "headers": {"a": {"exact": "b"}}}])).unwrap();
    let mine = single(kube("web"));
    let plain = shown(&mine, Traffic::PRIMARY, &by_caller);
    assert_eq!(
        shown(&mine, MATCHED, &by_caller),
        plain,
        "never widened to one of the two"
    );
}

#[test]
fn one_that_does_not_lead_to_the_app_as_a_whole_says_so() {
    let plain = Exposure::default();
    let why = told(&single(kube("other")), &plain).unwrap();
    assert!(
        why.starts_with("no route of RouteTable front sends to Service web") && why.contains("shop-web-PORT"),
        "{why}"
    );
    for (member, value) in [
        ("subset", json!({"values": {"version": "v1"}})),
        ("destinationSpec", json!({"rest": {"functionName": "f"}})),
    ] {
        let mut part = discovered();
        part[member] = value;
        let mine = single(part);
        assert!(RouteTable.refers_to(&mine, &names()));
        let why = told(&mine, &plain).unwrap();
        assert!(
            why.contains("by subsets or functions only") && why.contains("without subset"),
            "{why}"
        );
        assert_eq!(carried(&mine, Traffic::share(20), &plain), std::slice::from_ref(&mine));
        assert_eq!(read(&mine, &plain, Some(Traffic::share(20))), None);
        assert_eq!(folded(&mine), mine);
    }
}

#[test]
fn an_upstream_whose_settings_are_not_known_is_named() {
    let mine = single(discovered());
    let why = told(&mine, &Exposure::default()).unwrap();
    assert!(
        why.starts_with("Upstream gloo-system/shop-web-80, whose settings") && why.contains("spec.upstreamRef"),
        "{why}"
    );
    let known = knowing(&Exposure::default(), ("gloo-system", "shop-web-80"), json!({}));
    assert_eq!(told(&mine, &known), None);
    assert_eq!(told(&single(kube("web")), &Exposure::default()), None);
    let made = Gloo.published("shop", &names(), &canary(json!({"port": 80}))).unwrap();
    assert_eq!(told(&made, &Exposure::default()), None);
    let mut asking = Exposure {
        model: Some(("other".into(), "settings".into())),
        ..Exposure::default()
    };
    let why = told(&made, &asking).unwrap();
    assert!(why.starts_with("Upstream other/settings, "), "{why}");
    asking = knowing(&asking, ("other", "settings"), json!({}));
    assert_eq!(told(&made, &asking), None);
}

#[test]
fn what_gloo_says_of_an_object_counts() {
    let of = |status: Value| {
        let mut mine = single(kube("web"));
        mine["status"] = status;
        mine
    };
    let by_two = |state: Value| {
        let other = json!({"state": "Accepted", "reportedBy": "gateway"});
        of(json!({"statuses": {"gloo-system": {"state": state, "reason": "so it is"}, "edge": other}}))
    };
    let plain = Exposure::default();
    for rejected in [
        by_two(json!("Rejected")),
        by_two(json!(2)),
        of(json!({"state": 2, "reason": "so it is"})),
    ] {
        let why = told(&rejected, &plain).unwrap();
        assert_eq!(why, "RouteTable front is refused by Gloo: so it is");
        assert_eq!(RouteTable.refused(&rejected), Some(why));
    }
    for taken in [by_two(json!("Warning")), of(json!({"state": 1}))] {
        assert_eq!(told(&taken, &plain), None);
        assert!(Upstream.is_known(&taken));
    }
    // Nobody has answered yet.
    for silent in [
        of(Value::Null),
        of(json!({"statuses": {}})),
        of(json!({"statuses": {"a": {"state": "Pending"}}})),
    ] {
        assert_eq!(told(&silent, &plain), None);
        assert!(!Upstream.is_known(&silent));
    }
}
