//! Records in an API server.

use super::announced::ON_ITS_WAY_TO_US;
use super::unstepped::IN_ONE_APPLY;
use super::*;
use crate::{
    api::canary::status::conditions::{NOT_RELEASED, READY},
    controller::{context::fake, status::trouble::tests::canary},
    testing::ApiServer,
};
use kube::ResourceExt;
use serde_json::json;
use std::time::Duration;

const CANARY: &str = "/apis/flagger.app/v1beta1/namespaces/web/canaries/shop";
const STATUS: &str = "PUT /apis/flagger.app/v1beta1/namespaces/web/canaries/shop/status";

fn stored(server: &ApiServer) -> Canary {
    serde_json::from_value(server.get(CANARY).unwrap()).unwrap()
}

fn server() -> ApiServer {
    let server = ApiServer::default();
    server.put(CANARY, serde_json::to_value(canary()).unwrap());
    server
}

// Whether one that is newer than the version that was seen was written.
fn written(context: &fake::Fake, seen: Option<u64>) -> bool {
    let key = (String::from("web"), String::from("shop"));
    context.memory.of(&key, |canary| canary.written.awaits_status(seen))
}

fn why() -> String {
    String::from("a target of kind Job is not built yet")
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_released_says_why_once_and_writes_nothing_new() {
    let server = server();
    let (context, mut told) = fake::with(server.client());
    let now = Timestamp::now();
    not_released(&context, &stored(&server), why(), now).await.unwrap();
    let known = stored(&server);
    let ready = known.status.as_ref().unwrap().condition(READY).unwrap();
    assert_eq!(
        (ready.reason.as_str(), ready.message.as_deref()),
        (NOT_RELEASED, Some(why().as_str()))
    );
    assert_eq!(known.spec, canary().spec);
    assert_eq!(fake::said(&mut told).await, [why()]);
    // A cache that is older than that would have it said again.
    let version = version(known.metadata.resource_version.as_deref());
    assert!(written(&context, version.map(|version| version - 1)));
    not_released(&context, &known, why(), now).await.unwrap();
    assert_eq!(server.writes(), [STATUS]);
    assert_eq!(fake::said(&mut told).await, Vec::<String>::new());
    not_released(&context, &known, String::from("for another reason"), now)
        .await
        .unwrap();
    assert_eq!(fake::said(&mut told).await, ["for another reason"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_meets_a_change_is_not_written_and_nothing_is_said_of_it() {
    let server = server();
    let (context, mut told) = fake::with(server.client());
    let seen = stored(&server);
    server.edit(CANARY, |canary| canary["spec"]["suspend"] = json!(true));
    let error = not_released(&context, &seen, why(), Timestamp::now())
        .await
        .unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 409));
    assert_eq!(stored(&server).status, None);
    assert!(!written(&context, Some(0)));
    assert_eq!(fake::said(&mut told).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_refused_is_said_when_it_is_taken() {
    let server = server();
    let (context, mut told) = fake::with(server.client());
    server.fail(STATUS, 503, 1);
    let now = Timestamp::now();
    let tried = async || not_released(&context, &stored(&server), why(), now).await;
    assert!(tried().await.is_err());
    assert_eq!(fake::said(&mut told).await, Vec::<String>::new());
    tried().await.unwrap();
    assert_eq!(fake::said(&mut told).await, [why()]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_may_come_in_the_same_apply_is_not_missed_yet() {
    let server = server();
    let (context, mut told) = fake::with(server.client());
    let canary = stored(&server);
    let made = canary.creation_timestamp().unwrap().0;
    let second = |n: i64| made + jiff::SignedDuration::from_secs(n);
    let wake = target_missing(&context, &canary, second(1)).await.unwrap();
    assert_eq!(wake, Some(IN_ONE_APPLY - Duration::from_secs(1)));
    assert_eq!(server.writes(), Vec::<String>::new());
    target_missing(&context, &canary, second(6)).await.unwrap();
    assert_eq!(fake::said(&mut told).await, ["Deployment shop.web does not exist"]);
    let known = stored(&server);
    let ready = known.status.as_ref().unwrap().condition(READY).unwrap();
    assert_eq!(ready.reason, "TargetMissing");
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_was_announced_and_never_came_is_looked_for_in_the_store() {
    let server = server();
    let (context, _told) = fake::with(server.client());
    let announced = |canary: &mut serde_json::Value, at: &str| {
        canary["status"] = json!({
            "phase": "Initialized", "canaryWeight": 0, "failedChecks": 0, "iterations": 0,
            "run": {"stage": "Rest", "announced": {"revision": "v1-announced", "time": at}},
        });
    };
    server.edit(CANARY, |canary| announced(canary, "2026-01-01T00:00:00.000000Z"));
    let target = "/apis/apps/v1/namespaces/web/deployments/shop";
    not_released(&context, &stored(&server), why(), Timestamp::now())
        .await
        .unwrap();
    assert_eq!(server.requests_for(target), 1, "the cache may lag behind");
    let announced_now = || stored(&server).status.unwrap().run.unwrap().announced;
    assert_eq!(announced_now(), None, "it was refused after the webhook");
    // One that may be on its way is waited for.
    let now = Timestamp::now();
    server.edit(CANARY, |canary| announced(canary, &format!("{now:.6}")));
    let wake = not_released(&context, &stored(&server), why(), now).await.unwrap();
    assert!(wake.is_some_and(|wake| wake >= ON_ITS_WAY_TO_US), "{wake:?}");
    assert_eq!(server.requests_for(target), 1);
    assert!(announced_now().is_some());
}
