//! Gates, annotations and what else steers a run, one history each.

mod commands;
mod settings;

use super::model::{GATES, Happening, Model, Says, hash, seconds};
use super::{run, weighted};
use crate::analysis::*;
use crate::api::canary::{HookType, Phase};

// At rest with revision 1, hooks of these types there, and revision 2 applied.
fn applied(hooks: &[HookType]) -> Model {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.settings.hooks = hooks.iter().copied().collect();
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
    let mut model = applied(&GATES);
    run(&mut model);
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
    run(&mut model);
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
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(3)));
}

#[test]
fn a_rollback_hook_works_while_waiting_too() {
    let mut model = applied(&[HookType::ConfirmRollout, HookType::Rollback]);
    says(&mut model, HookType::ConfirmRollout, Says::Nothing);
    pass(&mut model, 15);
    assert_eq!(model.state.phase, Phase::Waiting);
    says(&mut model, HookType::Rollback, Says::Yes);
    run(&mut model);
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
        run(&mut model);
        assert_eq!(model.state.phase, Phase::Failed, "{closed:?}");
    }
}

#[test]
fn a_failing_pre_rollout_counts_and_no_user_meets_the_canary() {
    let mut model = applied(&[HookType::PreRollout]);
    says(&mut model, HookType::PreRollout, Says::No);
    run(&mut model);
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
    run(&mut model);
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
    run(&mut model);
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
    run(&mut model);
    assert_eq!((model.state.phase, model.state.failed_checks), (Phase::Succeeded, 1));
}

#[test]
fn iterations_are_never_below_zero_nor_above_their_number_at_the_gate() {
    let mut model = Model::cold(Strategy::Iterations(3));
    run(&mut model);
    model.settings.hooks = [HookType::ConfirmPromotion].into();
    says(&mut model, HookType::ConfirmPromotion, Says::No);
    model.happen(&Happening::Apply(2));
    pass(&mut model, 90);
    assert_eq!(
        (model.state.phase, model.state.iterations),
        (Phase::WaitingPromotion, 3)
    );
    says(&mut model, HookType::ConfirmPromotion, Says::Yes);
    run(&mut model);
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
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}

#[test]
fn a_failing_post_rollout_changes_nothing_and_is_not_repeated() {
    let mut model = applied(&[HookType::PostRollout]);
    says(&mut model, HookType::PostRollout, Says::No);
    run(&mut model);
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
