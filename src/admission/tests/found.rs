//! What was found of the cluster reaches the rules: each of these is said of a Canary because of one fact, and not without it.

use super::house::read;
use super::pointing::{cached, service};
use super::*;
use std::sync::Arc;

/// What the API server is asked for the kinds of the Gateway API.
const KINDS: &str = "GET /apis/gateway.networking.k8s.io/v1";

fn canary(analysis: Value) -> Value {
    let gateways = json!([{"name": "gateway", "namespace": "infra"}]);
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            "service": {"port": 80, "hosts": ["shop.test"], "gatewayRefs": gateways},
            "analysis": analysis,
        },
    })
}

fn by_shares() -> Value {
    json!({"interval": "1m", "threshold": 3, "stepWeights": [20, 50]})
}

/// Refusals and warnings.
async fn said(house: &House, analysis: Value) -> String {
    let mut create = request("Canary", "CREATE", Value::Null, canary(analysis));
    create["kind"] = json!({"group": "flagger.app", "version": "v1beta1", "kind": "Canary"});
    let (status, response) = house.ask(Entry::ValidateCanaries, create).await;
    assert_eq!(status, 200, "{response}");
    let all = |found: &Value| found.as_array().cloned().unwrap_or_default();
    let causes = all(&response["status"]["details"]["causes"]);
    let causes = causes.into_iter().map(|cause| cause["message"].clone());
    let lines = causes.chain(all(&response["warnings"]));
    let lines: Vec<String> = lines.filter_map(|line| line.as_str().map(str::to_owned)).collect();
    lines.join("\n")
}

/// An HTTPRoute that leads to a Service by so many rules, and that `told` are the parents of its status.
fn routed(house: &mut House, to: &str, rules: usize, told: Value) {
    let rule = json!({"backendRefs": [{"name": to, "port": 80}]});
    house.feeds.routes[0].apply_watcher_event(&read(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "front", "namespace": "web"}, "spec": {"rules": vec![rule; rules]},
        "status": {"parents": told},
    })));
}

#[tokio::test]
async fn which_kinds_are_served_is_known() {
    let fake = ApiServer::default();
    let line = "gateway.networking.k8s.io/v1/HTTPRoute is not served by this cluster";
    let house = House::with(&fake);
    let without = said(&house, by_shares()).await;
    assert!(without.contains(line), "{without}");
    let kind = json!({
        "name": "httproutes", "singularName": "httproute", "namespaced": true, "kind": "HTTPRoute", "verbs": ["get"],
    });
    let list = json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "gateway.networking.k8s.io/v1", "resources": [kind],
    });
    let served = (KINDS.to_owned(), (200, list), ApiServer::ALWAYS);
    fake.faults.lock().push(served);
    let with = said(&house, by_shares()).await;
    assert!(!with.contains(line), "{with}");
}

#[tokio::test]
async fn that_the_user_has_a_route_is_known() {
    let mut house = House::new();
    let line = "a route of yours sends to the Service";
    let without = said(&house, by_shares()).await;
    assert!(!without.contains(line), "{without}");
    routed(&mut house, "shop", 1, json!([]));
    let with = said(&house, by_shares()).await;
    assert!(with.contains(line), "{with}");
}

#[tokio::test]
async fn that_a_route_is_full_is_known() {
    let test =
        json!({"interval": "1m", "threshold": 3, "iterations": 5, "match": [{"headers": {"x": {"exact": "y"}}}]});
    let mut house = House::new();
    let line = "HTTPRoute front has 16 rules";
    routed(&mut house, "shop", 1, json!([]));
    let without = said(&house, test.clone()).await;
    assert!(!without.contains(line), "{without}");
    routed(&mut house, "shop", 16, json!([]));
    let with = said(&house, test).await;
    assert!(with.contains(line), "{with}");
}

#[tokio::test]
async fn what_a_gateway_does_of_copies_is_known() {
    let mut mirrored = by_shares();
    mirrored["mirror"] = json!(true);
    mirrored["mirrorWeight"] = json!(10);
    for (controller, line) in [
        ("traefik.io/gateway-controller", "has no RequestMirror filter"),
        (
            "projectcontour.io/gateway-controller",
            "copies all requests, never a share",
        ),
    ] {
        let mut house = House::new();
        let without = said(&house, mirrored.clone()).await;
        assert!(!without.contains(line), "{without}");
        let parent = json!({"name": "gateway", "namespace": "infra"});
        let told = json!([{"controllerName": controller, "parentRef": parent}]);
        routed(&mut house, "other", 1, told);
        let with = said(&house, mirrored.clone()).await;
        assert!(with.contains(line), "{with}");
    }
}

#[tokio::test]
async fn services_that_are_somebody_elses_are_known() {
    let line = "Service \"shop\" will be taken over";
    let without = said(&House::new(), by_shares()).await;
    assert!(!without.contains(line), "{without}");
    let ours = json!({"labels": {labels::GENERATED: "true"}});
    for (metadata, told) in [(json!({}), true), (ours, false)] {
        let mut house = House::new();
        cached(&mut house, service("shop", metadata, json!({"app": "shop"})));
        let said = said(&house, by_shares()).await;
        assert_eq!(said.contains(line), told, "{said}");
    }
}

#[tokio::test]
async fn that_references_to_other_namespaces_are_blocked_is_known() {
    let mut told = by_shares();
    told["alerts"] = json!([{"name": "a", "providerRef": {"name": "on-call", "namespace": "other"}}]);
    for blocked in [false, true] {
        let mut house = House::new();
        let shared = Arc::get_mut(&mut house.shared).unwrap();
        let webhook = Arc::get_mut(&mut shared.reviewer).unwrap();
        webhook.view.defaults.no_cross_namespace_refs = blocked;
        let said = said(&house, told.clone()).await;
        assert_eq!(
            said.contains("cross-namespace references are blocked"),
            blocked,
            "{said}"
        );
    }
}
