//! What is refused, or told.

use super::*;
use crate::routing::Provider;

fn rejected(mesh: &AppMesh, service: &Value) -> Vec<String> {
    let provider = Provider::parse(mesh.name()).unwrap();
    let spec = canary(with(service, "meshName", json!("global")), json!({}));
    let all = provider.rejects(&spec);
    assert_eq!(all.is_empty(), provider.published("shop", &names(), &spec).is_some());
    all.into_iter().map(|(field, why)| format!("{field}: {why}")).collect()
}

#[test]
fn what_cannot_be_carried_is_named_with_what_can() {
    for mesh in BOTH {
        assert_eq!(rejected(mesh, &json!({"port": 80, "appProtocol": "http"})), [""; 0]);
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
                json!({"port": 80, "match": [{"queryParams": {"q": {"exact": "a"}}}]}),
                "spec.service.match[0].queryParams: ",
                "choose by headers",
            ),
            (
                json!({"port": 80, "match": [{"method": {"exact": "get"}}]}),
                "spec.service.match[0].method: ",
                "\"get\"; it has CONNECT, DELETE, GET",
            ),
            (
                json!({"port": 80, "match": [{"headers": {"a": {"exact": ""}}}]}),
                "spec.service.match[0].headers[a]: ",
                "1 to 255",
            ),
            (
                json!({"port": 80, "retries": {"attempts": 3, "retryOn": "gateway-error, 5xx"}}),
                "spec.service.retries.retryOn: ",
                "\"5xx\"; it has server-error",
            ),
        ] {
            let [line] = rejected(mesh, &service).try_into().unwrap();
            assert!(line.starts_with(field) && line.contains(word), "{line}");
        }
    }
    let grpc = |more: Value| {
        let mut service = json!({"port": 80, "appProtocol": "grpc"});
        service
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        rejected(&V1BETA2, &service)
    };
    assert_eq!(
        grpc(json!({"retries": {"retryOn": "unavailable,connection-error"}})),
        [""; 0]
    );
    assert_eq!(grpc(json!({"match": [{"uri": {"prefix": "/"}}]})), [""; 0]);
    let [line] = grpc(json!({"match": [{"uri": {"prefix": "/api"}}]}))
        .try_into()
        .unwrap();
    assert!(
        line.starts_with("spec.service.match[0].uri: ") && line.contains("no paths"),
        "{line}"
    );
    let [line] = grpc(json!({"match": [{"method": {"exact": "GET"}}]}))
        .try_into()
        .unwrap();
    assert!(line.starts_with("spec.service.match[0].method: "), "{line}");
}

#[test]
fn a_test_that_cannot_be_said_is_refused() {
    let refused = |matches: Value| {
        let spec = canary(json!({"port": 80}), json!({"match": matches}));
        let found = V1BETA2.refuses(&spec.analysis.unwrap());
        assert_eq!(
            V1BETA1.refuses(&canary(json!({"port": 80}), json!({"match": matches})).analysis.unwrap()),
            found
        );
        found.map(|(field, why)| format!("{field}: {why}"))
    };
    assert_eq!(refused(json!([{"headers": {"a": {"exact": "b"}}}])), None);
    let named = refused(json!([{"headers": {"a": {"exact": "b"}}}, {"queryParams": {"q": {"exact": "a"}}}]));
    assert!(named.unwrap().starts_with("match[1].queryParams: "));
    let long = refused(json!([{"headers": {"a": {"prefix": "b".repeat(256)}}}]));
    assert!(long.unwrap().starts_with("match[0].headers[a]: "));
    let many: Map<String, Value> = (0..11).map(|at| (format!("h{at}"), json!({"exact": "a"}))).collect();
    assert!(
        refused(json!([{"headers": many}]))
            .unwrap()
            .contains("10 headers at most")
    );
}

#[test]
fn the_older_version_has_to_be_told_the_mesh() {
    let lacks = |mesh: &AppMesh, service: Value| mesh.lacks(&canary(service, json!({})));
    let need = lacks(&V1BETA1, json!({"port": 80, "meshName": ""})).unwrap();
    assert_eq!((need.field, need.without_route), ("spec.service.meshName", false));
    assert_eq!(lacks(&V1BETA1, json!({"port": 80, "meshName": "global"})), None);
    assert_eq!(lacks(&V1BETA2, json!({"port": 80})), None);
    assert_eq!(
        V1BETA1.published("shop", &names(), &canary(json!({"port": 80}), json!({}))),
        None
    );
    // One that a policy generates has it of the user's own.
    let mut spec = canary(json!({"port": 80}), json!({}));
    V1BETA1.adopt(&mut spec, &to(&V1BETA1, &[("web", 100)]), "shop");
    assert_eq!(lacks(&V1BETA1, json!(spec.service)), None);
}

