//! What is refused, or told.

use super::*;
use crate::routing::Provider;

#[test]
fn what_cannot_be_carried_is_named_with_what_can() {
    let rejected = |service: Value| -> Vec<String> {
        let spec = canary(service, json!({}));
        let contour = Provider::parse("contour").unwrap();
        let all = contour.rejects(&spec);
        assert_eq!(all.is_empty(), contour.published("shop", &names(), &spec).is_some());
        all.into_iter().map(|(field, why)| format!("{field}: {why}")).collect()
    };
    assert_eq!(rejected(json!({"port": 80, "appProtocol": "http"})), [""; 0]);
    for (service, field, word) in [
        (
            json!({"port": 80, "appProtocol": "TCP"}),
            "spec.service.appProtocol: ",
            "provider kubernetes",
        ),
        (
            json!({"port": 80, "match": [{"uri": {"prefix": "/"}}, {"uri": {"prefix": "api"}}]}),
            "spec.service.match[1].uri.prefix: ",
            "begin with a slash",
        ),
        (
            json!({"port": 80, "match": [{"uri": {"regex": "^.*/api"}}]}),
            "spec.service.match[0].uri.regex: ",
            "/v[12]/.*",
        ),
        (
            json!({"port": 80, "retries": {"attempts": 3, "retryOn": "gateway-error,503"}}),
            "spec.service.retries.retryOn: ",
            "\"503\"",
        ),
    ] {
        let [line] = rejected(service).try_into().unwrap();
        assert!(line.starts_with(field) && line.contains(word), "{line}");
    }
}

#[test]
fn one_that_does_not_lead_to_the_app_by_requests_says_so() {
    let plain = Exposure::default();
    let other = told(&to(json!([{"name": "other", "port": 80}])), &plain).unwrap();
    assert!(
        other.starts_with("no route of HTTPProxy front sends to Service web"),
        "{other}"
    );
    let mut connected = with_routes(json!([]));
    connected["spec"]["tcpproxy"] = json!({"services": [{"name": "web", "port": 80}]});
    assert!(HttpProxy.refers_to(&connected, &names()));
    let why = told(&connected, &plain).unwrap();
    assert!(
        why.contains("by spec.tcpproxy") && why.contains("provider kubernetes"),
        "{why}"
    );
    assert_eq!(carried(&connected, Traffic::share(20)), connected);
    assert_eq!(read(&connected, &plain, Some(Traffic::share(20))), None);
    assert_eq!(folded(&connected), connected);
}

#[test]
fn a_test_that_would_change_other_requests_is_told() {
    let test = tested(json!([{"headers": {"x-canary": {"exact": "yes"}}}]));
    let header = |name: &str| json!({"header": {"name": name, "present": true}});
    let beside = |conditions: Value| {
        with_routes(json!([
            {"conditions": conditions, "services": [{"name": "old", "port": 80}]},
            {"conditions": [{"prefix": "/"}], "services": [{"name": "web", "port": 80}]},
        ]))
    };
    let why = told(&beside(json!([header("x-team"), {"prefix": "/"}])), &test).unwrap();
    assert!(
        why.contains("has a route for / with conditions of its own") && why.contains("leave match out"),
        "{why}"
    );
    for harmless in [
        json!([header("x-team"), {"prefix": "/old"}]),
        // It comes first in any case, and so it did.
        json!([header("x-team"), header("x-more")]),
        json!([{"prefix": "/"}]),
    ] {
        assert_eq!(told(&beside(harmless), &test), None);
    }
    assert_eq!(told(&beside(json!([header("x-team")])), &Exposure::default()), None);
}

#[test]
fn a_test_beside_a_prefix_that_is_replaced_is_told() {
    let test = tested(json!([{"queryParams": {"try": {"exact": "new"}}}]));
    let replacing = |prefixes: &[&str]| {
        let one = |prefix: &&str| {
            json!({
                "conditions": [{"prefix": prefix}], "pathRewritePolicy": {"replacePrefix": [{"replacement": "/"}]},
                "services": [{"name": "web", "port": 80}],
            })
        };
        with_routes(prefixes.iter().map(one).collect())
    };
    let mine = replacing(&["/api"]);
    let why = told(&mine, &test).unwrap();
    assert!(why.contains("replaces the prefix /api in a single route"), "{why}");
    assert_eq!(HttpProxy.crowded(&mine, &names(), &test), Some(why.clone()));
    // In mid-run it is the same.
    assert_eq!(told(&shown(&mine, MATCHED, &test), &test), Some(why));
    assert_eq!(told(&mine, &Exposure::default()), None);
    assert_eq!(told(&replacing(&["/api", "/api/"]), &test), None);
    assert_eq!(told(&replacing(&["/"]), &test), None);
    // What a root includes may have a prefix of the root's before it.
    let mut included = replacing(&["/"]);
    included["spec"].as_object_mut().unwrap().remove("virtualhost");
    assert!(told(&included, &test).is_some());
}

#[test]
fn what_contour_says_of_the_object_as_it_is_now_counts() {
    let of = |seen: i64, status: &str, errors: Value| {
        let mut mine = to(json!([{"name": "web", "port": 80}]));
        mine["metadata"]["generation"] = json!(3);
        let valid = json!({"type": "Valid", "status": status, "observedGeneration": seen, "errors": errors});
        mine["status"] = json!({"conditions": [valid]});
        mine
    };
    let error =
        |kind: &str, reason: &str| json!([{"type": kind, "status": "True", "reason": reason, "message": "so it is"}]);
    let plain = Exposure::default();
    assert_eq!(told(&of(3, "True", json!([])), &plain), None);
    let bad = error("RouteError", "HeaderMatchConditionsNotValid");
    let why = told(&of(3, "False", bad.clone()), &plain).unwrap();
    assert!(
        why.ends_with("is refused by Contour: so it is (HeaderMatchConditionsNotValid)"),
        "{why}"
    );
    let why = told(&of(3, "False", error("Orphaned", "Orphaned")), &plain).unwrap();
    assert!(why.contains("nobody comes by it"), "{why}");
    let making = error("ServiceError", "ServiceUnresolvedReference");
    assert_eq!(told(&of(3, "False", making), &plain), None);
    // What it said of another generation says nothing of this one.
    let before = of(2, "False", bad);
    assert_eq!(told(&before, &plain), None);
    assert!(HttpProxy.is_pending(&before) && !HttpProxy.is_pending(&of(3, "True", json!([]))));
    assert!(!HttpProxy.is_pending(&to(json!([]))), "it may not run here");
}

#[test]
fn sessions_are_nothing_that_is_waited_for() {
    let expected = Traffic {
        sticky: true,
        ..Traffic::share(20)
    };
    let mine = to(json!([{"name": "web", "port": 80}]));
    let ours = carried(&mine, expected);
    assert_eq!(ours, carried(&mine, Traffic::share(20)));
    assert_eq!(read(&ours, &Exposure::default(), Some(expected)), Some(expected));
}
