//! An app that sleeps has no pods, loses no request on the way there, and releases what came meanwhile when it wakes.

use super::model::{Happening, Model, hash, seconds};
use super::{run, until, weighted};
use crate::analysis::*;
use crate::api::canary::Phase;
use crate::routing::Traffic;

fn at_rest() -> Model {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.events.clear();
    model
}

fn pods(model: &Model) -> (u32, u32) {
    let of = |workload: &Option<super::model::Workload>| workload.as_ref().map_or(0, |w| w.replicas);
    (of(&model.target), of(&model.primary))
}

// Long enough for anything that would happen.
fn asleep(model: &mut Model) {
    for _ in 0..60 {
        model.step();
        model.now += seconds(1);
    }
    assert_eq!(pods(model), (0, 0), "{:?}", model.state);
}

#[test]
fn an_app_at_rest_sleeps_and_wakes_without_a_run() {
    let mut model = at_rest();
    model.happen(&Happening::Scale(0));
    asleep(&mut model);
    assert_eq!(model.state.stage, Stage::Rest);
    model.happen(&Happening::Scale(3));
    run(&mut model);
    assert_eq!((pods(&model), model.events.len()), ((0, 3), 0), "{:?}", model.events);
}

#[test]
fn a_revision_that_comes_while_it_sleeps_starts_no_pod_and_is_released_when_it_wakes() {
    let mut model = at_rest();
    model.happen(&Happening::Scale(0));
    asleep(&mut model);
    model.happen(&Happening::Apply(2));
    asleep(&mut model);
    assert_eq!((model.state.stage, model.state.phase), (Stage::Waiting, Phase::Waiting));
    assert_eq!(model.events, [ReleaseEvent::Asleep], "said once");
    model.happen(&Happening::Apply(3));
    asleep(&mut model);
    model.happen(&Happening::Scale(2));
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(3)));
    assert_eq!(pods(&model), (0, 2));
}

#[test]
pub(super) fn a_run_gives_its_traffic_back_before_its_pods_go_and_begins_again() {
    for stage in [Stage::Scaling, Stage::Settling, Stage::Analysing] {
        let mut model = at_rest();
        model.happen(&Happening::Apply(2));
        until(&mut model, stage);
        model.happen(&Happening::Scale(0));
        for _ in 0..60 {
            model.step();
            if model.traffic != Traffic::PRIMARY {
                assert_ne!(pods(&model).0, 0, "{stage:?}: it carries traffic");
            }
            model.now += seconds(1);
        }
        asleep(&mut model);
        assert_eq!(
            (model.state.stage, model.traffic),
            (Stage::Waiting, Traffic::PRIMARY),
            "{stage:?}"
        );
        model.happen(&Happening::Scale(2));
        run(&mut model);
        assert_eq!(model.state.last_promoted, Some(hash(2)), "{stage:?}");
    }
}

#[test]
pub(super) fn what_changes_while_it_falls_asleep_is_what_waits() {
    for (change, stage, waits) in [
        (Happening::Apply(3), Stage::Restarting, hash(3)),
        (Happening::Config(2), Stage::Emptying, super::model::revision(2, 2)),
    ] {
        let mut model = at_rest();
        model.happen(&Happening::Apply(2));
        until(&mut model, Stage::Analysing);
        model.happen(&change);
        until(&mut model, stage);
        model.happen(&Happening::Scale(0));
        asleep(&mut model);
        assert_eq!(
            (model.state.stage, model.state.last_applied.clone()),
            (Stage::Waiting, Some(waits.clone())),
            "{stage:?}"
        );
        model.happen(&Happening::Scale(2));
        run(&mut model);
        assert_eq!(model.state.last_promoted, Some(waits), "{stage:?}");
    }
}

/// Somebody scaled it past the webhook while it slept: its pods have read what the configs were before.
#[test]
pub(super) fn what_changes_while_it_waits_begins_without_pods_of_before() {
    let mut model = at_rest();
    model.happen(&Happening::Scale(0));
    asleep(&mut model);
    model.happen(&Happening::Apply(2));
    until(&mut model, Stage::Waiting);
    let pods = model.target.as_mut().unwrap();
    (pods.replicas, pods.ready) = (1, 1);
    model.happen(&Happening::Config(2));
    model.happen(&Happening::Scale(2));
    until(&mut model, Stage::Emptying);
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(super::model::revision(2, 2)));
}

#[test]
fn a_promotion_goes_on_to_its_end_and_then_it_sleeps() {
    for stage in [Stage::Cutover, Stage::Replacing, Stage::Draining] {
        let mut model = at_rest();
        model.happen(&Happening::Apply(2));
        until(&mut model, stage);
        model.happen(&Happening::Scale(0));
        until(&mut model, Stage::Rest);
        asleep(&mut model);
        assert_eq!(
            (model.state.phase, model.state.last_promoted.clone()),
            (Phase::Succeeded, Some(hash(2))),
            "{stage:?}"
        );
    }
}

#[test]
fn a_revision_under_its_authors_own_pause_waits_for_the_pause_to_end() {
    let mut model = at_rest();
    model.happen(&Happening::Apply(2));
    let mut seen = model.seen();
    seen.target.as_mut().unwrap().paused = true;
    let paused = step(&model.settings, &model.state, &seen, model.now);
    assert_eq!(
        (paused.state.stage, paused.events),
        (Stage::Waiting, vec![ReleaseEvent::Paused])
    );
    let again = step(&model.settings, &paused.state, &seen, model.now + seconds(9));
    assert_eq!((again.state.stage, again.events), (Stage::Waiting, vec![]));
    seen.target.as_mut().unwrap().paused = false;
    let resumed = step(&model.settings, &again.state, &seen, model.now + seconds(10));
    assert_eq!(
        (resumed.state.stage, resumed.events),
        (Stage::Scaling, vec![ReleaseEvent::NewRevision])
    );
}

#[test]
fn an_app_that_answers_nobody_is_known_to_since_when() {
    let mut model = at_rest();
    let mut seen = model.seen();
    seen.primary.as_mut().unwrap().endpoints = Some(0);
    let first = step(&model.settings, &model.state, &seen, model.now);
    assert_eq!(first.state.stalled, Some(model.now));
    assert!(first.wake.is_some_and(|at| at > model.now), "it is looked at again");
    let later = step(&model.settings, &first.state, &seen, model.now + seconds(30));
    assert_eq!(later.state.stalled, first.state.stalled);
    let mended = step(&model.settings, &later.state, &model.seen(), model.now + seconds(31));
    assert_eq!(mended.state.stalled, None);
    // Nobody is meant to be answered.
    seen.primary.as_mut().unwrap().replicas = 0;
    assert_eq!(
        step(&model.settings, &model.state, &seen, model.now).state.stalled,
        None
    );
    model.step();
}
