//! The state machine against a [`model`] of a cluster, by hand and by random [`histories`].

mod configs;
mod exits;
mod extremes;
mod faults;
mod freshness;
mod gates;
mod histories;
mod inherited;
mod model;
mod naming;
mod sleep;
mod strategy;
mod unbuilt;

use super::Strategy;
use super::*;
use crate::{
    api::canary::{HookType, Phase},
    routing::Traffic,
};
use model::{Happening, Model, hash};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

fn weighted() -> Strategy {
    Strategy::Weighted(vec![20, 40, 60])
}

fn run(model: &mut Model) {
    model.settle();
    model.assert_at_rest();
}

#[test]
fn a_brand_new_app_comes_to_rest_with_its_first_revision_promoted() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Initialized);
    assert_eq!(model.state.last_promoted, Some(hash(1)));
}

#[test]
fn a_live_app_is_taken_over_and_then_rests() {
    let mut model = Model::hot(weighted());
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Initialized);
}

#[test]
fn a_change_held_while_a_live_app_is_taken_over_is_released_as_a_canary() {
    let mut model = Model::hot(weighted());
    model.step();
    model.happen(&Happening::Apply(2));
    assert!(model.held);
    run(&mut model);
    assert_eq!(
        (model.state.phase, model.state.last_promoted.clone()),
        (Phase::Succeeded, Some(hash(2)))
    );
    assert!(model.events.contains(&ReleaseEvent::CanaryWeight(20)));
}

#[test]
fn a_good_revision_goes_through_its_weights_in_flaggers_words() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.events.clear();
    model.happen(&Happening::Apply(2));
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Succeeded);
    let said: Vec<ReleaseEvent> = model
        .events
        .iter()
        .filter(|n| !matches!(n, ReleaseEvent::CanaryNotReady(_) | ReleaseEvent::PrimaryNotReady(_)))
        .cloned()
        .collect();
    assert_eq!(
        said,
        [
            ReleaseEvent::NewRevision,
            ReleaseEvent::Starting,
            ReleaseEvent::CanaryWeight(20),
            ReleaseEvent::CanaryWeight(40),
            ReleaseEvent::CanaryWeight(60),
            ReleaseEvent::Copying,
            ReleaseEvent::RoutingToPrimary,
            ReleaseEvent::Promoted
        ]
    );
}

#[test]
fn a_bad_revision_is_rolled_back_in_the_check_that_reaches_the_threshold() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.events.clear();
    model.answer = 1;
    model.happen(&Happening::Apply(2));
    run(&mut model);
    assert_eq!((model.state.phase, model.state.failed_checks), (Phase::Failed, 3));
    assert_eq!(
        model
            .events
            .iter()
            .filter(|n| matches!(n, ReleaseEvent::Halt(_)))
            .count(),
        3
    );
    assert_eq!(model.state.last_promoted, Some(hash(1)));
    // Applied again: nothing; back to what is promoted: clears; something new: a run of its own.
    model.happen(&Happening::Apply(1));
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Succeeded);
    model.answer = 0;
    model.happen(&Happening::Apply(3));
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(3)));
}

#[test]
fn no_data_before_the_first_value_waits_and_then_counts() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.answer = 2;
    model.happen(&Happening::Apply(2));
    run(&mut model);
    assert_eq!(
        (model.state.phase, model.state.waits, model.state.failed_checks),
        (Phase::Failed, 3, 3)
    );
}

#[test]
fn pods_that_never_start_are_given_up_at_the_deadline() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Pods(false));
    model.happen(&Happening::Apply(2));
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Failed);
    assert!(
        model
            .events
            .iter()
            .any(|n| matches!(n, ReleaseEvent::RollingBack(why) if why.contains("deadline of 60s")))
    );
}

fn until(model: &mut Model, stage: Stage) {
    for _ in 0..200 {
        if model.state.stage == stage {
            return;
        }
        model.step();
        model.now += model::seconds(1);
    }
    panic!("{stage:?} never came: {:?}", model.state);
}

// From the moment primary is made there would be no way back.
fn dies_before_primary_is_made(model: &mut Model) {
    until(model, Stage::Cutover);
    while model.state.stage != Stage::Replacing {
        let next = step(&model.settings, &model.state, &model.seen(), model.now);
        if next.state.stage == Stage::Replacing {
            model.happen(&Happening::Crash(1));
        }
        model.step();
        model.now += model::seconds(1);
    }
}

#[test]
fn a_template_that_comes_when_primary_just_serves_is_released_and_one_that_comes_earlier_is_built() {
    let mut model = Model::cold(weighted());
    model.step();
    model.happen(&Happening::Apply(2));
    while model.state.moved_at.is_none() {
        model.step();
    }
    assert_eq!(model.primary.as_ref().unwrap().template, 2);
    model.happen(&Happening::Apply(3));
    model.step();
    assert_eq!(model.primary.as_ref().unwrap().template, 2);
    until(&mut model, Stage::Analysing);
    assert_eq!(model.state.last_promoted, Some(model::hash(2)));
    run(&mut model);
}