#[test]
fn one_that_does_not_lead_to_the_app_by_requests_says_so() {
    let plain = Exposure::default();
    for mesh in BOTH {
        let kind = mesh.routes.resource().kind;
        let other = to(mesh, &[("other", 100)]);
        let why = told(mesh, &other, &plain).unwrap();
        assert!(
            why.starts_with(&format!("no route of {kind} front sends to VirtualNode web")),
            "{why}"
        );
        assert!(!mesh.routes.refers_to(&other, &names()));
        let tcp = json!({"action": {"weightedTargets": [mesh.routes.version.target("web", 100)]}});
        let connected = around(mesh, json!([{"name": "all", "tcp": tcp, "tcpRoute": tcp}]));
        let why = told(mesh, &connected, &plain).unwrap();
        assert!(
            why.contains("that are not split") && why.contains("provider kubernetes"),
            "{why}"
        );
        assert_eq!(shown(mesh, &connected, Traffic::share(20), &plain), connected);
        assert_eq!(
            read(mesh, &connected, &plain, Some(Traffic::share(20))),
            Some(Traffic::PRIMARY)
        );
        assert_eq!(folded(mesh, &connected), connected);
    }
}

#[test]
fn a_part_beside_others_is_not_cut() {
    let plain = Exposure::default();
    for mesh in BOTH {
        let mine = to(mesh, &[("legacy", 40), ("web", 60)]);
        let why = told(mesh, &mine, &plain).unwrap();
        assert!(
            why.starts_with("route all of ") && why.contains("let one route lead to the app alone"),
            "{why}"
        );
        assert_eq!(shown(mesh, &mine, Traffic::share(20), &plain), mine);
        assert_eq!(
            read(mesh, &mine, &plain, Some(Traffic::share(20))),
            Some(Traffic::PRIMARY)
        );
        // Halves go all the same.
        let halved = to(mesh, &[("legacy", 40), ("web-canary", 10), ("web-primary", 50)]);
        assert_eq!(read(mesh, &halved, &plain, None), None);
        assert_eq!(folded(mesh, &halved), mine);
    }
}

// The callers of the older version come by its name.
#[test]
fn a_virtual_service_of_the_apps_name_that_leads_elsewhere_is_its_authors() {
    let mut mine = to(&V1BETA1, &[("legacy", 100)]);
    mine["metadata"]["name"] = json!("web.shop");
    assert!(V1BETA1.routes.refers_to(&mine, &names()));
    assert!(V1BETA1.routes.services(&mine).contains(&"web".to_owned()));
    assert!(
        told(&V1BETA1, &mine, &Exposure::default())
            .unwrap()
            .contains("sends to VirtualNode web")
    );
    assert_eq!(
        carried(&V1BETA1, &mine, Traffic::share(10), &Exposure::default()),
        [mine.clone()]
    );
    mine["metadata"]["name"] = json!("web.other");
    assert!(!V1BETA1.routes.refers_to(&mine, &names()));
}

#[test]
fn a_test_without_a_place_is_told() {
    for mesh in BOTH {
        let with_priority = |own: Value, other: Value| {
            let mut mine = entry(mesh, "all", &[("web", 100)]);
            mine["priority"] = own;
            let mut legacy = entry(mesh, "old", &[("legacy", 100)]);
            legacy["priority"] = other;
            around(mesh, json!([mine, legacy]))
        };
        for (own, other, word) in [
            (Value::Null, json!(1), "has no priority between 1 and 1000 in route all"),
            (json!(0), json!(1), "has no priority between 1 and 1000 in route all"),
            (json!(20), Value::Null, "a route old that leads elsewhere"),
            (json!(20), json!(20), "give old one below 19"),
            (json!(20), json!(19), "or one above 20"),
        ] {
            let mine = with_priority(own, other);
            let why = told(mesh, &mine, &several()).unwrap();
            assert!(
                why.contains(word) && why.contains("in which Service web is to be tested"),
                "{why}"
            );
            assert_eq!(mesh.routes.crowded(&mine, &names(), &several()), Some(why));
            assert_eq!(told(mesh, &mine, &Exposure::default()), None);
        }
        let mine = with_priority(json!(20), json!(18));
        assert_eq!(told(mesh, &mine, &several()), None);
        let shown_to = shown(mesh, &mine, MATCHED, &several());
        assert_eq!(told(mesh, &shown_to, &several()), None, "nor in mid-run");
        let headers: Vec<Value> = (0..9).map(|at| json!({"name": format!("h{at}")})).collect();
        let mut full = mine;
        full["spec"]["routes"][0][mesh.routes.version.member("http")]["match"]["headers"] = json!(headers);
        assert!(
            told(mesh, &full, &several())
                .unwrap()
                .contains("has no room for the headers")
        );
    }
}

#[test]
fn what_the_controller_says_of_the_object_as_it_is_now_counts() {
    let of = |seen: i64, active: &str| {
        let mut mine = to(&V1BETA2, &[("web", 100)]);
        mine["metadata"]["generation"] = json!(3);
        mine["status"] =
            json!({"observedGeneration": seen, "conditions": [{"type": "VirtualRouterActive", "status": active}]});
        mine
    };
    let plain = Exposure::default();
    assert_eq!(told(&V1BETA2, &of(3, "True"), &plain), None);
    assert!(
        told(&V1BETA2, &of(3, "False"), &plain)
            .unwrap()
            .contains("VirtualRouter front: it is not active")
    );
    // What it said of another generation says nothing of this one.
    assert_eq!(told(&V1BETA2, &of(2, "False"), &plain), None);
    let pending = |route: &Value| V1BETA2.routes.is_pending(route);
    assert!(pending(&of(2, "True")) && !pending(&of(3, "True")));
    assert!(!pending(&to(&V1BETA2, &[("web", 100)])), "it may not run here");
}
