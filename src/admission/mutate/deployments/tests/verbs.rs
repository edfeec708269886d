//! What each verb of kubectl does to the target in each phase (docs/verbs.md). `held` cells say what is stored; what follows
//! from it (analysis, cancellation) is the controller's and stands in the warning.

use super::super::*;
use super::phases::{awake, manifest};
use super::{create, label, managed, template, update, with_canary};
use crate::api::labels;
use crate::plan::revision::hash::template_hash;
use serde_json::json;

#[test]
fn an_apply_of_the_same_template_changes_nothing_in_any_phase() {
    for phase in awake() {
        let (stored, warnings) = update(&phase.stored, &manifest(3, phase.image()), &with_canary(phase.stage));
        assert_eq!(stored, phase.stored, "{}", phase.name);
        assert_eq!(warnings, Vec::<String>::new(), "{}", phase.name);
    }
}

#[test]
fn a_new_template_is_stored_and_rolls_no_pod_that_serves() {
    for phase in awake() {
        // set image, edit and restart send the stored object with another template; apply and replace send a manifest.
        let mut edited = phase.stored.clone();
        edited["spec"]["template"] = template("v9");
        for sent in [edited, manifest(3, "v9")] {
            let (stored, warnings) = update(&phase.stored, &sent, &with_canary(phase.stage));
            let serves = ["hot", "serving"].contains(&label(&phase.stored, labels::STATE).unwrap());
            assert_eq!(stored["spec"]["template"], template("v9"), "{}", phase.name);
            assert_eq!(
                stored["spec"]["replicas"], phase.stored["spec"]["replicas"],
                "{}",
                phase.name
            );
            assert_eq!(stored["spec"].get("paused").is_some(), serves, "{}", phase.name);
            assert_eq!(label(&stored, labels::HELD).is_some(), serves, "{}", phase.name);
            assert_eq!(
                label(&stored, labels::REVISION),
                Some(template_hash(&template("v9")).as_str())
            );
            let line = match phase.name {
                "enrolling, cold" => "coalmine: shop: shop-primary is built from this revision; no analysis",
                "enrolling, hot" => {
                    "coalmine: shop: held while shop-primary is built from the running revision; then analysed"
                }
                "at rest" | "Failed" => "coalmine: shop: analysis will start",
                "Waiting" => "coalmine: shop: analysis restarts with this revision",
                "Promoting" | "Finalising" => "coalmine: shop: released when the promotion under way has ended",
                _ => {
                    "coalmine: shop: analysis restarts with this revision once traffic has left the pods that serve now"
                }
            };
            assert_eq!(warnings, [line], "{}", phase.name);
        }
    }
}

#[test]
fn the_promoted_template_cancels_a_run_and_clears_a_failure() {
    for (phase, line) in [
        ("Waiting", "equals the promoted revision; the rollout is cancelled"),
        (
            "analysis running",
            "equals the promoted revision; the rollout is cancelled",
        ),
        ("Failed", "equals the promoted revision; nothing to analyse"),
    ] {
        let phase = awake().into_iter().find(|p| p.name == phase).unwrap();
        let (stored, warnings) = update(&phase.stored, &manifest(3, "v1"), &with_canary(phase.stage));
        assert_eq!(stored["spec"]["template"], template("v1"));
        assert_eq!(warnings, [format!("coalmine: shop: {line}")]);
    }
}

#[test]
fn a_template_that_failed_before_is_named() {
    let old = managed("rest", 0, "3", "v1");
    let (_, warnings) = update(&old, &manifest(3, "bad"), &with_canary(CoarseStage::Failed));
    assert_eq!(
        warnings,
        ["coalmine: shop: this revision failed before and is not tried again; change it to retry"]
    );
}

#[test]
fn a_template_is_only_recorded_while_suspended() {
    let mut facts = with_canary(CoarseStage::Rest);
    if let Enrolment::Canary(canary) = &mut facts.enrolment {
        canary.suspended = true;
    }
    let (stored, warnings) = update(&managed("rest", 0, "3", "v1"), &manifest(3, "v2"), &facts);
    assert_eq!(stored["spec"]["replicas"], 0);
    assert_eq!(
        warnings,
        ["coalmine: shop: recorded while suspended; released when the Canary is resumed"]
    );
}

#[test]
fn replicas_are_recorded_in_every_phase() {
    for phase in awake() {
        let (stored, warnings) = update(&phase.stored, &manifest(5, phase.image()), &with_canary(phase.stage));
        let serves = ["hot", "serving"].contains(&label(&phase.stored, labels::STATE).unwrap());
        assert_eq!(label(&stored, labels::DESIRED_REPLICAS), Some("5"), "{}", phase.name);
        let expected = if serves {
            json!(5)
        } else {
            phase.stored["spec"]["replicas"].clone()
        };
        assert_eq!(stored["spec"]["replicas"], expected, "{}", phase.name);
        assert!(
            warnings[0].starts_with("coalmine: shop: no template change; "),
            "{}",
            phase.name
        );
    }
}

#[test]
fn an_undo_replaces_annotations_and_the_template_and_keeps_the_labels() {
    for phase in awake() {
        let mut undone = phase.stored.clone();
        undone["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
        undone["spec"]["template"] = template("v0");
        let (stored, _) = update(&phase.stored, &undone, &with_canary(phase.stage));
        for key in [labels::MANAGED, labels::DESIRED_REPLICAS, labels::STATE] {
            assert_eq!(label(&stored, key), label(&phase.stored, key), "{}", phase.name);
        }
        assert_eq!(stored["spec"]["template"], template("v0"));
    }
}

#[test]
fn a_put_without_our_labels_restores_them_in_every_phase() {
    for phase in awake() {
        let (stored, _) = update(&phase.stored, &manifest(3, phase.image()), &with_canary(phase.stage));
        assert_eq!(
            stored["metadata"]["labels"], phase.stored["metadata"]["labels"],
            "{}",
            phase.name
        );
    }
}

#[test]
fn a_deployment_made_again_starts_at_zero_while_primary_serves() {
    for phase in awake().iter().filter(|phase| phase.stage != CoarseStage::Building) {
        let (stored, _) = create(&manifest(3, "v7"), &with_canary(phase.stage));
        assert_eq!(
            (&stored["spec"]["replicas"], label(&stored, labels::STATE)),
            (&json!(0), Some("rest"))
        );
    }
}
