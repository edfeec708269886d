//! Applies right after the policy, or the annotation that names it: no cache has it yet.

use super::house::read;
use super::*;
use crate::admission::facts::{Caches, Feeds};
use std::time::Duration;

const NAMESPACE: &str = "/api/v1/namespaces/web";
const POLICY: &str = "/apis/coalmine.dev/v1alpha1/canarypolicies/own";
const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";

/// A cluster in which the namespace has named a policy of its own a moment ago.
fn server() -> ApiServer {
    let server = ApiServer {
        allowed: Some(true),
        ..ApiServer::default()
    };
    let metadata = json!({"name": "web", "labels": {labels::ENABLED: "true"}, "annotations": {labels::POLICY: "own"}});
    server.put(
        NAMESPACE,
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}),
    );
    let spec = json!({
        "gatewayRefs": [{"name": "gateway", "namespace": "infra"}], "hostnameTemplate": "{{ name }}.own",
        "analysis": {"interval": "10s", "threshold": 3, "stepWeights": [7]},
    });
    server.put(
        POLICY,
        json!({"apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": "own"}, "spec": spec}),
    );
    server
}

/// The caches hear of it a little later.
async fn heard(mut feeds: Feeds, server: &ApiServer) {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut namespace = server.get(NAMESPACE).unwrap();
    namespace["apiVersion"] = json!("meta.k8s.io/v1");
    namespace["kind"] = json!("PartialObjectMetadata");
    feeds.namespaces.apply_watcher_event(&read(namespace));
    tokio::time::sleep(Duration::from_millis(50)).await;
    feeds.policies.apply_watcher_event(&read(server.get(POLICY).unwrap()));
    // They are there as long as they are fed.
    tokio::time::sleep(Duration::from_secs(10)).await;
}

async fn asked(server: &ApiServer, entry: Entry, review: Value) -> Value {
    let mut house = House::with(server);
    let feeds = std::mem::replace(&mut house.feeds, Caches::new().1);
    tokio::select! {
        (_, response) = house.ask(entry, review) => response,
        () = heard(feeds, server) => panic!("nothing was answered"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_that_was_named_a_moment_ago_makes_the_canary() {
    let server = server();
    let create = request("Deployment", "CREATE", Value::Null, admitted());
    asked(&server, Entry::FollowDeployments, create).await;
    let made = server.get(CANARY).unwrap();
    assert_eq!(made["spec"]["analysis"]["stepWeights"], json!([7]));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_was_made_a_moment_ago_has_the_deployment_held() {
    let mut sent = deployment(3);
    sent["metadata"]["annotations"] = json!({labels::POLICY: "own"});
    let create = request("Deployment", "CREATE", Value::Null, sent.clone());
    let response = asked(&server(), Entry::MutateDeployments, create).await;
    let stored = patched(&sent, &response);
    assert_eq!(stored["metadata"]["labels"][labels::MANAGED], "true", "{response}");
}

#[tokio::test(start_paused = true)]
async fn caches_that_hear_of_nothing_keep_nobody_waiting() {
    let began = tokio::time::Instant::now();
    let create = request("Deployment", "CREATE", Value::Null, deployment(3));
    let (_, response) = House::with(&server()).ask(Entry::MutateDeployments, create).await;
    let stored = patched(&deployment(3), &response);
    assert_eq!(stored["metadata"]["labels"][labels::MANAGED], "true");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_policy_that_does_not_exist_frees_nobody_from_that_of_the_namespace() {
    let server = ApiServer {
        allowed: Some(true),
        ..ApiServer::default()
    };
    let mut house = House::with(&server);
    house.feeds.policies.apply_watcher_event(&read(json!({
        "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": "default"},
        "spec": {"guardRails": {"maxWeight": 50}}})));
    let named = json!({labels::POLICY: "none"});
    let mut sent = deployment(3);
    sent["metadata"]["annotations"] = named.clone();
    let create = request("Deployment", "CREATE", Value::Null, sent.clone());
    let (_, response) = house.ask(Entry::MutateDeployments, create).await;
    let stored = patched(&sent, &response);
    assert_eq!(stored["metadata"]["labels"][labels::MANAGED], "true", "{response}");

    let canary = json!({
    "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
    "metadata": {"name": "shop", "namespace": "web", "annotations": named},
    "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "provider": "kubernetes", "service": {"port": 80}, "skipAnalysis": true,
    }});
    let mut create = request("Canary", "CREATE", Value::Null, canary);
    create["kind"] = json!({"group": "flagger.app", "version": "v1beta1", "kind": "Canary"});
    let (_, response) = house.ask(Entry::ValidateCanaries, create).await;
    assert_eq!(response["allowed"], json!(false), "{response}");
    let causes = response["status"]["details"]["causes"].to_string();
    assert!(causes.contains("spec.skipAnalysis"), "{causes}");
    let said = response["warnings"].to_string();
    assert!(said.contains("there is no CanaryPolicy"), "{said}");
}

#[tokio::test]
async fn an_app_whose_policy_is_not_there_yet_is_not_published_by_that_of_the_namespace() {
    for (annotations, published) in [(json!({}), true), (json!({labels::POLICY: "none"}), false)] {
        let server = ApiServer {
            allowed: Some(true),
            ..ApiServer::default()
        };
        let mut sent = admitted();
        sent["metadata"]["annotations"] = annotations;
        let create = request("Deployment", "CREATE", Value::Null, sent);
        House::with(&server).ask(Entry::FollowDeployments, create).await;
        let service = server.get(CANARY).unwrap()["spec"]["service"].clone();
        assert!(service["port"].is_number(), "{service}");
        assert_eq!(service.get("gatewayRefs").is_some(), published, "{service}");
    }
}
