//! Since when a run is tried, and answers that come too early.

use super::{Model, *};

/// A model whose second revision is being tried.
fn tried() -> Model {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.events.clear();
    model.happen(&Happening::Apply(2));
    until(&mut model, |state| state.traffic_since.is_some());
    model
}

fn tick(model: &mut Model) {
    let before = model.state.clone();
    model.step();
    if model.state == before {
        model.now += super::model::seconds(1);
    }
}

fn until(model: &mut Model, there: impl Fn(&State) -> bool) {
    for _ in 0..1_000 {
        if there(&model.state) {
            return;
        }
        tick(model);
    }
    panic!("never: {:?}", model.state);
}

#[test]
fn a_run_is_tried_from_its_first_share_in_place_to_its_end() {
    let mut model = tried();
    let since = model.state.traffic_since;
    assert_eq!((model.state.intent.canary(), since), (20, model.state.moved_at));
    until(&mut model, |state| {
        state.intent.canary() == 60 && state.moved_at.is_some()
    });
    assert_eq!(
        model.state.traffic_since, since,
        "later shares belong to the same trial"
    );
    until(&mut model, |state| state.stage != Stage::Analysing);
    assert_eq!(model.state.traffic_since, None);
}

#[test]
fn a_revision_that_loses_its_traffic_is_tried_anew() {
    let mut model = tried();
    let first = model.state.traffic_since;
    model.happen(&Happening::Apply(3));
    until(&mut model, |state| state.traffic_since.is_none());
    until(&mut model, |state| state.traffic_since.is_some());
    assert!(model.state.traffic_since > first && model.state.last_applied == Some(hash(3)));
}

#[test]
fn an_answer_that_comes_too_early_waits_is_said_once_and_is_no_failure() {
    let mut model = tried();
    model.answer = 4;
    let share = model.state.intent;
    for _ in 0..200 {
        tick(&mut model);
    }
    let state = &model.state;
    assert_eq!((state.stage, state.intent), (Stage::Analysing, share));
    assert_eq!((state.failed_checks, state.waits), (0, 0));
    let said = model
        .events
        .iter()
        .filter(|event| matches!(event, ReleaseEvent::Early(_)))
        .count();
    assert_eq!(said, 1);
    model.answer = 0;
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}

#[test]
fn a_metric_that_cannot_be_asked_for_holds_the_run_and_counts_as_no_failure() {
    let mut model = tried();
    model.answer = 5;
    for _ in 0..500 {
        tick(&mut model);
    }
    assert_eq!((model.state.stage, model.state.intent.canary()), (Stage::Analysing, 20));
    assert_eq!((model.state.failed_checks, model.state.waits), (0, 0));
    assert!(model.events.contains(&ReleaseEvent::Halt("not built".into())));
    model.answer = 0;
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}
