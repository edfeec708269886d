//! What Flagger 1.44 gets wrong in its machine: the history that triggers each fault there, and what happens here. The
//! whole list, with the scenes on the cluster for the rest of it, is in docs/flagger.md.

use super::*;
use crate::plan::ApexSide;

/// Flagger scales the original Deployment to zero and points the Service at a primary that never started.
#[test]
fn a_primary_that_never_starts_leaves_the_live_app_alone() {
    let mut model = Model::hot(weighted());
    model.happen(&Happening::Pods(false));
    for _ in 0..300 {
        model.step();
        model.now += model::seconds(1);
        let target = model.target.as_ref().unwrap();
        assert_eq!((target.replicas, target.ready), (2, 2), "{:?}", model.state);
        assert_eq!((model.apex, model.traffic), (ApexSide::Target, Traffic::CANARY));
    }
    assert_eq!(model.state.phase, Phase::Initializing);
    assert!(
        model
            .events
            .iter()
            .any(|event| matches!(event, ReleaseEvent::PrimaryNotReady(_)))
    );
    model.happen(&Happening::Pods(true));
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Initialized);
}

/// Flagger makes it anew from the target's template, which may be the one that failed.
#[test]
fn a_deleted_primary_comes_back_as_what_was_verified() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.answer = 1;
    model.happen(&Happening::Apply(2));
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Failed);
    model.primary = None;
    run(&mut model);
    assert_eq!(model.primary.as_ref().unwrap().template, 1);
    assert_eq!(model.state.phase, Phase::Failed, "and nothing else happened");
}

/// Flagger forgets a revision when its first pass after a failure meets an error.
#[test]
fn a_revision_applied_after_a_failure_is_released_wherever_the_program_dies() {
    for writes in 0..4 {
        let mut model = Model::cold(weighted());
        run(&mut model);
        model.answer = 1;
        model.happen(&Happening::Apply(2));
        run(&mut model);
        model.answer = 0;
        model.happen(&Happening::Apply(3));
        model.happen(&Happening::Crash(writes));
        model.step();
        run(&mut model);
        assert_eq!(model.state.last_promoted, Some(hash(3)), "after {writes} writes");
    }
}

/// Flagger goes on analysing what already serves, promotes it, and runs once more.
#[test]
fn going_back_in_mid_run_ends_it_without_another() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.events.clear();
    model.happen(&Happening::Apply(2));
    until(&mut model, Stage::Analysing);
    model.happen(&Happening::Apply(1));
    run(&mut model);
    let runs = |event: &&ReleaseEvent| {
        matches!(
            event,
            ReleaseEvent::NewRevision | ReleaseEvent::Restarting | ReleaseEvent::Copying
        )
    };
    assert_eq!(model.events.iter().filter(runs).count(), 1, "{:?}", model.events);
    assert!(model.events.contains(&ReleaseEvent::Cancelled));
    assert_eq!(model.state.phase, Phase::Succeeded);
    assert_eq!(model.state.last_promoted, Some(hash(1)));
}

/// Flagger waits for ever for a mirror that its provider does not have.
#[test]
fn a_mirror_that_cannot_be_is_said_and_done_without() {
    let mut model = Model::cold(weighted());
    model.settings.mirror = vec![50];
    model.mirrors = false;
    run(&mut model);
    model.happen(&Happening::Apply(2));
    run(&mut model);
    assert!(model.events.contains(&ReleaseEvent::NoMirror));
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}

/// Flagger begins its steps anew when somebody writes the route.
#[test]
fn a_route_written_by_others_is_put_right_and_the_steps_go_on() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.events.clear();
    model.happen(&Happening::Apply(2));
    while model.traffic != Traffic::share(40) {
        model.step();
        model.now += model::seconds(1);
    }
    model.happen(&Happening::ForeignRoute(Traffic::PRIMARY));
    model.step();
    assert_eq!(model.traffic, Traffic::share(40));
    run(&mut model);
    let weights: Vec<&ReleaseEvent> = model
        .events
        .iter()
        .filter(|event| matches!(event, ReleaseEvent::CanaryWeight(_)))
        .collect();
    assert_eq!(
        weights,
        [
            &ReleaseEvent::CanaryWeight(20),
            &ReleaseEvent::CanaryWeight(40),
            &ReleaseEvent::CanaryWeight(60)
        ]
    );
}

/// The program dies between the outcome that users go back to the target and the write of it. Until it is back, primary has its
/// pods again, and more are wanted than the target has.
#[test]
fn users_do_not_go_back_to_fewer_pods_than_serve_them() {
    let mut model = Model::hot(weighted());
    while !(model.state.stage == Stage::Switching && model.traffic == Traffic::PRIMARY) {
        model.step();
        model.now += model::seconds(1);
    }
    model.happen(&Happening::Crash(1));
    model.happen(&Happening::LosePods);
    if let Some(target) = &mut model.target {
        target.ready = 2;
    }
    model.step();
    assert_eq!(model.state.intent, Traffic::CANARY, "{:?}", model.state);
    if let Some(primary) = &mut model.primary {
        (primary.replicas, primary.ready) = (3, 3);
    }
    model.happen(&Happening::Scale(5));
    model.step();
    assert_eq!(model.traffic, Traffic::PRIMARY);
    run(&mut model);
}
