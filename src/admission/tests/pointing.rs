//! What points at an app's pods, through the router.

use super::*;
use crate::plan::services::pointing::ORIGINAL_SELECTOR;

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/web/deployments";

pub(super) fn service(name: &str, metadata: Value, selector: Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": {"selector": selector, "ports": [{"port": 80, "protocol": "TCP"}]},
    });
    service["metadata"]["name"] = json!(name);
    service["metadata"]["namespace"] = json!("web");
    service
}

pub(super) fn cached(house: &mut House, service: Value) {
    house.feeds.services.apply_watcher_event(&house::read(service));
}

fn behind(fake: &ApiServer, name: &str, labels: Value) {
    let mut other = deployment(1);
    other["metadata"]["name"] = json!(name);
    other["spec"]["template"]["metadata"]["labels"] = labels;
    let list = json!({"metadata": {}, "items": [other.clone()]});
    let mut objects = fake.objects.lock();
    objects.insert(DEPLOYMENTS.to_owned(), list);
    objects.insert(format!("{DEPLOYMENTS}/{name}"), other);
}

fn fake() -> ApiServer {
    ApiServer {
        allowed: Some(true),
        ..ApiServer::default()
    }
}

fn create() -> Value {
    request("Deployment", "CREATE", Value::Null, deployment(3))
}

