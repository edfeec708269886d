//! Gates, annotations and what else steers a run, one history each.

use super::model::{Happening, Model, Says, hash, seconds};
use crate::analysis::*;
use crate::api::canary::{HookType, Phase};

const ALL: [HookType; 6] = [
    HookType::ConfirmRollout,
    HookType::PreRollout,
    HookType::ConfirmTrafficIncrease,
    HookType::ConfirmPromotion,
    HookType::PostRollout,
    HookType::Rollback,
];

// At rest with revision 1, hooks of these types there, and revision 2 applied.
fn applied(hooks: &[HookType]) -> Model {
    let mut model = Model::cold(super::weighted());
    super::run(&mut model);
    model.rules.hooks = hooks.iter().copied().collect();
    model.events.clear();
    model.happen(&Happening::Apply(2));
    model
}

fn pass(model: &mut Model, time: u64) {
    for _ in 0..time {
        model.step();
        model.step();
        model.now += seconds(1);
    }
}

fn says(model: &mut Model, kind: HookType, says: Says) {
    model.happen(&Happening::Hook(kind, says));
}

fn said(model: &Model, what: impl Fn(&ReleaseEvent) -> bool) -> usize {
    model.events.iter().filter(|event| what(event)).count()
}

fn closed(kind: HookType) -> impl Fn(&ReleaseEvent) -> bool {
    move |event| matches!(event, ReleaseEvent::GateClosed(of, _) if *of == kind)
}

#[test]
fn with_every_gate_open_each_is_asked_and_said_in_flaggers_order() {
    let mut model = applied(&ALL);
    super::run(&mut model);
    assert_eq!(model.state.phase, Phase::Succeeded);
    let passed: Vec<HookType> = model
        .events
        .iter()
        .filter_map(|event| match event {
            ReleaseEvent::HookPassed(kind, _) => Some(*kind),
            _ => None,
        })
        .collect();
    use HookType::{ConfirmPromotion, ConfirmRollout, ConfirmTrafficIncrease, PostRollout, PreRollout};
    let increase = ConfirmTrafficIncrease;
    let expected = [
        ConfirmRollout,
        PreRollout,
        increase,
        increase,
        increase,
        increase,
        ConfirmPromotion,
        PostRollout,
    ];
    assert_eq!(passed, expected);
}

#[test]
fn a_closed_confirm_rollout_keeps_the_target_at_zero_and_says_so_once() {
    let mut model = applied(&[HookType::ConfirmRollout]);
    says(&mut model, HookType::ConfirmRollout, Says::No);
    pass(&mut model, 45);
    assert_eq!((model.state.phase, model.state.stage), (Phase::Waiting, Stage::Waiting));
    assert_eq!(model.target.as_ref().unwrap().replicas, 0);
    assert_eq!(said(&model, closed(HookType::ConfirmRollout)), 1);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::NewRevision), 0);
    let times = model.receiver.times(HookType::ConfirmRollout);
    assert!((4..=6).contains(&times), "asked every interval, not {times} times");
    model.happen(&Happening::Edit(3));
    model.step();
    assert_eq!(
        model.receiver.times(HookType::ConfirmRollout),
        times + 1,
        "a change of the Canary asks at once"
    );
    says(&mut model, HookType::ConfirmRollout, Says::Yes);
    super::run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}

#[test]
fn another_revision_while_waiting_is_the_one_that_is_asked_about() {
    let mut model = applied(&[HookType::ConfirmRollout]);
    says(&mut model, HookType::ConfirmRollout, Says::No);
    pass(&mut model, 5);
    model.happen(&Happening::Apply(3));
    pass(&mut model, 5);
    assert_eq!(
        (model.state.phase, model.state.last_applied.clone()),
        (Phase::Waiting, Some(hash(3)))
    );
    model.happen(&Happening::Apply(1));
    pass(&mut model, 5);
    assert_eq!(model.state.phase, Phase::Succeeded, "back at what is promoted");
    model.happen(&Happening::Apply(3));
    says(&mut model, HookType::ConfirmRollout, Says::Yes);
    super::run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(3)));
}

