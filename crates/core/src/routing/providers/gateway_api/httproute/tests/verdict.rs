//! What gateways say of a route, and what is known of them.

use super::*;

#[test]
fn a_gateway_that_refuses_the_live_generation_is_quoted() {
    let condition = |kind: &str, generation: i64, status: &str| json!({"type": kind, "status": status, "observedGeneration": generation, "reason": "BackendNotFound", "message": "no port 81"});
    let told = |parents: Vec<Value>| {
        let mut route = route(json!([{"name": "web", "port": 80}]));
        let parent = |c: Value| json!({"parentRef": {"name": "edge"}, "conditions": [c]});
        let parents: Vec<Value> = parents.into_iter().map(parent).collect();
        route["metadata"] = json!({"name": "mine", "generation": 3});
        route["status"] = json!({"parents": parents});
        problem(&route, &names(), &Exposure::default())
    };
    let text = "HTTPRoute mine is refused by gateway edge: no port 81 (BackendNotFound)";
    let no = |generation| condition("Accepted", generation, "False");
    assert_eq!(told(vec![no(3)]).as_deref(), Some(text));
    // Of an older generation, or of a kind that says nothing, or where another gateway takes it.
    for fine in [
        vec![],
        vec![no(2)],
        vec![condition("ResolvedRefs", 3, "False")],
        vec![no(3), condition("Accepted", 3, "True")],
    ] {
        assert_eq!(told(fine), None);
    }
    // One that has not answered yet is not waited for.
    assert_eq!(told(vec![no(3), no(2)]).as_deref(), Some(text));
}

#[test]
fn a_parent_that_the_route_names_counts_by_itself() {
    let parent = |name: &str, namespace: &str, status: &str| {
        let condition =
            json!({"type": "Accepted", "status": status, "observedGeneration": 3, "reason": "R", "message": name});
        json!({"parentRef": {"name": name, "namespace": namespace}, "conditions": [condition]})
    };
    let told = |parents: Vec<Value>| {
        let mut route = route(json!([{"name": "web", "port": 80}]));
        route["metadata"] = json!({"name": "mine", "namespace": "shop", "generation": 3});
        route["spec"]["parentRefs"] = json!([{"name": "outer"}, {"name": "inner", "namespace": "infra"}]);
        route["status"] = json!({"parents": parents});
        problem(&route, &names(), &Exposure::default())
    };
    let outer = || parent("outer", "shop", "True");
    let why = "HTTPRoute mine is refused by gateway inner: inner (R)";
    assert_eq!(
        told(vec![outer(), parent("inner", "infra", "False")]).as_deref(),
        Some(why)
    );
    // One that it does not name any more, or of another namespace; and one that another controller takes at the same place.
    for others in [
        vec![parent("gone", "infra", "False")],
        vec![parent("inner", "shop", "False")],
        vec![parent("inner", "infra", "False"), parent("inner", "infra", "True")],
    ] {
        let all = [vec![outer()], others].concat();
        assert_eq!(told(all.clone()), None, "{all:?}");
    }
}

