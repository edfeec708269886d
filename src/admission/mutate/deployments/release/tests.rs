use super::super::tests::{by_policy, create, deployment, managed, template, update, with_canary};
use super::*;
use crate::admission::review::{Options, UserInfo};
use crate::plan::revision::hash::template_hash;
use serde_json::{Value, json};

// A target at rest with that template, whose mark says that.
fn marked(image: &str, release: &str) -> Value {
    let mut stored = managed("rest", 0, "2", image);
    stored["metadata"]["labels"][labels::RELEASE] = json!(release);
    stored["metadata"]["annotations"] = json!({labels::REQUESTED_BY: "bob via helm"});
    stored
}

#[test]
fn a_template_is_marked_in_the_write_that_brings_it() {
    for (stage, was, old, new, expected) in [
        (CoarseStage::Rest, "succeeded", "v1", "v2", "pending"),
        (CoarseStage::Running, "running", "v2", "v3", "pending"),
        (CoarseStage::Running, "running", "v2", "v1", "pending"),
        (CoarseStage::Promoting, "running", "v2", "v1", "pending"),
        (CoarseStage::Failed, "failed", "bad", "v3", "pending"),
        (CoarseStage::Building, "pending", "v1", "v2", "pending"),
        // What serves needs no release, and what failed before is not tried again.
        (CoarseStage::Rest, "succeeded", "v0", "v1", "succeeded"),
        (CoarseStage::Failed, "failed", "bad", "v1", "succeeded"),
        (CoarseStage::Failed, "succeeded", "v1", "bad", "failed"),
        // The controller may be at work on what was sent before, whatever the caches say.
        (CoarseStage::Rest, "pending", "v2", "v1", "pending"),
    ] {
        let (stored, _) = update(&marked(old, was), &managed("rest", 0, "2", new), &with_canary(stage));
        assert_eq!(
            label(&stored, labels::RELEASE),
            Some(expected),
            "{stage:?} {was} {old} {new}"
        );
        assert_eq!(annotation(&stored, labels::REQUESTED_BY), Some("ann"));
    }
    // What serves, or failed, may have read configs that have changed since.
    let mut reading = with_canary(CoarseStage::Rest);
    if let Enrolment::Canary(canary) = &mut reading.enrolment {
        canary.reads_configs = true;
    }
    let (stored, _) = update(&marked("v0", "succeeded"), &managed("rest", 0, "2", "v1"), &reading);
    assert_eq!(label(&stored, labels::RELEASE), Some("pending"));
    let (new, _) = create(&deployment(2, "v1", &[]), &by_policy());
    assert_eq!(label(&new, labels::RELEASE), Some("pending"));
    assert_eq!(annotation(&new, labels::REQUESTED_BY), Some("ann"));
}

#[test]
fn every_other_write_carries_the_marks_over_whatever_it_says_of_them() {
    let old = marked("v2", "running");
    for sent in [
        managed("rest", 0, "2", "v2"),
        marked("v2", "succeeded"),
        deployment(5, "v2", &[("team", "red")]),
    ] {
        let (stored, _) = update(&old, &sent, &with_canary(CoarseStage::Running));
        assert_eq!(label(&stored, labels::RELEASE), Some("running"), "{sent}");
        assert_eq!(annotation(&stored, labels::REQUESTED_BY), Some("bob via helm"));
    }
    // A target from before there were marks gets none by a write that brings no template.
    let (stored, _) = update(
        &managed("rest", 0, "2", "v2"),
        &marked("v2", "succeeded"),
        &with_canary(CoarseStage::Rest),
    );
    assert_eq!(
        (
            label(&stored, labels::RELEASE),
            annotation(&stored, labels::REQUESTED_BY)
        ),
        (None, None)
    );
}

#[test]
fn what_nobody_releases_carries_no_marks() {
    let mut unbuilt = with_canary(CoarseStage::Building);
    if let Enrolment::Canary(canary) = &mut unbuilt.enrolment {
        canary.unbuilt = Some("no primaries here".into());
    }
    let mut hot = marked("v1", "pending");
    hot["metadata"]["labels"][labels::STATE] = json!("hot");
    let (stored, _) = update(&hot, &managed("hot", 2, "2", "v2"), &unbuilt);
    assert_eq!(label(&stored, labels::RELEASE), None);
    let plain = TargetFacts {
        enrolment: Enrolment::No,
        ..with_canary(CoarseStage::Rest)
    };
    let (stored, _) = update(&marked("v1", "succeeded"), &marked("v2", "succeeded"), &plain);
    assert_eq!(
        (
            label(&stored, labels::RELEASE),
            annotation(&stored, labels::REQUESTED_BY)
        ),
        (None, None)
    );
    let (stored, _) = create(&marked("v1", "succeeded"), &plain);
    assert_eq!(
        (
            label(&stored, labels::RELEASE),
            annotation(&stored, labels::REQUESTED_BY)
        ),
        (None, None)
    );
}

#[test]
fn a_canary_is_told_where_the_policy_wants_it_and_something_is_on_its_way() {
    let strict = TargetFacts {
        announce: Announce::Strict,
        ..with_canary(CoarseStage::Rest)
    };
    let request = |old: &Value, new: Value| Request {
        object: new,
        old_object: old.clone(),
        ..Request::default()
    };
    for (facts, new, expected) in [
        (&strict, "v2", Some(Announce::Strict)),
        (&strict, "v1", None),
        (&with_canary(CoarseStage::Rest), "v2", None),
    ] {
        let old = marked("v0", "succeeded");
        let (stored, _) = update(&old, &managed("rest", 0, "2", new), facts);
        assert_eq!(to_announce(&request(&old, stored.clone())), expected, "{new}");
        // The next write carries the mark, and announces nothing.
        let (again, _) = update(&stored, &deployment(3, new, &[]), facts);
        assert_eq!(
            annotation(&again, labels::ANNOUNCE),
            expected.map(Announce::as_str),
            "{new}"
        );
        assert_eq!(to_announce(&request(&stored, again)), None);
    }
}

#[test]
fn the_sender_is_named_with_what_it_sent_by() {
    let request = Request {
        user_info: UserInfo {
            username: "ann".into(),
            ..UserInfo::default()
        },
        options: Some(Options {
            field_manager: Some("kubectl-client-side-apply".into()),
        }),
        object: deployment(2, "v1", &[]),
        ..Request::default()
    };
    let outcome = super::super::mutate(&request, &by_policy());
    let stored = crate::patches::applied(&request.object, &outcome.patch).unwrap();
    assert_eq!(
        annotation(&stored, labels::REQUESTED_BY),
        Some("ann via kubectl-client-side-apply")
    );
    assert_eq!(
        label(&stored, labels::REVISION),
        Some(template_hash(&template("v1")).as_str())
    );
}
