//! Canary pods on other nodes, at the webhook.

use super::super::*;
use super::{deployment, label, request, run, with_canary};
use crate::admission::mutate::fields;
use crate::api::labels;
use crate::plan::{
    revision::hash::template_hash,
    workload::{overrides::ANNOTATION, template},
};
use serde_json::{Value, json};

fn spot() -> TargetFacts {
    TargetFacts {
        overrides: json!({"nodeSelector": {"pool": "spot"}, "tolerations": [{"key": "spot"}]})
            .as_object()
            .cloned(),
        ..with_canary(CoarseStage::Rest)
    }
}

/// As its author writes it, with a node selector.
fn manifest(image: &str, pool: &str) -> Value {
    let mut object = deployment(2, image, &[]);
    object["spec"]["template"]["spec"]["nodeSelector"] = json!({"pool": pool});
    object
}

/// A target that rests and that the user of a client-side apply changes into `manifest`.
fn applied_over(stored: &Value, manifest: &Value) -> Value {
    let mut sent = stored.clone();
    sent["spec"]["template"]["spec"]["containers"] = manifest["spec"]["template"]["spec"]["containers"].clone();
    // What kubectl's merge does to a map: the manifest's keys win, others stay.
    for (key, value) in manifest["spec"]["template"]["spec"]["nodeSelector"]
        .as_object()
        .into_iter()
        .flatten()
    {
        sent["spec"]["template"]["spec"]["nodeSelector"][key] = value.clone();
    }
    sent
}

/// A target at rest, with spot nodes for its canary pods.
fn stored() -> Value {
    let (old, _) = run(
        Operation::Create,
        &Value::Null,
        &manifest("v1", "stable"),
        &with_canary(CoarseStage::Rest),
    );
    let (stored, _) = run(
        Operation::Update,
        &old,
        &applied_over(&old, &manifest("v2", "stable")),
        &spot(),
    );
    stored
}

fn selector(object: &Value) -> &Value {
    &object["spec"]["template"]["spec"]["nodeSelector"]
}

#[test]
fn a_new_revision_gets_the_canarys_nodes_and_is_what_its_author_wrote() {
    let stored = stored();
    assert_eq!(selector(&stored), &json!({"pool": "spot"}));
    assert_eq!(
        stored["spec"]["template"]["spec"]["tolerations"],
        json!([{"key": "spot"}])
    );
    let own = manifest("v2", "stable")["spec"]["template"].clone();
    assert_eq!(template::authored(&stored), Some(own.clone()));
    assert_eq!(label(&stored, labels::REVISION), Some(template_hash(&own).as_str()));
}

#[test]
fn the_same_manifest_again_changes_nothing_whatever_the_canary_wants_by_now() {
    let stored = stored();
    let again = applied_over(&stored, &manifest("v2", "stable"));
    assert_eq!(selector(&again), &json!({"pool": "stable"}));
    assert_eq!(run(Operation::Update, &stored, &again, &spot()).0, stored);
    let other = TargetFacts {
        overrides: json!({"nodeSelector": {"pool": "other"}}).as_object().cloned(),
        ..spot()
    };
    assert_eq!(run(Operation::Update, &stored, &again, &other).0, stored);
    let unknown = TargetFacts {
        overrides: None,
        ..spot()
    };
    assert_eq!(run(Operation::Update, &stored, &again, &unknown).0, stored);
    let (next, _) = run(
        Operation::Update,
        &stored,
        &applied_over(&stored, &manifest("v3", "stable")),
        &other,
    );
    assert_eq!(selector(&next), &json!({"pool": "other"}), "the next run takes it");
    assert_eq!(next["spec"]["template"]["spec"].get("tolerations"), None);
}

#[test]
fn the_authors_own_change_is_a_revision_and_an_undo_brings_its_own_record() {
    let stored = stored();
    let (moved, _) = run(
        Operation::Update,
        &stored,
        &applied_over(&stored, &manifest("v2", "big")),
        &spot(),
    );
    assert_eq!(selector(&moved), &json!({"pool": "spot"}));
    let own = template::authored(&moved).unwrap();
    assert_eq!(own["spec"]["nodeSelector"], json!({"pool": "big"}));
    assert_ne!(label(&moved, labels::REVISION), label(&stored, labels::REVISION));
    // `rollout undo` sends template and annotations of the ReplicaSet.
    let mut undone = moved.clone();
    undone["spec"]["template"] = stored["spec"]["template"].clone();
    undone["metadata"]["annotations"] = stored["metadata"]["annotations"].clone();
    let (back, _) = run(Operation::Update, &moved, &undone, &spot());
    assert_eq!(template::authored(&back), template::authored(&stored));
    let mut first = moved.clone();
    first["spec"]["template"] = manifest("v1", "stable")["spec"]["template"].clone();
    first["metadata"].as_object_mut().unwrap().remove("annotations");
    let (back, _) = run(Operation::Update, &moved, &first, &spot());
    assert_eq!(
        template::authored(&back),
        Some(manifest("v1", "stable")["spec"]["template"].clone())
    );
}