#[test]
fn a_parent_that_nobody_comes_by_for_good_is_no_trouble_while_another_takes_the_route() {
    let parent = |name: &str, generation: i64, status: &str, reason: &str| {
        let condition = json!({"type": "Accepted", "status": status, "observedGeneration": generation, "reason": reason, "message": name});
        json!({"parentRef": {"name": name}, "conditions": [condition]})
    };
    let told = |parents: Vec<Value>| {
        let mut route = route(json!([{"name": "web", "port": 80}]));
        route["metadata"] = json!({"name": "mine", "namespace": "shop", "generation": 3});
        route["spec"]["parentRefs"] = json!([{"name": "outer"}, {"name": "inner"}]);
        route["status"] = json!({"parents": parents});
        (
            problem(&route, &names(), &Exposure::default()),
            HTTP_ROUTE.shut_out(&route),
        )
    };
    let takes = |generation| parent("outer", generation, "True", "Accepted");
    for reason in [
        "NotAllowedByListeners",
        "NoMatchingParent",
        "NoMatchingListenerHostname",
        "UnsupportedValue",
    ] {
        let refuses = || parent("inner", 3, "False", reason);
        let why = Some(format!("HTTPRoute mine is refused by gateway inner: inner ({reason})"));
        assert_eq!(told(vec![takes(3), refuses()]), (None, why.clone()));
        // The other has taken the one before, and is waited for.
        assert_eq!(told(vec![takes(2), refuses()]), (None, why.clone()));
        // Nobody comes by any.
        let outer = parent("outer", 3, "False", "NoMatchingParent");
        let first = Some(String::from(
            "HTTPRoute mine is refused by gateway outer: outer (NoMatchingParent)",
        ));
        assert_eq!(told(vec![outer, refuses()]), (first, None));
        assert_eq!(told(vec![refuses()]), (why.clone(), None));
        // One that it does not name any more does not count.
        let gone = parent("gone", 3, "True", "Accepted");
        assert_eq!(told(vec![gone, refuses()]), (why, None));
    }
    // What another controller said of the same parent before it went does not count.
    let went = parent("inner", 2, "True", "Accepted");
    let (why, shut) = told(vec![went, parent("inner", 3, "False", "NoMatchingParent")]);
    assert!(why.is_some() && shut.is_none(), "{why:?} {shut:?}");
    let conflict = parent("inner", 3, "False", "RuleMatchConflict");
    let why = Some(String::from(
        "HTTPRoute mine is refused by gateway inner: inner (RuleMatchConflict)",
    ));
    assert_eq!(
        told(vec![takes(3), conflict]),
        (why, None),
        "another reason may go, and halts"
    );
}

#[test]
fn a_service_that_is_not_found_or_not_permitted_is_told_where_the_route_leads_to_nothing_else() {
    let told = |reason: &str, generation: i64, rule: Value| {
        let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "observedGeneration": generation, "reason": reason, "message": "m"});
        let conditions = [
            condition("Accepted", "True", "Accepted"),
            condition("ResolvedRefs", if reason.is_empty() { "True" } else { "False" }, reason),
        ];
        let route = json!({
            "metadata": {"name": "mine", "namespace": "shop", "generation": 3},
            "spec": {"parentRefs": [{"name": "edge"}], "rules": [rule]},
            "status": {"parents": [{"parentRef": {"name": "edge"}, "conditions": conditions}]},
        });
        HTTP_ROUTE.unresolved(&route, &names())
    };
    let halves = || json!([{"name": "web-primary", "port": 80}, {"name": "web-canary", "port": 80, "weight": 0}]);
    let plain = || json!({"backendRefs": halves()});
    for reason in ["BackendNotFound", "InvalidKind", "RefNotPermitted"] {
        let why = format!("HTTPRoute mine does not lead to its Services by gateway edge: m ({reason})");
        assert_eq!(told(reason, 3, plain()), Some(why));
    }
    assert_eq!(told("BackendNotFound", 2, plain()), None, "of the route before");
    assert_eq!(told("", 3, plain()), None);
    let mirror = json!({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}});
    let of_gateways =
        json!({"type": "ExtensionRef", "extensionRef": {"group": "example.com", "kind": "Limit", "name": "gone"}});
    for filter in [mirror, of_gateways] {
        let rule = json!({"backendRefs": halves(), "filters": [filter]});
        assert_eq!(told("BackendNotFound", 3, rule.clone()), None, "{rule}");
    }
    let beside = json!({"backendRefs": [{"name": "web", "port": 80}, {"name": "gone", "port": 80}]});
    assert_eq!(told("BackendNotFound", 3, beside), None);
}

