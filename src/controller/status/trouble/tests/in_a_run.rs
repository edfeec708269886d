//! Revisions, runs and promotions that wait.

use super::canary;
use crate::{
    analysis::{Observation, Primary, Rollout, Scaler, Stage, State},
    api::canary::status::conditions::{NOT_RELEASED, Trouble},
    controller::{
        difference::tests::{seen, target},
        status::trouble::in_a_run::{apart, asleep, stuck, unbuilt},
    },
};
use jiff::Timestamp;

fn at(stage: Stage, reason: Option<&str>) -> State {
    State {
        stage,
        reason: reason.map(str::to_owned),
        ..State::new(Timestamp::UNIX_EPOCH)
    }
}

fn primary(rollout: Rollout) -> Option<Primary> {
    Some(Primary {
        replicas: 2,
        fixed: false,
        revision: None,
        edited: false,
        rollout,
        has_pods: true,
        endpoints: Some(0),
    })
}

// With this primary, and what the API server refuses.
fn with(primary: Option<Primary>, refused: Option<&str>) -> Observation {
    let mut seen = seen(&target());
    (seen.primary, seen.refused) = (primary, refused.map(str::to_owned));
    seen
}

// Why, of a trouble that begins and goes on like that.
fn why(trouble: Option<Trouble>, reason: &str, (begin, end): (&str, &str)) -> String {
    let trouble = trouble.unwrap();
    assert_eq!((trouble.reason, trouble.stalled), (reason, true));
    let text = trouble.message.strip_prefix(begin).unwrap();
    text.split_once(end).unwrap().0.to_owned()
}

fn waiting() -> Rollout {
    Rollout::Waiting("1 of 2".into())
}

fn failed() -> Rollout {
    Rollout::Failed("too late".into())
}

#[test]
fn a_promotion_that_primary_does_not_follow_says_why_and_who_serves() {
    let words = (
        "shop-primary cannot follow the promotion: ",
        ". Deployment shop runs the verified revision and serves",
    );
    for (rollout, expected) in [
        (primary(waiting()), "1 of 2"),
        (primary(failed()), "too late"),
        (primary(Rollout::Ready), "it is not ready"),
        (None, "it is not ready"),
    ] {
        let trouble = stuck(&canary(), &at(Stage::Replacing, Some("stuck")), &with(rollout, None));
        assert_eq!(why(trouble, "PrimaryNotReady", words), expected);
    }
    for state in [
        at(Stage::Replacing, None),
        at(Stage::Replacing, Some("waiting")),
        at(Stage::Rest, Some("stuck")),
    ] {
        assert_eq!(stuck(&canary(), &state, &with(primary(waiting()), None)), None);
    }
}

#[test]
fn a_pair_that_cannot_be_built_says_first_what_is_refused() {
    let words = (
        "shop-primary cannot be built: ",
        ". Deployment shop runs by itself meanwhile",
    );
    for (rollout, refused, expected) in [
        (primary(waiting()), Some("exceeded quota"), "exceeded quota"),
        (primary(waiting()), None, "1 of 2"),
        (primary(failed()), None, "too late"),
        (primary(Rollout::Ready), None, "none of its pods could be made"),
        (None, None, "none of its pods could be made"),
    ] {
        let trouble = unbuilt(
            &canary(),
            &at(Stage::Building, Some("unbuilt")),
            &with(rollout, refused),
        );
        assert_eq!(why(trouble, "NotBuilt", words), expected);
    }
    for state in [at(Stage::Building, None), at(Stage::Rest, Some("unbuilt"))] {
        assert_eq!(unbuilt(&canary(), &state, &with(None, Some("exceeded quota"))), None);
    }
}

#[test]
fn a_revision_that_may_not_run_beside_primary_says_so_until_it_is_what_primary_serves() {
    let mut seen = seen(&target());
    let revision = seen.target.as_ref().unwrap().revision.clone();
    assert_eq!(apart(&canary(), &at(Stage::Rest, None), &seen), None, "it may");
    seen.target.as_mut().unwrap().apart = Some("it mounts a claim.".into());
    let words = (
        "this revision of Deployment shop is not released, shop-primary serves on: ",
        ".",
    );
    let trouble = apart(&canary(), &at(Stage::Rest, None), &seen);
    assert_eq!(why(trouble, NOT_RELEASED, words), "it mounts a claim");
    assert_eq!(apart(&canary(), &at(Stage::Scaling, None), &seen), None);
    let promoted = State {
        last_promoted: Some(revision),
        ..at(Stage::Rest, None)
    };
    assert_eq!(apart(&canary(), &promoted, &seen), None);
    seen.target = None;
    assert_eq!(apart(&canary(), &at(Stage::Rest, None), &seen), None);
}

#[test]
fn a_revision_that_waits_for_its_author_says_whether_it_sleeps_or_is_paused() {
    let said = |stage: Stage, change: fn(&mut Observation)| {
        let mut seen = seen(&target());
        change(&mut seen);
        asleep(&canary(), &at(stage, None), &seen).map(|trouble| {
            assert!(!trouble.stalled, "it may come by itself");
            (trouble.reason, trouble.message)
        })
    };
    let (reason, text) = said(Stage::Waiting, |seen| seen.target.as_mut().unwrap().wanted = 0).unwrap();
    assert_eq!(reason, "Asleep");
    assert!(
        text.starts_with("No pods of Deployment shop are wanted (0 replicas)"),
        "{text}"
    );
    let (reason, text) = said(Stage::Waiting, |seen| seen.target.as_mut().unwrap().paused = true).unwrap();
    assert_eq!(reason, "Paused");
    assert!(text.starts_with("Deployment shop is paused by its author"), "{text}");
    assert_eq!(said(Stage::Waiting, |_| ()), None, "for a hook");
    assert_eq!(said(Stage::Rest, |seen| seen.target.as_mut().unwrap().wanted = 0), None);
    // We paused it ourselves.
    let held = said(Stage::Waiting, |seen| {
        let target = seen.target.as_mut().unwrap();
        (target.paused, target.held) = (true, true);
    });
    assert_eq!(held, None);
    // An autoscaler wakes it by itself.
    let scaled = said(Stage::Waiting, |seen| {
        seen.target.as_mut().unwrap().wanted = 0;
        seen.scaler = Some(Scaler { max: 3 });
    });
    assert_eq!(scaled, None);
}