#[test]
fn a_rollback_hook_works_while_waiting_too() {
    let mut model = applied(&[HookType::ConfirmRollout, HookType::Rollback]);
    says(&mut model, HookType::ConfirmRollout, Says::Nothing);
    pass(&mut model, 15);
    assert_eq!(model.state.phase, Phase::Waiting);
    says(&mut model, HookType::Rollback, Says::Yes);
    super::run(&mut model);
    assert_eq!(
        (model.state.phase, model.state.last_promoted.clone()),
        (Phase::Failed, Some(hash(1)))
    );
    let at = |what: &ReleaseEvent| model.events.iter().position(|event| event == what).unwrap();
    let passed = ReleaseEvent::HookPassed(HookType::Rollback, "rollback".into());
    assert_eq!(at(&passed) + 1, at(&ReleaseEvent::RollingBackByHook));
}

#[test]
fn a_rollback_hook_ends_a_run_under_traffic_and_before_promotion() {
    for closed in [HookType::ConfirmTrafficIncrease, HookType::ConfirmPromotion] {
        let mut model = applied(&[closed, HookType::Rollback]);
        says(&mut model, closed, Says::No);
        pass(&mut model, 60);
        says(&mut model, HookType::Rollback, Says::Yes);
        super::run(&mut model);
        assert_eq!(model.state.phase, Phase::Failed, "{closed:?}");
    }
}

#[test]
fn a_failing_pre_rollout_counts_and_no_user_meets_the_canary() {
    let mut model = applied(&[HookType::PreRollout]);
    says(&mut model, HookType::PreRollout, Says::No);
    super::run(&mut model);
    assert_eq!((model.state.phase, model.state.failed_checks), (Phase::Failed, 3));
    assert_eq!(model.receiver.times(HookType::PreRollout), 3);
    assert_eq!(said(&model, |event| matches!(event, ReleaseEvent::CanaryWeight(_))), 0);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::Starting), 1);
}

#[test]
fn a_closed_traffic_gate_holds_the_weight_without_failing() {
    let mut model = applied(&[HookType::ConfirmTrafficIncrease]);
    pass(&mut model, 8);
    assert_eq!(model.state.canary_weight(), 20);
    says(&mut model, HookType::ConfirmTrafficIncrease, Says::No);
    pass(&mut model, 60);
    assert_eq!((model.state.canary_weight(), model.state.failed_checks), (20, 0));
    assert_eq!(said(&model, closed(HookType::ConfirmTrafficIncrease)), 1);
    says(&mut model, HookType::ConfirmTrafficIncrease, Says::Yes);
    super::run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}

fn waiting_for_promotion() -> Model {
    let mut model = applied(&[HookType::ConfirmPromotion]);
    says(&mut model, HookType::ConfirmPromotion, Says::No);
    pass(&mut model, 60);
    assert_eq!(model.state.phase, Phase::WaitingPromotion);
    model
}

#[test]
fn waiting_for_promotion_the_weight_is_told_as_it_is_and_checks_go_on() {
    let mut model = waiting_for_promotion();
    assert_eq!((model.state.canary_weight(), model.state.iterations), (60, 0));
    assert_eq!(model.traffic.canary(), 60);
    assert_eq!(said(&model, closed(HookType::ConfirmPromotion)), 1);
    model.answer = 1;
    super::run(&mut model);
    assert_eq!((model.state.phase, model.state.failed_checks), (Phase::Failed, 3));
}

#[test]
fn after_a_failed_check_an_old_approval_promotes_nothing() {
    let mut model = waiting_for_promotion();
    says(&mut model, HookType::ConfirmPromotion, Says::Nothing);
    pass(&mut model, 12);
    model.answer = 1;
    while model.state.failed_checks == 0 {
        pass(&mut model, 1);
    }
    assert_eq!(
        (model.state.failed_checks, model.state.phase),
        (1, Phase::WaitingPromotion)
    );
    let asked = model.receiver.asked.last().unwrap().clone();
    says(&mut model, HookType::ConfirmPromotion, Says::Yes);
    model.receiver.hear(&[asked], model.now);
    pass(&mut model, 2);
    assert_eq!(model.state.phase, Phase::WaitingPromotion);
    model.answer = 0;
    super::run(&mut model);
    assert_eq!((model.state.phase, model.state.failed_checks), (Phase::Succeeded, 1));
}

