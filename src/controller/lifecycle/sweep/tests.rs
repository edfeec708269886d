//! What was generated for nothing, and what becomes of it.

mod taken_back;

use super::*;
use serde_json::json;

fn canary(metadata: Value, status: Value) -> Canary {
    let mut value = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": "shop", "namespace": "web", "creationTimestamp": "2026-11-23T10:00:10Z"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
        "status": status,
    });
    json_patch::merge(&mut value["metadata"], &metadata);
    serde_json::from_value(value).unwrap()
}

fn generated() -> Canary {
    let marks = json!({"labels": {labels::GENERATED: "true"}, "annotations": {labels::TARGET_UID: "new"}});
    canary(marks, Value::Null)
}

fn target(uid: &str, made: &str, managed: bool) -> Value {
    let labels = if managed {
        json!({labels::MANAGED: "true"})
    } else {
        json!({})
    };
    json!({"metadata": {"name": "shop", "uid": uid, "creationTimestamp": made, "labels": labels}})
}

#[test]
fn a_deployment_that_was_there_before_is_not_the_one_that_was_refused() {
    let before = target("old", "2026-11-23T09:00:00Z", false);
    assert!(is_anothers(&generated(), &before, true));
    // Within one second, the webhook's label tells which came first.
    for (admitted, anothers) in [(false, true), (true, false)] {
        let same_second = target("other", "2026-11-23T10:00:10Z", admitted);
        assert_eq!(is_anothers(&generated(), &same_second, true), anothers);
    }
    assert!(!is_anothers(
        &generated(),
        &target("new", "2026-11-23T10:00:10Z", true),
        true
    ));
    // Deleted and made again before a step saw the first one.
    assert!(!is_anothers(
        &generated(),
        &target("newer", "2026-11-23T10:00:12Z", true),
        true
    ));
}

#[test]
fn a_change_that_was_refused_enrols_nothing_where_the_policy_does_not() {
    let live = target("new", "2026-11-23T09:00:00Z", false);
    assert!(is_anothers(&generated(), &live, false));
    assert!(!is_anothers(&generated(), &live, true));
    let admitted = target("new", "2026-11-23T09:00:00Z", true);
    assert!(!is_anothers(&generated(), &admitted, false));
}

#[test]
fn what_a_step_has_seen_or_a_person_wrote_is_never_anothers() {
    let before = target("old", "2026-11-23T09:00:00Z", false);
    let seen = canary(
        json!({"labels": {labels::GENERATED: "true"}, "annotations": {labels::TARGET_UID: "new"}}),
        json!({"phase": "Initialized", "run": {"stage": "Rest"}}),
    );
    assert!(!is_anothers(&seen, &before, true));
    assert!(!is_anothers(&canary(json!({}), Value::Null), &before, true));
}