#[test]
fn pods_that_serve_users_are_never_moved() {
    let cold = TargetFacts {
        controller_alive: false,
        ..with_canary(CoarseStage::Building)
    };
    let (hot, _) = run(
        Operation::Create,
        &Value::Null,
        &manifest("v1", "stable"),
        &TargetFacts {
            overrides: spot().overrides,
            ..cold
        },
    );
    assert_eq!(selector(&hot), &json!({"pool": "stable"}));
    let mut serving = stored();
    serving["metadata"]["labels"][labels::STATE] = json!("serving");
    serving["spec"]["replicas"] = json!(2);
    let (held, _) = run(
        Operation::Update,
        &serving,
        &applied_over(&serving, &manifest("v2", "big")),
        &spot(),
    );
    assert_eq!(held["spec"]["paused"], json!(true));
}

#[test]
fn a_target_that_is_let_go_is_its_authors_again() {
    let none = TargetFacts {
        enrolment: Enrolment::No,
        ..spot()
    };
    let stored = stored();
    let (free, _) = run(Operation::Update, &stored, &stored, &none);
    assert_eq!(selector(&free), &json!({"pool": "stable"}));
    assert_eq!(free["metadata"]["annotations"].get(ANNOTATION), None);
}

/// A server-side apply by `manager` as the API server sends it on: what it owns is what its manifest says.
fn server_side(stored: &Value, manager: &str, pool: Option<&str>) -> Value {
    let mut sent = stored.clone();
    let mut own = json!({"f:containers": {}});
    if let Some(pool) = pool {
        own["f:nodeSelector"] = json!({});
        sent["spec"]["template"]["spec"]["nodeSelector"] = json!({"pool": pool});
    }
    let entry =
        json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {"f:spec": own}}}});
    let mut entries = sent["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    entries.retain(|entry| entry["manager"] != manager);
    entries.push(entry);
    sent["metadata"]["managedFields"] = json!(entries);
    sent
}

#[test]
fn server_side_appliers_neither_conflict_nor_lose_what_they_drop() {
    let path = ["spec", "template", "spec", "nodeSelector"];
    let mut stored = stored();
    for manager in ["one", "other"] {
        stored = run(
            Operation::Update,
            &stored,
            &server_side(&stored, manager, Some("stable")),
            &spot(),
        )
        .0;
        assert!(!fields::owned(&stored, &path, |_| true), "{stored}");
        assert_eq!(selector(&stored), &json!({"pool": "spot"}));
    }
    let again = run(
        Operation::Update,
        &stored,
        &server_side(&stored, "one", Some("stable")),
        &spot(),
    )
    .0;
    assert_eq!(template::authored(&again), template::authored(&stored));
    // One drops it, the other still says it; then nobody does.
    let dropped = run(Operation::Update, &stored, &server_side(&stored, "one", None), &spot()).0;
    assert_eq!(template::authored(&dropped), template::authored(&stored));
    let dropped = run(
        Operation::Update,
        &dropped,
        &server_side(&dropped, "other", None),
        &spot(),
    )
    .0;
    assert_eq!(template::authored(&dropped).unwrap()["spec"].get("nodeSelector"), None);
    assert_eq!(selector(&dropped), &json!({"pool": "spot"}));
    // Who says what the Canary says means it.
    let meant = run(
        Operation::Update,
        &stored,
        &server_side(&stored, "one", Some("spot")),
        &spot(),
    )
    .0;
    assert_eq!(
        template::authored(&meant).unwrap()["spec"]["nodeSelector"],
        json!({"pool": "spot"})
    );
}

#[test]
fn our_own_writes_own_nothing_of_it() {
    let mut stored = stored();
    stored["metadata"]["managedFields"] = json!([{"manager": "coalmine", "operation": "Update", "fieldsV1": {
        "f:spec": {"f:template": {"f:spec": {"f:tolerations": {}, "f:nodeSelector": {}}}}}}]);
    let request = request(Operation::Update, "us", &stored, &stored);
    let outcome = mutate(&request, &spot());
    let after = crate::patches::applied(&stored, &outcome.patch).unwrap();
    assert_eq!(after["metadata"]["managedFields"], json!([]));
}
