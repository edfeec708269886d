//! Generated Canaries without a Deployment, in an API server.

use super::super::*;
use crate::{controller::context::fake, testing::ApiServer};
use serde_json::json;

const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";
const TARGET: &str = "/apis/apps/v1/namespaces/web/deployments/shop";
const SECOND: Duration = Duration::from_secs(1);

fn made() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

// Made for a Deployment of the uid `new`.
fn generated(server: &ApiServer, status: &Value) -> Canary {
    let canary = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {
            "name": "shop", "namespace": "web", "creationTimestamp": "2026-11-23T10:00:00Z",
            "labels": {labels::GENERATED: "true"}, "annotations": {labels::TARGET_UID: "new"},
        },
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
        "status": status,
    });
    serde_json::from_value(server.put(CANARY, canary)).unwrap()
}

fn target(uid: &str, made: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "shop", "namespace": "web", "uid": uid, "creationTimestamp": made,
            "labels": {labels::MANAGED: "true"},
        },
        "spec": {},
    })
}

#[tokio::test]
async fn one_that_no_step_has_seen_goes_once_no_request_can_be_on_its_way_any_more() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    let canary = generated(&server, &Value::Null);
    let early = made() + (ON_ITS_WAY - SECOND);
    assert_eq!(sweep(&context, &canary, early).await.unwrap(), Some(SECOND));
    assert!(server.get(CANARY).is_some());
    assert_eq!(sweep(&context, &canary, made() + ON_ITS_WAY).await.unwrap(), None);
    assert_eq!(server.get(CANARY), None);
}

#[tokio::test]
async fn one_whose_deployment_the_cache_does_not_show_yet_stays() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    let canary = generated(&server, &Value::Null);
    let late = made() + ON_ITS_WAY;
    server.put(TARGET, target("new", "2026-11-23T10:00:00Z"));
    assert_eq!(sweep(&context, &canary, late).await.unwrap(), Some(CACHE_LAG));
    assert!(server.get(CANARY).is_some());
    // Of the same name, and there before: its own was refused.
    server.take(TARGET);
    server.put(TARGET, target("old", "2026-11-23T09:00:00Z"));
    assert_eq!(sweep(&context, &canary, late).await.unwrap(), None);
    assert_eq!(server.get(CANARY), None);
}

#[tokio::test]
async fn one_whose_deployment_was_deleted_outlives_it_by_the_grace_of_its_policy() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    fake::policy(&context, &json!({"deletionGraceSeconds": 10}));
    let canary = generated(&server, &json!({"phase": "Initialized", "run": {"stage": "Rest"}}));
    // It counts from the first step that misses the Deployment, however old the Canary is.
    let missed = made() + Duration::from_secs(3600);
    let after = |seconds: u64| missed + Duration::from_secs(seconds);
    assert_eq!(sweep(&context, &canary, missed).await.unwrap(), Some(SECOND * 10));
    assert_eq!(sweep(&context, &canary, after(9)).await.unwrap(), Some(SECOND));
    assert!(server.get(CANARY).is_some());
    assert_eq!(sweep(&context, &canary, after(10)).await.unwrap(), None);
    assert_eq!(server.get(CANARY), None);
}

#[tokio::test]
async fn a_namesake_that_came_in_its_place_is_left_alone() {
    let server = ApiServer::default();
    let (context, _told) = fake::with(server.client());
    let canary = generated(&server, &Value::Null);
    server.take(CANARY);
    let namesake = generated(&server, &Value::Null);
    assert_ne!(namesake.metadata.uid, canary.metadata.uid);
    assert_eq!(sweep(&context, &canary, made() + ON_ITS_WAY).await.unwrap(), None);
    assert!(server.get(CANARY).is_some());
}
