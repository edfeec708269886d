//! What is said of pods that do not start.

use super::*;
use crate::testing::ApiServer;
use serde_json::json;

fn said(status: Value) -> Option<String> {
    let pod = json!({"metadata": {"name": "shop-1"}, "status": status});
    describe(&serde_json::from_value(pod).unwrap())
}

fn status(name: &str, restarts: i32, state: &Value, last: &Value) -> Value {
    json!({
        "name": name, "ready": false, "restartCount": restarts, "image": "shop:2", "imageID": "", "state": state,
        "lastState": last,
    })
}

fn container(restarts: i32, state: &Value, last: &Value) -> Option<String> {
    said(json!({"containerStatuses": [status("app", restarts, state, last)]}))
}

fn ended(code: i32) -> Value {
    json!({"terminated": {"exitCode": code}})
}

fn waits(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

#[test]
fn a_container_says_what_it_waits_for_or_how_it_ended_last() {
    let (none, runs) = (json!({}), json!({"running": {}}));
    let pull = waits("ImagePullBackOff", "Back-off pulling image \"shop:2\"");
    let back_off = waits("CrashLoopBackOff", "back-off 40s restarting failed container");
    for (restarts, state, last, expected) in [
        (
            0,
            &pull,
            none.clone(),
            "ImagePullBackOff: Back-off pulling image \"shop:2\"",
        ),
        // The last exit says more than how long the back-off is.
        (4, &back_off, ended(137), "CrashLoopBackOff: last exit code 137"),
        // Between two crashes it runs, or has just ended.
        (
            3,
            &runs,
            ended(1),
            "CrashLoopBackOff: restarted 3 times, last exit code 1",
        ),
        (
            2,
            &ended(2),
            none.clone(),
            "CrashLoopBackOff: restarted 2 times, last exit code 2",
        ),
    ] {
        let expected = format!("pod shop-1: container app: {expected}");
        assert_eq!(container(restarts, state, &last), Some(expected));
    }
}

#[test]
fn a_container_that_starts_runs_or_has_done_its_work_is_no_trouble() {
    let none = json!({});
    for state in [
        waits("ContainerCreating", ""),
        waits("PodInitializing", ""),
        json!({"waiting": {}}),
        json!({"running": {}}),
        ended(0),
        json!({}),
    ] {
        assert_eq!(container(0, &state, &none), None, "{state}");
    }
    assert_eq!(said(json!({})), None);
}

#[test]
fn what_keeps_the_first_container_from_starting_is_said_before_all_that_follows_from_it() {
    let unready =
        json!({"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "app is not ready"});
    let unscheduled =
        json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"});
    let bad = waits("ErrImagePull", "no such image");
    let migrates = [status("migrate", 0, &bad, &json!({}))];
    let starts = [status("app", 0, &waits("PodInitializing", ""), &json!({}))];
    let all = json!({
        "initContainerStatuses": migrates, "containerStatuses": starts, "conditions": [unready, unscheduled],
    });
    let because = |why: &str| Some(format!("pod shop-1: {why}"));
    assert_eq!(said(all), because("container migrate: ErrImagePull: no such image"));
    let conditions = |all: Value| said(json!({"containerStatuses": starts, "conditions": all}));
    assert_eq!(
        conditions(json!([unready, unscheduled])),
        because("Unschedulable: no room")
    );
    assert_eq!(conditions(json!([unready])), because("app is not ready"));
    let silent = json!({"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"});
    assert_eq!(conditions(json!([silent])), because("ReadinessGatesNotReady"));
    assert_eq!(conditions(json!([{"type": "Ready", "status": "True"}])), None);
}

fn refused() -> Value {
    let failure = json!({"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: room"});
    json!({
        "metadata": {"name": "shop", "namespace": "web"}, "spec": {"selector": {"matchLabels": {"app": "shop"}}},
        "status": {"conditions": [{"type": "Progressing", "message": "created"}, failure]},
    })
}

#[test]
fn a_set_that_may_make_no_pod_says_why() {
    assert_eq!(quota(&refused()).as_deref(), Some("exceeded quota: room"));
    let mut fine = refused();
    fine["status"]["conditions"].as_array_mut().unwrap().pop();
    assert_eq!(quota(&fine), None);
    assert_eq!(quota(&json!({})), None);
}

#[tokio::test]
async fn where_no_pod_was_made_at_all_the_set_is_heard_and_nobody_is_asked_before_the_deadline() {
    const PODS: &str = "/api/v1/namespaces/web/pods";
    let server = ApiServer::default();
    server.put(
        PODS,
        json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []}),
    );
    let live = Live {
        target: Some(refused()),
        ..Live::default()
    };
    let asked = async |since: Timestamp| {
        let deadline = Duration::from_secs(60);
        of(&server.client(), &live, &State::new(since), deadline).await
    };
    assert_eq!(asked(Timestamp::now()).await, None);
    assert_eq!(server.requests_for(PODS), 0);
    let why = asked(Timestamp::UNIX_EPOCH).await;
    assert_eq!(why.as_deref(), Some("exceeded quota: room"));
    assert_eq!(server.requests_for(PODS), 1);
}
