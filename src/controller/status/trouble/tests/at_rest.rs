//! Apps on their way out, left alone, or given back.

use super::canary;
use crate::{
    analysis::{Observation, Rollout, Stage, State},
    api::{Canary, canary::Phase, labels},
    controller::{
        difference::tests::{seen, target},
        status::trouble::at_rest::{given_back, leaving, left_alone},
    },
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

fn at(stage: Stage) -> State {
    let mut state = State::new(Timestamp::UNIX_EPOCH);
    state.stage = stage;
    state
}

fn waits(stage: Stage, change: impl FnOnce(&mut Observation)) -> Option<String> {
    let (mut state, mut seen) = (at(stage), seen(&target()));
    state.reason = Some("waiting".to_owned());
    change(&mut seen);
    leaving(&canary(), &state, &seen).map(|trouble| {
        assert_eq!((trouble.reason, trouble.stalled), ("LeavingWaits", true));
        let begin = "Deployment shop is to serve in place of shop-primary before this Canary goes: ";
        trouble.message.strip_prefix(begin).unwrap().to_owned()
    })
}

#[test]
fn who_leaves_says_what_keeps_the_target_from_serving_and_what_of_it_comes_first() {
    let rollout = |seen: &mut Observation, rollout: Rollout| seen.target.as_mut().unwrap().rollout = rollout;
    let unready = |seen: &mut Observation| rollout(seen, Rollout::Waiting("1 of 2".into()));
    for stage in [Stage::LeavingScale, Stage::LeavingSwitch] {
        let because = |change: &dyn Fn(&mut Observation)| waits(stage, change).unwrap();
        assert_eq!(because(&|_| ()), "its traffic is not where it is to be yet");
        assert_eq!(
            because(&|seen| seen.route_trouble = Some("not accepted".into())),
            "not accepted"
        );
        assert_eq!(
            because(&|seen| rollout(seen, Rollout::Failed("too late".into()))),
            "too late"
        );
        let both = |seen: &mut Observation| {
            unready(seen);
            seen.route_trouble = Some("not accepted".into());
        };
        assert_eq!(because(&both), "1 of 2");
        let all = |seen: &mut Observation| {
            both(seen);
            seen.target.as_mut().unwrap().trouble = Some("no such image".into());
        };
        assert_eq!(because(&all), "no such image");
    }
}

#[test]
fn who_leaves_and_does_not_wait_or_does_not_leave_says_nothing() {
    let seen = seen(&target());
    assert_eq!(leaving(&canary(), &at(Stage::LeavingScale), &seen), None, "it goes on");
    for stage in [Stage::Rest, Stage::Left, Stage::Building] {
        assert_eq!(waits(stage, |_| ()), None, "{}", stage.as_str());
    }
    assert_eq!(waits(Stage::LeavingScale, |seen| seen.target = None), None);
}

#[test]
fn a_target_that_flagger_left_different_says_how_it_is_released() {
    let state = |phase: Phase| State {
        phase,
        last_applied: Some("v1-b".into()),
        last_promoted: Some("v1-a".into()),
        ..at(Stage::Rest)
    };
    for phase in [Phase::Initialized, Phase::Succeeded] {
        let trouble = left_alone(&canary(), &state(phase)).unwrap();
        assert_eq!((trouble.reason, trouble.stalled), ("NotStarted", true));
        let text = trouble.message;
        assert!(
            text.starts_with("Deployment shop differs from what shop-primary serves since before Coalmine"),
            "{text}"
        );
        assert!(
            text.contains(&format!("annotate the Canary with {}=true", labels::RESET)),
            "{text}"
        );
    }
    let failed = state(Phase::Failed);
    let (mut runs, mut dry, mut same) = (
        state(Phase::Succeeded),
        state(Phase::Succeeded),
        state(Phase::Succeeded),
    );
    runs.stage = Stage::Scaling;
    dry.dry_run = true;
    same.last_applied.clone_from(&same.last_promoted);
    for state in [failed, runs, dry, same] {
        assert_eq!(left_alone(&canary(), &state), None, "{state:?}");
    }
}

#[test]
fn a_canary_that_stays_behind_says_who_gave_its_app_back_and_one_that_goes_does_not() {
    let trouble = given_back(&canary(), &at(Stage::Left)).unwrap();
    assert_eq!((trouble.reason, trouble.stalled), ("GivenBack", true));
    let begin = "Coalmine was told to leave: Deployment shop serves by itself ";
    assert!(trouble.message.starts_with(begin) && trouble.message.contains("coalmine leave --cancel"));
    assert_eq!(given_back(&canary(), &at(Stage::Rest)), None);
    let mut going: Canary = canary();
    going.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
    assert_eq!(given_back(&going, &at(Stage::Left)), None);
}