#[tokio::test]
async fn a_deployment_that_shares_its_service_is_stored_as_it_is_and_told_why() {
    let fake = fake();
    let mut house = House::with(&fake);
    let front = service("front", json!({}), json!({"app": "shop"}));
    let list = json!({"metadata": {}, "items": [front.clone()]});
    fake.objects
        .lock()
        .insert("/api/v1/namespaces/web/services".to_owned(), list);
    cached(&mut house, front);
    behind(&fake, "other", json!({"app": "other"}));
    let (_, alone) = house.ask(Entry::MutateDeployments, create()).await;
    assert!(alone.get("patch").is_some(), "{alone}");
    behind(&fake, "worker", json!({"app": "shop", "part": "worker"}));
    let (_, shared) = house.ask(Entry::MutateDeployments, create()).await;
    assert_eq!(shared.get("patch"), None, "{shared}");
    let said = shared["warnings"][0].as_str().unwrap();
    assert!(
        said.contains("Service front selects the pods of Deployment worker as well"),
        "{said}"
    );
    // And nothing is made for it.
    let (_, followed) = house.ask(Entry::FollowDeployments, create()).await;
    assert_eq!(followed["allowed"], json!(true));
    assert_eq!(fake.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn where_no_service_points_at_the_pods_nobody_is_looked_for() {
    let fake = fake();
    let mut house = House::with(&fake);
    cached(&mut house, service("front", json!({}), json!({"app": "elsewhere"})));
    house.ask(Entry::MutateDeployments, create()).await;
    assert!(!fake.log.lock().iter().any(|line| line.ends_with(DEPLOYMENTS)));
}

/// The pair of `shop` at rest, with its halves.
fn resting(fake: &ApiServer) -> House {
    let mut house = House::with(fake);
    house.canary("Succeeded");
    behind(fake, "shop", json!({"app": "shop", "tier": "front"}));
    for (half, app) in [("shop-primary", "shop-primary"), ("shop-canary", "shop")] {
        let metadata = json!({"labels": {labels::GENERATED: "true"}});
        cached(&mut house, service(half, metadata, json!({"app": app})));
    }
    house
}

async fn sent(house: &House, old: &Value, selector: Value) -> (Value, Value) {
    let mut new = old.clone();
    new["spec"]["selector"] = selector;
    let mut asked = request("Service", "UPDATE", old.clone(), new.clone());
    asked["name"] = old["metadata"]["name"].clone();
    let (_, response) = house.ask(Entry::HoldServices, asked).await;
    let stored = if response.get("patch").is_some() {
        patched(&new, &response)
    } else {
        new
    };
    (stored, response["auditAnnotations"]["decision"].clone())
}

#[tokio::test]
async fn a_follower_is_held_like_the_apex_and_leaves_when_it_is_pointed_elsewhere() {
    let house = resting(&fake());
    let noted = json!({"annotations": {ORIGINAL_SELECTOR: r#"{"app":"shop"}"#}});
    for name in ["shop", "shop-metrics"] {
        let old = service(name, noted.clone(), json!({"app": "shop-primary"}));
        for (selector, decision) in [
            (json!({"app": "shop"}), "apex"),
            (json!({"tier": "front"}), "apex"),
            (json!({"app": "green"}), "left"),
        ] {
            let (stored, decided) = sent(&house, &old, selector.clone()).await;
            let (lives, note) = match decision {
                "apex" => (json!({"app": "shop-primary"}), json!(selector.to_string())),
                _ => (selector.clone(), Value::Null),
            };
            assert_eq!(decided, json!(decision), "{name} {selector}");
            assert_eq!(stored["spec"]["selector"], lives, "{name} {selector}");
            assert_eq!(
                stored["metadata"]["annotations"][ORIGINAL_SELECTOR], note,
                "{name} {selector}"
            );
        }
    }
}

#[tokio::test]
async fn one_that_is_pointed_at_an_app_follows_at_once_be_it_new_or_back() {
    let house = resting(&fake());
    for name in ["shop", "colour"] {
        let old = service(name, json!({}), json!({"app": "green"}));
        let (stored, decided) = sent(&house, &old, json!({"app": "shop"})).await;
        assert_eq!(decided, json!("joined"), "{name}");
        assert_eq!(stored["spec"]["selector"], json!({"app": "shop-primary"}), "{name}");
        // Not where it only looks alike.
        let (stored, _) = sent(&house, &old, json!({"app": "shop", "zone": "a"})).await;
        assert_eq!(
            stored["spec"]["selector"],
            json!({"app": "shop", "zone": "a"}),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_route_keeps_the_split_of_a_follower() {
    let mut house = resting(&fake());
    house.feeds.canaries.apply_watcher_event(&house::read(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": "shop", "namespace": "web", "uid": "c-1", "labels": {labels::GENERATED: "true"}},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}, "service": {"port": 80}},
        "status": {"phase": "Progressing"}})));
    let metadata = json!({
        "labels": {labels::GENERATED: "true"},
        "ownerReferences": [{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "shop", "uid": "c-1"}],
    });
    cached(
        &mut house,
        service("inner-primary", metadata, json!({"app": "shop-primary"})),
    );
    let noted = json!({"annotations": {ORIGINAL_SELECTOR: r#"{"app":"shop"}"#}});
    cached(&mut house, service("inner", noted, json!({"app": "shop-primary"})));
    let route = |refs: Value| json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "r"}, "spec": {"rules": [{"backendRefs": refs}]}});
    let live = route(json!([
        {"name": "inner-primary", "port": 80, "weight": 70}, {"name": "inner-canary", "port": 80, "weight": 30}]));
    let plain = route(json!([{"name": "inner", "port": 80}]));
    let (_, response) = house
        .ask(
            Entry::HoldRoutes,
            request("HTTPRoute", "UPDATE", live.clone(), plain.clone()),
        )
        .await;
    assert_eq!(patched(&plain, &response)["spec"], live["spec"]);
    // Its author has pointed it elsewhere: so may the route be.
    cached(&mut house, service("inner", json!({}), json!({"app": "green"})));
    let (_, response) = house
        .ask(Entry::HoldRoutes, request("HTTPRoute", "UPDATE", live, plain))
        .await;
    assert!(response["patch"].is_null(), "{response}");
}

#[tokio::test]
async fn a_service_that_no_canary_has_any_more_is_pointed_back_by_its_author() {
    let noted = json!({"annotations": {ORIGINAL_SELECTOR: r#"{"app":"shop"}"#}});
    let old = service("shop", noted, json!({"app": "shop-primary"}));
    let back = json!({"app": "shop"});
    let (stored, decided) = sent(&House::with(&fake()), &old, back.clone()).await;
    assert_eq!((&decided, &stored["spec"]["selector"]), (&json!("forsaken"), &back));
    assert_eq!(stored["metadata"]["annotations"][ORIGINAL_SELECTOR], Value::Null);
    // A write about something else leaves both.
    let (stored, _) = sent(&House::with(&fake()), &old, old["spec"]["selector"].clone()).await;
    assert_eq!(stored, old);
    // It is held where the Canary is not known yet, or may be one that has no Services of its own.
    let mut worker = House::with(&fake());
    worker.feeds.canaries.apply_watcher_event(&house::read(json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "worker", "namespace": "web"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}}})));
    for house in [House::unfilled(), worker] {
        let (stored, decided) = sent(&house, &old, back.clone()).await;
        assert_eq!((&decided, &stored), (&json!("apex"), &old));
    }
    // As it is by the one that has it.
    let (stored, decided) = sent(&resting(&fake()), &old, back).await;
    assert_eq!((&decided, &stored), (&json!("apex"), &old));
}
