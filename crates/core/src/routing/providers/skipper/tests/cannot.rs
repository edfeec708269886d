//! What is refused, or told.

use super::*;
use crate::routing::Router;

fn refused(matches: Value) -> Option<(String, String)> {
    let analysis: Analysis = from_value(json!({ "match": matches })).unwrap();
    Skipper.refuses(&analysis)
}

fn told(route: &Value) -> Option<String> {
    Skipper.problem(route, &names(), &Exposure::default())
}

#[test]
fn a_test_is_of_so_many_entries_and_of_headers_that_skipper_sees() {
    let entry = |name: &str| json!({"headers": {name: {"exact": "yes"}}, "queryParams": {"q": {"regex": "^1$"}}});
    assert_eq!(refused(json!([])), None);
    assert_eq!(
        refused(json!([entry("a"), entry("b"), entry("a"), entry("cookie")])),
        None
    );
    let all: Vec<Value> = (0..5).map(|_| entry("a")).collect();
    for (matches, field) in [
        (json!(all), "match"),
        (json!([entry("a"), entry("Host")]), "match[1].headers[host]"),
    ] {
        let (at, why) = refused(matches).unwrap();
        assert_eq!(at, field);
        assert!(why.starts_with("skipper ") && why.contains("gatewayapi:v1"), "{why}");
    }
}

#[test]
fn ingresses_whose_other_requests_would_be_taken_say_so() {
    let loose = |mut route: Value| {
        for at in ["0", "1"] {
            let path = format!("/spec/rules/0/http/paths/{at}/pathType");
            *route.pointer_mut(&path).unwrap() = json!("ImplementationSpecific");
        }
        route
    };
    for fine in [plain(), both(), loose(plain()), asking("Method(\"GET\")")] {
        assert_eq!(told(&fine), None);
    }
    let mut shared = both();
    shared["spec"]["rules"][0]["http"]["paths"][1]["path"] = json!("/");
    let mut by_prefix = loose(both());
    by_prefix["metadata"]["annotations"] = json!({"zalando.org/skipper-ingress-path-mode": "path-prefix"});
    assert_eq!(told(&by_prefix), None);
    let by_default = {
        let mut route = plain();
        route["spec"] = json!({"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}});
        route
    };
    for (route, words) in [
        (
            ingress(json!({"zalando.org/skipper-routes": "a: Method(\"OPTIONS\") -> <shunt>"})),
            ["skipper-routes", "Ingress of their own"],
        ),
        (shared, ["path /,", "let the path lead to web"]),
        (loose(both()), ["ImplementationSpecific", "pathType: Prefix"]),
        (by_default, ["skipper cannot split", "add a rule"]),
    ] {
        let why = told(&route).unwrap();
        assert!(words.iter().all(|word| why.contains(word)), "{why}");
    }
}

#[test]
fn what_it_cannot_do_is_nothing_that_is_waited_for() {
    let expected = Traffic {
        mirror: 50,
        sticky: true,
        ..Traffic::PRIMARY
    };
    assert_eq!(read(&[plain()], &Exposure::default(), Some(expected)), Some(expected));
}
