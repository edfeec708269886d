//! What the Canary and its policy say of a run as a whole: queue, suspend, dry run, no analysis, thresholds.

use super::*;
use crate::plan::ApexSide;

#[test]
fn a_queued_revision_waits_for_the_end_of_the_run_and_then_runs() {
    let mut model = applied(&[]);
    model.settings.queue = true;
    pass(&mut model, 14);
    model.happen(&Happening::Apply(3));
    pass(&mut model, 2);
    assert!(model.held && model.state.canary_weight() > 0);
    assert_eq!(model.state.queued, Some(hash(3)));
    run(&mut model);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::Queued), 1);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::Promoted), 2);
    assert_eq!(
        (model.state.last_promoted.clone(), model.state.queued.clone()),
        (Some(hash(3)), None)
    );
}

#[test]
fn going_back_to_what_is_promoted_never_queues() {
    let mut model = applied(&[HookType::ConfirmPromotion]);
    model.settings.queue = true;
    says(&mut model, HookType::ConfirmPromotion, Says::No);
    pass(&mut model, 60);
    model.happen(&Happening::Apply(1));
    run(&mut model);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::Cancelled), 1);
}

#[test]
fn a_change_recorded_while_suspended_starts_one_run_afterwards() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.events.clear();
    model.happen(&Happening::Suspend(true));
    model.happen(&Happening::Apply(2));
    pass(&mut model, 60);
    assert_eq!(
        (model.events.clone(), model.target.as_ref().unwrap().replicas),
        (Vec::new(), 0)
    );
    model.happen(&Happening::Suspend(false));
    run(&mut model);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::NewRevision), 1);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}

#[test]
fn a_run_suspended_under_traffic_stands_still_and_goes_on() {
    let mut model = applied(&[]);
    pass(&mut model, 14);
    let (state, events) = (model.state.clone(), model.events.clone());
    model.happen(&Happening::Suspend(true));
    pass(&mut model, 60);
    assert_eq!((&model.state, &model.events), (&state, &events));
    model.happen(&Happening::Suspend(false));
    run(&mut model);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::NewRevision), 1);
    assert_eq!(model.state.phase, Phase::Succeeded);
}

#[test]
fn a_dry_run_runs_pods_and_checks_and_touches_nothing_else() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::DryRun(true));
    model.happen(&Happening::Apply(2));
    pass(&mut model, 20);
    assert_eq!((model.state.stage, model.state.canary_weight()), (Stage::Analysing, 0));
    assert_eq!(model.target.as_ref().unwrap().replicas, 2);
    pass(&mut model, 60);
    assert_eq!((model.state.stage, model.state.phase), (Stage::Rest, Phase::Waiting));
    assert_eq!(said(&model, |event| *event == ReleaseEvent::WouldPromote), 1);
    assert_eq!(model.state.last_promoted, Some(hash(1)));
    assert_eq!(model.last_traffic, None, "no user ever met it");
    model.happen(&Happening::DryRun(false));
    run(&mut model);
    assert_eq!(
        (model.state.phase, model.state.last_promoted.clone()),
        (Phase::Succeeded, Some(hash(2)))
    );
}

#[test]
fn a_dry_run_of_a_new_canary_leaves_a_live_app_alone() {
    let mut model = Model::hot(weighted());
    model.happen(&Happening::DryRun(true));
    pass(&mut model, 30);
    assert_eq!((model.primary.clone(), model.apex), (None, ApexSide::Target));
    assert_eq!(said(&model, |event| *event == ReleaseEvent::WouldInitialize), 1);
}

// Flagger's faults (sharp edges of 1.44): with skipAnalysis it waits for primary neither at bootstrap nor in promotion.
#[test]
fn without_analysis_primary_is_waited_for_all_the_same() {
    let mut model = Model::hot(weighted());
    model.settings.skip_analysis = true;
    model.happen(&Happening::Pods(false));
    pass(&mut model, 30);
    assert_eq!(
        (model.state.stage, model.target.as_ref().unwrap().replicas),
        (Stage::Building, 2)
    );
    model.happen(&Happening::Pods(true));
    run(&mut model);
    model.happen(&Happening::Apply(2));
    while model.state.stage != Stage::Cutover {
        pass(&mut model, 1);
    }
    model.happen(&Happening::Pods(false));
    pass(&mut model, 30);
    assert_eq!((model.state.stage, model.traffic.canary()), (Stage::Replacing, 100));
    assert_eq!(
        model.target.as_ref().unwrap().replicas,
        2,
        "the verified pods go on serving"
    );
    model.happen(&Happening::Pods(true));
    run(&mut model);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::PromotedUnanalysed), 1);
}

#[test]
fn a_ready_threshold_of_zero_still_waits_for_one_endpoint() {
    let mut model = applied(&[]);
    while model.state.stage != Stage::Scaling {
        model.step();
    }
    let mut seen = model.seen();
    let target = seen.target.as_mut().unwrap();
    (target.replicas, target.rollout, target.endpoints) = (2, Rollout::Ready, Some(0));
    let state = step(&model.settings, &model.state, &seen, model.now).state;
    assert_eq!(state.stage, Stage::Scaling, "nobody is sent to nobody");
    let late = step(
        &model.settings,
        &model.state,
        &seen,
        model.now + model.settings.deadline,
    )
    .state;
    assert_eq!(late.stage, Stage::RollingBack);
    seen.target.as_mut().unwrap().endpoints = Some(1);
    let state = step(&model.settings, &model.state, &seen, model.now).state;
    assert_eq!(state.stage, Stage::Settling);
}