#[test]
fn a_gateway_that_cannot_speak_to_the_app_is_quoted_where_the_backend_can_be_no_others() {
    let told = |reason: &str, refs: Value| {
        let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "observedGeneration": 3, "reason": reason, "message": "grpc"});
        let conditions = [condition("Accepted", "True"), condition("ResolvedRefs", "False")];
        let mut route = route(refs);
        route["metadata"] = json!({"name": "mine", "generation": 3});
        route["status"] = json!({"parents": [{"parentRef": {"name": "edge"}, "conditions": conditions}]});
        assert!(HTTP_ROUTE.is_taken(&route));
        problem(&route, &names(), &Exposure::default())
    };
    let own = || json!([{"name": "web-primary", "port": 80}, {"name": "web-canary", "port": 80, "weight": 0}]);
    let beside = json!([{"name": "web", "port": 80}, {"name": "old", "port": 80}]);
    let text = "HTTPRoute mine is refused by gateway edge: grpc (UnsupportedProtocol)";
    assert_eq!(told("UnsupportedProtocol", own()).as_deref(), Some(text));
    assert_eq!(told("UnsupportedProtocol", beside), None, "it may be the other one");
    assert_eq!(told("BackendNotFound", own()), None, "it is made at this moment");
    assert!(!HTTP_ROUTE.is_taken(&route(own())));
}

#[test]
fn a_route_is_taken_where_a_gateway_says_so_and_not_where_it_says_anything_else() {
    let taken = |conditions: Value| {
        let mut route = route(json!([{"name": "web", "port": 80}]));
        route["status"] = json!({"parents": [
            {"parentRef": {"name": "other"}}, {"parentRef": {"name": "edge"}, "conditions": conditions},
        ]});
        HTTP_ROUTE.is_taken(&route)
    };
    let accepted = |status: &str| json!([{"type": "Accepted", "status": status, "reason": "RuleMatchConflict"}]);
    assert!(taken(accepted("True")));
    assert!(!taken(accepted("False")) && !taken(json!([])));
    assert!(!taken(json!([{"type": "ResolvedRefs", "status": "True"}])));
}

#[test]
fn a_gateway_that_copies_all_or_nothing_is_known() {
    let parent = |controller: &str| json!({"parentRef": {"name": controller}, "controllerName": controller});
    let (contour, traefik) = ("projectcontour.io/gateway-controller", "traefik.io/gateway-controller");
    let mut route = route(json!([{"name": "web"}]));
    route["status"] = json!({"parents": [parent(contour), parent(traefik), parent("istio.io/gateway-controller"), {}]});
    let named =
        |all: Vec<(&Value, &str)>| -> Vec<String> { all.into_iter().map(|(_, name)| name.to_owned()).collect() };
    assert_eq!(named(HTTP_ROUTE.copying_all(&route)), [contour]);
    assert_eq!(named(HTTP_ROUTE.unmirrored(&route)), [traefik]);
}

#[test]
fn a_gateway_that_has_not_taken_up_the_live_generation_is_known() {
    let parent = |name: &str, generation: Value| {
        let condition = json!({"type": "Accepted", "status": "True", "observedGeneration": generation});
        json!({"parentRef": {"name": name}, "conditions": [condition]})
    };
    for (parents, pending) in [
        (vec![], false),
        (vec![parent("edge", json!(3))], false),
        (vec![parent("edge", json!(2))], true),
        (vec![parent("edge", json!(3)), parent("inner", json!(2))], true),
        (vec![parent("gone", json!(1)), parent("edge", json!(3))], false),
        (vec![parent("edge", Value::Null)], false),
        (vec![parent("edge", json!(1)), parent("edge", json!(3))], false),
    ] {
        let mut route = route(json!([{"name": "web", "port": 80}]));
        route["metadata"] = json!({"name": "mine", "generation": 3});
        route["spec"]["parentRefs"] = json!([{"name": "edge"}, {"name": "inner"}]);
        route["status"] = json!({"parents": parents});
        assert_eq!(HTTP_ROUTE.is_pending(&route), pending, "{parents:?}");
    }
}
