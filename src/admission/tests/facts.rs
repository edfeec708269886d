//! What is known of a request is gathered once: of the caches, and of the API server.

use super::pointing::{cached, service};
use super::*;
use crate::admission::facts::RequestFacts;
use crate::admission::mutate::deployments::Enrolment;
use crate::admission::review::Request;
use crate::plan::services::pointing::ORIGINAL_SELECTOR;

const SERVICES: &str = "/api/v1/namespaces/web/services";
const APPS: &str = "/apis/apps/v1/namespaces/web";

fn fake() -> ApiServer {
    ApiServer {
        allowed: Some(true),
        ..ApiServer::default()
    }
}

/// The names of the requests, sorted.
fn asked(fake: &ApiServer) -> Vec<String> {
    let mut asked = fake.log.lock().clone();
    asked.sort();
    asked
}

#[test]
fn every_stage_of_a_review_sees_the_same_whatever_the_caches_hear_meanwhile() {
    let mut house = House::new();
    let create = request("Deployment", "CREATE", Value::Null, deployment(3));
    let create: Request = serde_json::from_value(create).unwrap();
    let view = house.shared.reviewer.view.clone();
    let facts = RequestFacts::new(&view, &create, 0);
    let by_policy = |facts: &RequestFacts<'_>| matches!(facts.deployment().enrolment, Enrolment::Policy(_));
    assert!(by_policy(&facts) && facts.planned().is_some());
    house.canary("Succeeded");
    assert!(by_policy(&facts) && facts.canary().is_none());
    let next = RequestFacts::new(&view, &create, 0);
    assert!(!by_policy(&next) && next.canary().is_some() && next.planned().is_none());
}

#[tokio::test]
async fn before_it_is_enrolled_a_deployment_is_looked_at_once() {
    let fake = fake();
    let create = request("Deployment", "CREATE", Value::Null, deployment(3));
    House::with(&fake).ask(Entry::MutateDeployments, create.clone()).await;
    let once = [
        "GET /api/v1/namespaces/web".to_owned(),
        format!("GET {SERVICES}"),
        format!("GET {APPS}/deployments/shop-primary"),
        "GET /apis/coalmine.dev/v1alpha1/canarypolicies/default".to_owned(),
        "GET /apis/networking.k8s.io/v1/networkpolicies".to_owned(),
        "POST /apis/authorization.k8s.io/v1/subjectaccessreviews".to_owned(),
    ];
    assert_eq!(asked(&fake), once);
    // Who stands behind a Service is looked for only where one points at its pods.
    let front = service("front", json!({}), json!({"app": "shop"}));
    let list = json!({"metadata": {}, "items": [front]});
    fake.objects.lock().insert(SERVICES.to_owned(), list);
    fake.log.lock().clear();
    House::with(&fake).ask(Entry::MutateDeployments, create).await;
    let workloads = ["daemonsets", "deployments", "statefulsets"].map(|kind| format!("GET {APPS}/{kind}"));
    let mut all = [once.as_slice(), workloads.as_slice()].concat();
    all.sort();
    assert_eq!(asked(&fake), all);
}

#[tokio::test]
async fn what_follows_looks_at_nothing_twice() {
    for dry_run in [false, true] {
        let fake = fake();
        let mut create = request("Deployment", "CREATE", Value::Null, admitted());
        create["dryRun"] = json!(dry_run);
        House::with(&fake).ask(Entry::FollowDeployments, create).await;
        let mut once = asked(&fake);
        let all = once.len();
        once.dedup();
        assert!(all >= 4, "{once:?}");
        assert_eq!(once.len(), all, "{:?}", asked(&fake));
    }
}

#[tokio::test]
async fn a_change_of_a_template_asks_the_api_server_nothing() {
    let fake = fake();
    let mut house = House::with(&fake);
    house.canary("Succeeded");
    let (mut old, mut new) = (admitted(), admitted());
    for object in [&mut old, &mut new] {
        object["metadata"]["labels"][labels::STATE] = json!("rest");
    }
    new["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:2");
    for entry in [Entry::MutateDeployments, Entry::FollowDeployments] {
        let update = request("Deployment", "UPDATE", old.clone(), new.clone());
        let (status, response) = house.ask(entry, update).await;
        assert_eq!((status, &response["allowed"]), (200, &json!(true)), "{response}");
    }
    assert_eq!(asked(&fake), [""; 0]);
}

#[tokio::test]
async fn the_pods_that_a_service_is_pointed_at_are_looked_up_once() {
    let fake = fake();
    let mut target = deployment(1);
    target["spec"]["template"]["metadata"]["labels"] = json!({"app": "shop", "tier": "front"});
    let at = format!("{APPS}/deployments/shop");
    fake.objects.lock().insert(at.clone(), target);
    let mut house = House::with(&fake);
    house.canary("Succeeded");
    for (half, app) in [("shop-primary", "shop-primary"), ("shop-canary", "shop")] {
        cached(&mut house, service(half, json!({}), json!({"app": app})));
    }
    let noted = json!({"annotations": {ORIGINAL_SELECTOR: r#"{"app":"shop"}"#}});
    let old = service("shop", noted, json!({"app": "shop-primary"}));
    // The second looks like the app's by a part of it.
    for selector in [json!({"tier": "front"}), json!({"app": "shop", "tier": "back"})] {
        let mut new = old.clone();
        new["spec"]["selector"] = selector.clone();
        fake.log.lock().clear();
        house
            .ask(Entry::HoldServices, request("Service", "UPDATE", old.clone(), new))
            .await;
        assert_eq!(asked(&fake), [format!("GET {at}")], "{selector}");
    }
}
