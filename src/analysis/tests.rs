//! Random histories against a model of a cluster: whatever people and pods do, and wherever the program is killed, the
//! invariants hold and every history comes to rest.

mod model;
mod scaled;

use super::Strategy;
use super::*;
use crate::api::canary::Phase;
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
    model.step(false);
    model.happen(&Happening::Apply(2));
    assert!(model.held);
    run(&mut model);
    assert_eq!(
        (model.state.phase, model.state.last_promoted.clone()),
        (Phase::Succeeded, Some(hash(2)))
    );
    assert!(model.notes.contains(&Note::CanaryWeight(20)));
}

#[test]
fn a_good_revision_goes_through_its_weights_in_flaggers_words() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.notes.clear();
    model.happen(&Happening::Apply(2));
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Succeeded);
    let said: Vec<Note> = model
        .notes
        .iter()
        .filter(|n| !matches!(n, Note::CanaryNotReady(_) | Note::PrimaryNotReady(_)))
        .cloned()
        .collect();
    assert_eq!(
        said,
        [
            Note::NewRevision,
            Note::Starting,
            Note::CanaryWeight(20),
            Note::CanaryWeight(40),
            Note::CanaryWeight(60),
            Note::Copying,
            Note::RoutingToPrimary,
            Note::Promoted
        ]
    );
}

#[test]
fn a_bad_revision_is_rolled_back_in_the_check_that_reaches_the_threshold() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.notes.clear();
    model.answer = 1;
    model.happen(&Happening::Apply(2));
    run(&mut model);
    assert_eq!((model.state.phase, model.state.failed_checks), (Phase::Failed, 3));
    assert_eq!(model.notes.iter().filter(|n| matches!(n, Note::Halt(_))).count(), 3);
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
            .notes
            .iter()
            .any(|n| matches!(n, Note::RollingBack(why) if why.contains("deadline of 60s")))
    );
}

#[test]
fn blue_green_iterates_and_promotes() {
    let mut model = Model::cold(Strategy::Iterations(3));
    run(&mut model);
    model.happen(&Happening::Apply(2));
    run(&mut model);
    assert!(model.notes.contains(&Note::Iteration(3, 3)));
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}

fn happening() -> impl proptest::strategy::Strategy<Value = Happening> {
    prop_oneof![
        6 => (1u8..=3).prop_map(Happening::Apply),
        1 => (1u8..=3).prop_map(Happening::Bypass),
        2 => (0u32..5).prop_map(Happening::Scale),
        8 => (0u8..15).prop_map(Happening::Wait),
        2 => any::<bool>().prop_map(Happening::Pods),
        3 => (0u8..4).prop_map(Happening::Answer),
        6 => (0u8..5).prop_map(Happening::Crash),
        1 => (0u8..=100).prop_map(Happening::ForeignRoute),
        1 => Just(Happening::Delete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, .. ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_invariants_and_comes_to_rest(
        hot in any::<bool>(), promotion_step in prop_oneof![Just(0u8), Just(50u8)],
        history in proptest::collection::vec((happening(), 0u8..4), 1..40),
    ) {
        let mut model = if hot { Model::hot(weighted()) } else { Model::cold(weighted()) };
        model.rules.promotion_step = promotion_step;
        let mut foreign = false;
        for (what, steps) in &history {
            // Nobody can keep pods and routes from being broken by others; what we do then is bounded by the rest.
            foreign |= matches!(what, Happening::Bypass(_) | Happening::ForeignRoute(_) | Happening::Delete | Happening::Pods(false));
            model.happen(what);
            for _ in 0..*steps {
                model.step(foreign);
            }
        }
        model.pods_start = true;
        model.roll();
        if model.target.is_none() {
            model.happen(&Happening::Apply(2));
        }
        model.answer = 0;
        model.settle();
        model.assert_at_rest();
    }
}
