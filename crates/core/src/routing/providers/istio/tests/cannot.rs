//! What is refused, or told.

use super::*;
use crate::routing::Provider;

#[test]
fn what_cannot_be_carried_is_named_with_what_can() {
    let rejected = |service: Value, analysis: Value| -> Vec<String> {
        let (spec, provider) = (canary(service, analysis), Provider::parse("istio").unwrap());
        let all = provider.rejects(&spec);
        assert_eq!(all.is_empty(), provider.published("shop", &names(), &spec).is_some());
        all.into_iter().map(|(field, why)| format!("{field}: {why}")).collect()
    };
    let by_caller = json!({"match": [{"headers": {"a": {"exact": "b"}}}, {"sourceLabels": {"app": "a"}}]});
    assert_eq!(
        rejected(json!({"port": 80, "appProtocol": "http"}), by_caller.clone()),
        [""; 0]
    );
    assert_eq!(
        rejected(json!({"port": 80, "appProtocol": "TCP"}), json!({})),
        [""; 0],
        "connections are split as well"
    );
    let outside = json!({"port": 80, "gateways": ["istio-system/public"]});
    let [callers] = rejected(outside, by_caller.clone()).try_into().unwrap();
    assert!(
        callers.starts_with("spec.analysis.match[1].sourceLabels: ") && callers.contains("add \"mesh\""),
        "{callers}"
    );
    let delegate = json!({"port": 80, "delegation": true});
    assert_eq!(rejected(delegate, by_caller), [""; 0]);
    let delegate = json!({"port": 80, "delegation": true, "hosts": ["a.test"], "gateways": ["mesh"]});
    assert_eq!(rejected(delegate, json!({})).len(), 2);
}

#[test]
fn one_that_leads_there_by_subsets_only_says_so() {
    let to = |destination: Value| with_rules(json!([{"route": [{"destination": destination}]}]));
    let told = |route: &Value| VirtualService.problem(route, &names(), &Exposure::default());
    let parts = to(json!({"host": "web", "subset": "v1"}));
    assert!(VirtualService.refers_to(&parts, &names()));
    assert_eq!(shown(&parts, Traffic::share(10), &Exposure::default()), parts);
    assert_eq!(read(&parts, &Exposure::default(), Some(Traffic::share(10))), None);
    let why = told(&parts).unwrap();
    assert!(
        why.contains("by subsets only (such as v1)") && why.contains("without a subset"),
        "{why}"
    );
    assert_eq!(told(&plain()), None);
    let why = told(&to(json!({"host": "other"}))).unwrap();
    assert!(
        why.starts_with("no http or tcp rule of VirtualService front sends to Service web"),
        "{why}"
    );
}

#[test]
fn routes_of_tls_are_left_alone() {
    let mut mine = plain();
    mine["spec"]["tls"] = mine["spec"]["http"].take();
    mine["spec"].as_object_mut().unwrap().remove("http");
    assert!(!VirtualService.refers_to(&mine, &names()));
    assert_eq!(carried(&mine, Traffic::share(10), &Exposure::default()), [mine.clone()]);
    assert_eq!(VirtualService.folded(&mine, &names()), mine);
}

#[test]
fn every_host_there_is_cannot_be_asked_for_in_the_mesh() {
    let rejected = |service: Value| {
        let all = Istio.rejects(&canary(service, json!({"iterations": 3})));
        all.into_iter().map(|(field, _)| field).collect::<Vec<String>>()
    };
    let everything = json!(["web.example.com", "*"]);
    for service in [
        json!({"port": 80, "hosts": everything}),
        json!({"port": 80, "hosts": everything, "gateways": ["infra/public", "mesh"]}),
    ] {
        assert_eq!(rejected(service), ["spec.service.hosts[1]"]);
    }
    let outside = json!({"port": 80, "hosts": everything, "gateways": ["infra/public"]});
    assert_eq!(rejected(outside), [""; 0]);
}
