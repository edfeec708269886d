use super::*;
use crate::admission::mutate::deployments::{CanarySummary, CoarseStage, Enrolment};
use crate::admission::review::UserInfo;
use crate::api::policy::OnNewRevision;
use crate::plan::workload::template::SCALE_TO_ZERO;

fn daemon_set(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": "web", "labels": {}},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
            "template": {"metadata": {"labels": {"app": "agent"}}, "spec": {
                "nodeSelector": {"pool": "a"}, "containers": [{"name": "agent", "image": image}]}},
        },
    })
}

fn facts(stage: CoarseStage) -> TargetFacts {
    let canary = CanarySummary {
        name: "agent".into(),
        stage,
        ..CanarySummary::default()
    };
    TargetFacts {
        ours: vec!["us".into()],
        enrolment: Enrolment::Canary(canary),
        controller_alive: true,
        on_new_revision: OnNewRevision::Restart,
        announce: Default::default(),
        overrides: None,
    }
}

fn request(operation: Operation, old: &Value, object: &Value) -> Request {
    Request {
        name: "agent".into(),
        namespace: "web".into(),
        operation,
        user_info: UserInfo {
            username: "ann".into(),
            ..UserInfo::default()
        },
        object: object.clone(),
        old_object: old.clone(),
        ..Request::default()
    }
}

fn run(operation: Operation, old: &Value, new: &Value, facts: &TargetFacts) -> Value {
    let once = applied(new, &mutate(&request(operation, old, new), facts).patch).unwrap();
    assert_eq!(
        mutate(&request(operation, old, &once), facts).patch,
        Vec::new(),
        "a second pass still writes: {once}"
    );
    assert_eq!(once["spec"].get("replicas"), None);
    once
}

fn stored(state: &str, image: &str) -> Value {
    let cold = run(
        Operation::Create,
        &Value::Null,
        &daemon_set(image),
        &facts(CoarseStage::Building),
    );
    let mut stored = cold;
    stored["metadata"]["labels"][labels::STATE] = json!(state);
    if state == "serving" {
        stored["spec"]["template"]["spec"]["nodeSelector"] = json!({"pool": "a"});
    }
    stored
}

/// The manifest as a client-side apply merges it into what is stored.
fn applied_over(stored: &Value, image: &str) -> Value {
    let mut sent = stored.clone();
    sent["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    sent["spec"]["updateStrategy"] = daemon_set(image)["spec"]["updateStrategy"].clone();
    sent
}

#[test]
fn at_rest_no_write_starts_a_pod() {
    let rest = stored("rest", "v1");
    assert_eq!(
        rest["spec"]["template"]["spec"]["nodeSelector"],
        json!({"pool": "a", SCALE_TO_ZERO: "true"})
    );
    // A server-side apply replaces the whole node selector; so does `rollout undo` to a revision that had pods.
    let mut sent = applied_over(&rest, "v2");
    sent["spec"]["template"]["spec"]["nodeSelector"] = json!({"pool": "a"});
    let after = run(Operation::Update, &rest, &sent, &facts(CoarseStage::Rest));
    assert!(is_scaled_to_zero(&after));
    assert_eq!(
        label(&after, labels::REVISION).map(str::to_owned),
        revision(&daemon_set("v2"))
    );
    assert_eq!(
        run(
            Operation::Update,
            &rest,
            &applied_over(&rest, "v1"),
            &facts(CoarseStage::Rest)
        ),
        rest
    );
}

#[test]
fn only_what_differs_from_what_was_sent_is_written() {
    let rest = stored("rest", "v1");
    let mut sent = applied_over(&rest, "v2");
    sent["spec"]["template"]["spec"]["nodeSelector"] = json!({"pool": "a"});
    let patch = mutate(&request(Operation::Update, &rest, &sent), &facts(CoarseStage::Rest)).patch;
    assert_eq!(
        json!(patch),
        json!([
            {"op": "replace", "path": "/metadata/labels/coalmine.dev~1revision", "value": revision(&daemon_set("v2"))},
            {"op": "add", "path": "/spec/template/spec/nodeSelector/flagger.app~1scale-to-zero", "value": "true"},
        ])
    );
}

#[test]
fn while_it_serves_a_new_template_leaves_its_pods_alone() {
    let serving = stored("serving", "v1");
    let held = run(
        Operation::Update,
        &serving,
        &applied_over(&serving, "v2"),
        &facts(CoarseStage::Running),
    );
    assert_eq!(held["spec"]["updateStrategy"], json!({"type": "OnDelete"}));
    assert_eq!(
        label(&held, labels::HELD).map(str::to_owned),
        revision(&serving),
        "what runs is written down"
    );
    assert_eq!(
        update_strategy(&held),
        Some(daemon_set("")["spec"]["updateStrategy"].clone())
    );
    assert!(!is_scaled_to_zero(&held));
    let again = run(
        Operation::Update,
        &held,
        &applied_over(&held, "v2"),
        &facts(CoarseStage::Running),
    );
    assert_eq!(again, held);
    let third = run(
        Operation::Update,
        &held,
        &applied_over(&held, "v3"),
        &facts(CoarseStage::Running),
    );
    assert_eq!(label(&third, labels::HELD), label(&held, labels::HELD));
    assert_eq!(update_strategy(&third), update_strategy(&held));
}

#[test]
fn a_daemon_set_that_nobody_targets_is_left_alone_or_let_go() {
    let plain = TargetFacts {
        enrolment: Enrolment::No,
        ..facts(CoarseStage::Rest)
    };
    let own = daemon_set("v1");
    assert_eq!(run(Operation::Create, &Value::Null, &own, &plain), own);
    let serving = stored("serving", "v1");
    let held = run(
        Operation::Update,
        &serving,
        &applied_over(&serving, "v2"),
        &facts(CoarseStage::Running),
    );
    let free = run(Operation::Update, &held, &held, &plain);
    assert_eq!(free["spec"]["updateStrategy"], own["spec"]["updateStrategy"]);
    assert_eq!(label(&free, labels::MANAGED), None);
}

#[test]
fn two_server_side_appliers_do_not_own_the_node_selector() {
    let mut sent = applied_over(&stored("rest", "v1"), "v1");
    let owned = json!({"f:spec": {"f:template": {"f:spec": {"f:nodeSelector": {}, "f:containers": {}}}}});
    sent["metadata"]["managedFields"] = json!([{"manager": "one", "operation": "Apply", "fieldsV1": owned}]);
    let after = run(
        Operation::Update,
        &stored("rest", "v1"),
        &sent,
        &facts(CoarseStage::Rest),
    );
    assert!(!fields::owned(&after, SELECTOR, |_| true));
    // It says nothing of nodes any more.
    let mut silent = after.clone();
    silent["metadata"]["managedFields"] = json!([{"manager": "one", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}}}]);
    let dropped = run(Operation::Update, &after, &silent, &facts(CoarseStage::Rest));
    assert_eq!(
        dropped["spec"]["template"]["spec"]["nodeSelector"],
        json!({SCALE_TO_ZERO: "true"})
    );
}
