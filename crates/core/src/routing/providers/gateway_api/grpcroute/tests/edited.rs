//! A route of somebody's own.

use super::*;

#[test]
fn both_kinds_are_the_providers_and_each_is_moved_in_its_own_words() {
    let front = front();
    let mut pages = front.clone();
    pages["kind"] = json!("HTTPRoute");
    pages["spec"]["rules"] = json!([{"backendRefs": [{"name": "web", "port": 9000}]}]);
    for provider in ["gatewayapi:v1", "linkerd"].map(|name| Provider::parse(name).unwrap()) {
        for (route, kind) in [(&front, GRPC_ROUTE.resource()), (&pages, HTTP_ROUTE.resource())] {
            assert!(provider.carries_by(route) && provider.writes(route));
            assert_eq!(provider.kind_of(route).map(|own| own.resource()), Some(kind));
        }
    }
    assert_eq!(GRPC_ROUTE.services(&front), ["elsewhere", "web", "old", "web"]);
    assert_eq!(GRPC_ROUTE.hosts(&front), ["grpc.example.com"]);
}

#[test]
fn of_sessions_nothing_is_written_and_nothing_is_waited_for() {
    let sticky = Traffic {
        sticky: true,
        ..Traffic::share(20)
    };
    let plain = carried(&front(), Traffic::share(20));
    assert_eq!(carried(&front(), sticky), plain);
    for asked in [sticky, Traffic::share(20)] {
        assert_eq!(read(&plain, Some(asked)), Some(asked));
    }
    assert_eq!(read(&plain, Some(Traffic::share(30))), Some(Traffic::share(20)));
    // Old cookies are not forgotten by it either.
    assert_eq!(
        carried(&plain, Traffic::PRIMARY)["spec"]["rules"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn it_is_read_as_it_stands_and_an_edit_of_ours_is_seen() {
    let wanted = Traffic {
        matched: true,
        mirror: 30,
        ..Traffic::PRIMARY
    };
    let right = carried(&front(), wanted);
    assert_eq!(read(&front(), None), Some(Traffic::PRIMARY));
    assert_eq!(read(&right, Some(wanted)), Some(wanted));
    for (at, value) in [
        ("/spec/rules/1/matches/0/headers/0/value", json!("no")),
        ("/spec/rules/1/matches/0/method/service", json!("other")),
        ("/spec/rules/2/backendRefs/0/weight", json!(50)),
        ("/spec/rules/2/filters/1/requestMirror/percent", json!(31)),
    ] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(at).unwrap() = value;
        let found = read(&wrong, Some(wanted));
        assert!(found.is_none_or(|found| found != wanted), "{at}");
        assert_eq!(carried(&GRPC_ROUTE.folded(&right, &names()), wanted), right);
    }
    assert_eq!(GRPC_ROUTE.folded(&right, &names()), front());
}

#[test]
fn what_the_gateway_says_of_it_is_read() {
    let told = |generation: u64| {
        let refused = json!({"type": "Accepted", "status": "False", "observedGeneration": generation,
            "reason": "NoMatchingListenerHostname", "message": "no host"});
        let mut route = front();
        route["metadata"]["generation"] = json!(3);
        route["status"] = json!({"parents": [{"parentRef": {"name": "edge"}, "conditions": [refused]}]});
        (
            GRPC_ROUTE.problem(&route, &names(), &Exposure::default()),
            GRPC_ROUTE.is_pending(&route),
        )
    };
    let why = "GRPCRoute front is refused by gateway edge: no host (NoMatchingListenerHostname)";
    assert_eq!(told(3), (Some(why.to_owned()), false));
    assert_eq!(told(2), (None, true));
    let elsewhere = GRPC_ROUTE.problem(&front(), &Names::new("other"), &Exposure::default());
    assert!(elsewhere.is_some_and(|why| why.starts_with("no rule of GRPCRoute front sends to Service other")));
}

#[test]
fn there_is_room_for_a_test_and_none_is_needed_for_cookies() {
    let rule = json!({"backendRefs": [{"name": "web", "port": 9000}]});
    let of = |count: usize| {
        let mut route = front();
        route["spec"]["rules"] = vec![rule.clone(); count].into();
        route
    };
    let sessions = Exposure {
        matches: Vec::new(),
        ..exposure()
    };
    assert_eq!(GRPC_ROUTE.crowded(&of(16), &names(), &sessions), None);
    assert_eq!(GRPC_ROUTE.crowded(&of(8), &names(), &exposure()), None);
    let why = GRPC_ROUTE.crowded(&of(9), &names(), &exposure()).unwrap();
    let test = "GRPCRoute front has 9 rules; with the conditions of its A/B test a release needs 18 rules";
    assert!(why.starts_with(test), "{why}");
}

#[test]
fn what_it_has_no_word_for_is_told_and_a_route_of_http_has_words_for_all() {
    let fields = |all: Vec<(String, String)>| all.into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(
        fields(GRPC_ROUTE.unsaid(&exposure())),
        ["sessionAffinity", "match[2].queryParams"]
    );
    assert_eq!(fields(HTTP_ROUTE.unsaid(&exposure())), [""; 0]);
    assert_eq!(fields(GRPC_ROUTE.unsaid(&Exposure::default())), [""; 0]);
}