#[test]
fn iterations_are_never_below_zero_nor_above_their_number_at_the_gate() {
    let mut model = Model::cold(Strategy::Iterations(3));
    super::run(&mut model);
    model.rules.hooks = [HookType::ConfirmPromotion].into();
    says(&mut model, HookType::ConfirmPromotion, Says::No);
    model.happen(&Happening::Apply(2));
    pass(&mut model, 90);
    assert_eq!(
        (model.state.phase, model.state.iterations),
        (Phase::WaitingPromotion, 3)
    );
    says(&mut model, HookType::ConfirmPromotion, Says::Yes);
    super::run(&mut model);
    assert_eq!(model.state.phase, Phase::Succeeded);
}

#[test]
fn a_hook_that_never_answers_is_asked_again_after_a_crash() {
    let mut model = applied(&[HookType::ConfirmRollout]);
    says(&mut model, HookType::ConfirmRollout, Says::Nothing);
    pass(&mut model, 5);
    let asked = model.receiver.asked.last().unwrap().clone();
    model.happen(&Happening::Crash(3));
    says(&mut model, HookType::ConfirmRollout, Says::Yes);
    model.step();
    model.step();
    assert_eq!(model.receiver.asked.last(), Some(&asked));
    super::run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}

#[test]
fn a_failing_post_rollout_changes_nothing_and_is_not_repeated() {
    let mut model = applied(&[HookType::PostRollout]);
    says(&mut model, HookType::PostRollout, Says::No);
    super::run(&mut model);
    pass(&mut model, 30);
    assert_eq!((model.state.phase, model.state.gate.clone()), (Phase::Succeeded, None));
    assert_eq!(model.receiver.times(HookType::PostRollout), 1);
    assert_eq!(
        said(&model, |event| matches!(
            event,
            ReleaseEvent::HookFailed(HookType::PostRollout, _)
        )),
        1
    );
}

fn annotate(model: &mut Model, skip: bool, reset: bool) {
    model.happen(&Happening::Annotate(Commands { skip, reset }));
}

#[test]
fn skipping_promotes_a_run_at_any_gate_in_the_safe_order() {
    for gate in [
        HookType::ConfirmRollout,
        HookType::ConfirmTrafficIncrease,
        HookType::ConfirmPromotion,
    ] {
        let mut model = applied(&[gate]);
        says(&mut model, gate, Says::No);
        pass(&mut model, 60);
        annotate(&mut model, true, false);
        super::run(&mut model);
        assert_eq!(
            (model.state.phase, model.state.last_promoted.clone()),
            (Phase::Succeeded, Some(hash(2)))
        );
        assert_eq!(
            said(&model, |event| *event == ReleaseEvent::PromotedUnanalysed),
            1,
            "{gate:?}"
        );
        assert!(!model.annotated.any() && !model.state.commands.any());
    }
}

#[test]
fn skipping_at_rest_promotes_what_failed_and_nothing_else() {
    let mut model = applied(&[]);
    model.answer = 1;
    super::run(&mut model);
    annotate(&mut model, true, false);
    super::run(&mut model);
    assert_eq!(
        (model.state.phase, model.state.last_promoted.clone()),
        (Phase::Succeeded, Some(hash(2)))
    );
    annotate(&mut model, true, false);
    super::run(&mut model);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::NothingToSkip), 1);
    model.happen(&Happening::Apply(3));
    super::run(&mut model);
    assert_eq!(model.state.phase, Phase::Failed, "the next run is checked again");
}

#[test]
fn resetting_runs_a_failed_revision_again_exactly_once() {
    let mut model = applied(&[]);
    model.answer = 1;
    super::run(&mut model);
    model.answer = 0;
    annotate(&mut model, false, true);
    super::run(&mut model);
    assert_eq!(
        (model.state.phase, model.state.last_promoted.clone()),
        (Phase::Succeeded, Some(hash(2)))
    );
    assert_eq!(said(&model, |event| *event == ReleaseEvent::RunningAgain), 1);
}

#[test]
fn resetting_in_mid_run_starts_from_the_first_weight_with_no_failed_check() {
    let mut model = applied(&[]);
    pass(&mut model, 14);
    model.answer = 1;
    pass(&mut model, 12);
    assert!(model.state.failed_checks > 0 && model.state.canary_weight() > 0);
    annotate(&mut model, false, true);
    pass(&mut model, 6);
    assert_eq!(
        (model.state.failed_checks, model.state.canary_weight() <= 20),
        (0, true)
    );
    model.answer = 0;
    super::run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}

#[test]
fn a_crash_at_any_write_neither_forgets_an_annotation_nor_follows_it_twice() {
    for first in 0..4 {
        for second in 0..4 {
            let mut model = applied(&[]);
            model.answer = 1;
            super::run(&mut model);
            annotate(&mut model, false, true);
            for crash in [first, second] {
                model.happen(&Happening::Crash(crash));
                model.step();
            }
            super::run(&mut model);
            assert_eq!(
                said(&model, |event| *event == ReleaseEvent::RunningAgain),
                1,
                "{first} {second}"
            );
        }
    }
}

#[test]
fn a_queued_revision_waits_for_the_end_of_the_run_and_then_runs() {
    let mut model = applied(&[]);
    model.rules.queue = true;
    pass(&mut model, 14);
    model.happen(&Happening::Apply(3));
    pass(&mut model, 2);
    assert!(model.held && model.state.canary_weight() > 0);
    assert_eq!(model.state.queued, Some(hash(3)));
    super::run(&mut model);
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
    model.rules.queue = true;
    says(&mut model, HookType::ConfirmPromotion, Says::No);
    pass(&mut model, 60);
    model.happen(&Happening::Apply(1));
    super::run(&mut model);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::Cancelled), 1);
}

#[test]
fn a_change_recorded_while_suspended_starts_one_run_afterwards() {
    let mut model = Model::cold(super::weighted());
    super::run(&mut model);
    model.events.clear();
    model.happen(&Happening::Suspend(true));
    model.happen(&Happening::Apply(2));
    pass(&mut model, 60);
    assert_eq!(
        (model.events.clone(), model.target.as_ref().unwrap().replicas),
        (Vec::new(), 0)
    );
    model.happen(&Happening::Suspend(false));
    super::run(&mut model);
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
    super::run(&mut model);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::NewRevision), 1);
    assert_eq!(model.state.phase, Phase::Succeeded);
}

#[test]
fn a_rehearsal_runs_pods_and_checks_and_touches_nothing_else() {
    let mut model = Model::cold(super::weighted());
    super::run(&mut model);
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
    super::run(&mut model);
    assert_eq!(
        (model.state.phase, model.state.last_promoted.clone()),
        (Phase::Succeeded, Some(hash(2)))
    );
}

#[test]
fn a_rehearsal_of_a_new_canary_leaves_a_live_app_alone() {
    let mut model = Model::hot(super::weighted());
    model.happen(&Happening::DryRun(true));
    pass(&mut model, 30);
    assert_eq!((model.primary.clone(), model.apex), (None, ApexSide::Target));
    assert_eq!(said(&model, |event| *event == ReleaseEvent::WouldInitialize), 1);
}

// Flagger's faults (sharp edges of 1.44): with skipAnalysis it waits for primary neither at bootstrap nor in promotion.
#[test]
fn without_analysis_primary_is_waited_for_all_the_same() {
    let mut model = Model::hot(super::weighted());
    model.rules.skip_analysis = true;
    model.happen(&Happening::Pods(false));
    pass(&mut model, 30);
    assert_eq!(
        (model.state.stage, model.target.as_ref().unwrap().replicas),
        (Stage::Building, 2)
    );
    model.happen(&Happening::Pods(true));
    super::run(&mut model);
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
    super::run(&mut model);
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
    let state = step(&model.rules, &model.state, &seen, model.now).state;
    assert_eq!(state.stage, Stage::Scaling, "nobody is sent to nobody");
    let late = step(&model.rules, &model.state, &seen, model.now + model.rules.deadline).state;
    assert_eq!(late.stage, Stage::RollingBack);
    seen.target.as_mut().unwrap().endpoints = Some(1);
    let state = step(&model.rules, &model.state, &seen, model.now).state;
    assert_eq!(state.stage, Stage::Settling);
}
