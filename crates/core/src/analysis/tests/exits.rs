//! Every stage has an exit under everything that can happen in it, and weights only stay where ready pods carry them.

mod leaving;

use super::model::{Happening, Model, hash, seconds};
use super::{dies_before_primary_is_made, run, until, weighted};
use crate::analysis::*;
use crate::api::canary::Phase;
use crate::routing::Traffic;
use std::time::Duration;

// The verified revision's pods on the side of primary do not start: reported, and the canary, which carries everything,
// stays.
pub(super) fn stuck_in_promotion() -> Model {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Apply(2));
    until(&mut model, Stage::Cutover);
    model.happen(&Happening::Pods(false));
    until(&mut model, Stage::Replacing);
    model.happen(&Happening::Wait(200));
    model.step();
    let stuck = |event: &ReleaseEvent| matches!(event, ReleaseEvent::PromotionStuck(_));
    assert!(model.events.iter().any(stuck), "{:?}", model.events);
    assert_eq!(
        (model.state.stage, model.state.phase),
        (Stage::Replacing, Phase::Promoting),
        "nothing has failed for users, and nothing is at rest"
    );
    model
}

#[test]
fn a_promotion_that_primary_cannot_follow_gives_way_to_what_is_applied_next() {
    for next in [1u8, 3] {
        let mut model = stuck_in_promotion();
        model.happen(&Happening::Apply(next));
        model.step();
        assert!(model.events.contains(&ReleaseEvent::PromotionTakenBack), "{next}");
        model.happen(&Happening::Pods(true));
        run(&mut model);
        assert_eq!(
            (model.state.phase, model.state.last_promoted.clone()),
            (Phase::Succeeded, Some(hash(next)))
        );
        assert!(model.events.contains(&ReleaseEvent::Cancelled), "{next}");
    }
}

const ALL_OF_PRIMARY: Happening = Happening::LoseSome(true, 100);
const ALL_OF_THE_CANARY: Happening = Happening::LoseSome(false, 100);

fn steps_to(model: &mut Model, what: &Happening, stage: Stage) {
    model.happen(what);
    model.step();
    assert_eq!(model.state.stage, stage, "{:?}", model.state);
    run(model);
}

#[test]
pub(super) fn a_primary_that_breaks_down_in_promotion_gives_traffic_back_to_the_canary() {
    for (stage, promotion_step) in [(Stage::Draining, 0), (Stage::Returning, 50)] {
        let mut model = Model::cold(weighted());
        model.settings.promotion_step = promotion_step;
        run(&mut model);
        model.happen(&Happening::Apply(2));
        until(&mut model, stage);
        model.events.clear();
        steps_to(&mut model, &ALL_OF_PRIMARY, Stage::Replacing);
        assert!(
            matches!(model.events.first(), Some(ReleaseEvent::PrimaryNotReady(_))),
            "{:?}",
            model.events
        );
        assert_eq!(model.state.last_promoted, Some(hash(2)));
    }
}

#[test]
pub(super) fn a_canary_that_is_lost_in_promotion_leaves_everybody_to_primary() {
    for (what, stage) in [
        (&ALL_OF_THE_CANARY, Stage::RollingBack),
        (&Happening::Delete, Stage::Cancelling),
    ] {
        let mut model = Model::cold(weighted());
        run(&mut model);
        model.happen(&Happening::Apply(2));
        dies_before_primary_is_made(&mut model);
        steps_to(&mut model, what, stage);
        assert_eq!(
            (model.traffic, model.state.last_promoted.clone()),
            (Traffic::PRIMARY, Some(hash(1)))
        );
    }
    for what in [&ALL_OF_THE_CANARY, &Happening::Delete] {
        let mut model = Model::cold(weighted());
        run(&mut model);
        model.happen(&Happening::Apply(2));
        until(&mut model, Stage::Replacing);
        model.step();
        steps_to(&mut model, what, Stage::Draining);
        assert_eq!(
            (model.traffic, model.state.last_promoted.clone()),
            (Traffic::PRIMARY, Some(hash(2)))
        );
    }
}

#[test]
pub(super) fn a_target_that_breaks_down_on_the_way_out_is_not_left_alone() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Leave(true));
    until(&mut model, Stage::LeavingSwitch);
    model.happen(&ALL_OF_THE_CANARY);
    model.step();
    assert_eq!(model.state.stage, Stage::LeavingScale);
    model.happen(&Happening::Wait(0));
    model.leave();
}

// At rest on v1 with four pods, v2 applied.
fn released() -> Model {
    let mut model = Model::cold(weighted());
    model.happen(&Happening::Scale(4));
    run(&mut model);
    model.events.clear();
    model.happen(&Happening::Apply(2));
    model
}

fn shown(model: &mut Model, weight: u8) {
    for _ in 0..400 {
        if model.traffic == Traffic::share(weight) {
            return;
        }
        model.step();
        model.now += seconds(1);
    }
    panic!("{weight} was never shown: {:?}", model.state);
}

#[test]
fn a_canary_that_dies_again_and_again_is_rolled_back() {
    let mut model = released();
    for _ in 0..3 {
        until(&mut model, Stage::Analysing);
        model.step();
        assert_eq!(model.traffic, Traffic::share(20), "it begins again with the first step");
        model.happen(&Happening::LoseSome(false, 100));
        model.step();
        model.step();
        assert_eq!(model.traffic, Traffic::PRIMARY);
    }
    assert!(
        model.events.contains(&ReleaseEvent::ThresholdReached(3)),
        "{:?}",
        model.events
    );
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Failed);
}

#[test]
fn a_share_shrinks_to_what_its_pods_carry_and_does_not_grow_past_it() {
    let mut model = released();
    shown(&mut model, 40);
    model.happen(&Happening::Room(4));
    model.happen(&Happening::LoseSome(false, 3));
    model.step();
    assert_eq!(
        model.traffic,
        Traffic::share(20),
        "one pod of four carries 25 percent at most"
    );
    for _ in 0..45 {
        model.step();
        model.now += seconds(1);
        assert_eq!(model.traffic, Traffic::share(20), "{:?}", model.state);
    }
    assert!(
        model
            .events
            .iter()
            .any(|event| matches!(event, ReleaseEvent::CanaryNotReady(why) if why.contains("1 of 2 pods")))
    );
    for _ in 0..40 {
        model.step();
        model.now += seconds(1);
    }
    let given_up = |event: &ReleaseEvent| matches!(event, ReleaseEvent::RollingBack(why) if why.contains("deadline"));
    assert!(model.events.iter().any(given_up), "{:?}", model.events);
}

#[test]
fn ready_thresholds_below_100_are_enough_everywhere() {
    let mut model = Model::cold(weighted());
    model.happen(&Happening::Thresholds(50, 50));
    model.happen(&Happening::Room(1));
    until(&mut model, Stage::Rest);
    assert_eq!(model.primary.as_ref().map(|p| (p.replicas, p.ready)), Some((2, 1)));
    model.happen(&Happening::Room(3));
    model.happen(&Happening::Apply(2));
    until(&mut model, Stage::Cutover);
    assert_eq!(model.target.as_ref().map(|t| (t.replicas, t.ready)), Some((2, 1)));
    until(&mut model, Stage::Rest);
    assert_eq!(
        (model.state.phase, model.state.last_promoted.clone()),
        (Phase::Succeeded, Some(hash(2)))
    );
}

#[test]
fn a_warm_up_longer_than_the_deadline_survives_one_pods_blip() {
    let mut model = released();
    model.settings.delay = seconds(300);
    until(&mut model, Stage::Settling);
    model.now += seconds(100);
    model.step();
    model.happen(&Happening::LoseSome(false, 1));
    model.step();
    model.step();
    model.now += seconds(200);
    model.step();
    assert_eq!(model.state.stage, Stage::Settling, "{:?}", model.events);
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Succeeded);
}

#[test]
fn a_late_weight_is_judged_an_interval_after_it_was_really_shown() {
    let mut model = released();
    until(&mut model, Stage::Analysing);
    let mut seen = model.seen();
    // The route is written two minutes late.
    seen.traffic = Some(Traffic::PRIMARY);
    model.settings.deadline = Duration::from_secs(3600);
    let due = model.now + model.settings.interval;
    let mut state = State {
        due: Some(due),
        moved_at: None,
        ..model.state.clone()
    };
    let late = due + seconds(120);
    state = step(&model.settings, &state, &seen, late).state;
    assert_eq!(state.moved_at, None);
    seen.traffic = Some(state.traffic());
    let outcome = step(&model.settings, &state, &seen, late);
    assert_eq!(outcome.ask, None, "nothing is checked at once");
    assert_eq!(outcome.state.due, Some(late + model.settings.interval));
}

#[test]
fn a_route_that_does_not_follow_is_said_at_once_and_given_up_at_the_deadline() {
    let mut model = released();
    until(&mut model, Stage::Analysing);
    let mut seen = model.seen();
    seen.route_trouble = Some("HTTPRoute web is refused by gateway g".into());
    seen.checks = None;
    let state = State {
        moved_at: None,
        ..model.state.clone()
    };
    let first = step(&model.settings, &state, &seen, model.now);
    assert!(
        matches!(first.events.as_slice(), [ReleaseEvent::RouteTrouble(why)] if why.contains("gateway g")),
        "{:?}",
        first.events
    );
    let last = step(
        &model.settings,
        &first.state,
        &seen,
        model.now + model.settings.deadline,
    );
    assert_eq!(last.state.stage, Stage::RollingBack);
}

#[test]
fn what_is_wanted_of_production_reaches_primary_in_the_run() {
    let mut model = released();
    shown(&mut model, 20);
    model.happen(&Happening::Scale(6));
    model.step();
    assert_eq!(model.primary.as_ref().map(|p| p.replicas), Some(6));
    model.primary.as_mut().unwrap().replicas = 0;
    model.step();
    assert_eq!(model.primary.as_ref().map(|p| p.replicas), Some(6), "set to 0 by hand");
}

#[test]
fn without_the_webhook_a_change_never_rolls_pods_that_serve() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Webhook(false));
    model.happen(&Happening::Apply(2));
    until(&mut model, Stage::Replacing);
    model.happen(&Happening::Apply(3));
    assert_eq!(model.target.as_ref().map(|t| t.running), Some(2));
    until(&mut model, Stage::Rest);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
    until(&mut model, Stage::Analysing);
    run_unlabelled(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(3)));
}

// As `run`, where the webhook takes no part.
fn run_unlabelled(model: &mut Model) {
    model.settle();
    model.happen(&Happening::Webhook(true));
    run(model);
}

#[test]
fn a_route_that_cannot_be_moved_ends_the_run_before_its_first_traffic() {
    let mut model = released();
    until(&mut model, Stage::Settling);
    let mut seen = model.seen();
    seen.route_trouble = Some("HTTPRoute web has 9 rules".into());
    let mut state = model.state.clone();
    let mut events = Vec::new();
    for second in 0..=70 {
        let outcome = step(&model.settings, &state, &seen, model.now + seconds(second));
        assert!(
            second < 5
                || state.stage != Stage::Settling
                || outcome.state == state
                || outcome.state.stage != state.stage,
            "nothing new is recorded while it waits"
        );
        events.extend(outcome.events);
        state = outcome.state;
        if state.stage != Stage::Settling {
            break;
        }
    }
    assert_eq!(state.stage, Stage::RollingBack, "{events:?}");
    assert!(
        matches!(events.first(), Some(ReleaseEvent::RouteTrouble(_))),
        "{events:?}"
    );
}

#[test]
pub(super) fn a_canary_that_dies_while_it_grows_to_carry_everything_gives_its_share_back() {
    let mut model = released();
    until(&mut model, Stage::Analysing);
    model.happen(&Happening::Room(8));
    model.happen(&Happening::Scale(6));
    until(&mut model, Stage::Carrying);
    model.happen(&Happening::LoseSome(false, 100));
    model.step();
    assert_eq!(model.traffic, Traffic::PRIMARY, "{:?}", model.state);
}

#[test]
fn going_back_before_primary_is_replaced_sends_nobody_else_to_the_canary() {
    for stage in [Stage::Carrying, Stage::Cutover] {
        let mut model = released();
        until(&mut model, Stage::Analysing);
        if stage == Stage::Carrying {
            model.happen(&Happening::Room(8));
            model.happen(&Happening::Scale(6));
        }
        until(&mut model, stage);
        model.happen(&Happening::Apply(1));
        model.step();
        assert_eq!(
            (model.state.stage, model.traffic),
            (Stage::Cancelling, Traffic::PRIMARY),
            "{stage:?}"
        );
        model.happen(&Happening::Room(100));
        run(&mut model);
        assert_eq!(model.state.last_promoted, Some(hash(1)));
    }
}

#[test]
fn a_primary_that_stays_short_of_pods_at_the_end_is_told_as_stuck_and_given_up() {
    let mut model = released();
    until(&mut model, Stage::Draining);
    model.happen(&Happening::Room(4));
    model.happen(&Happening::LoseSome(true, 1));
    model.step();
    assert_eq!(model.state.stage, Stage::Draining);
    model.happen(&Happening::Wait(100));
    model.step();
    assert_eq!(
        (model.state.stage, model.traffic),
        (Stage::Replacing, Traffic::CANARY),
        "{:?}",
        model.state
    );
    model.happen(&Happening::Leave(true));
    model.happen(&Happening::Room(100));
    model.leave();
}

#[test]
fn primary_is_not_replaced_before_the_gateway_has_taken_users_off_it_unless_it_never_tells() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Apply(2));
    until(&mut model, Stage::Cutover);
    model.pending = true;
    for second in 0..25 {
        model.step();
        model.now += seconds(1);
        assert_eq!(model.state.stage, Stage::Cutover, "after {second} s");
    }
    model.pending = false;
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
    // One that says less than it did is not waited for without end.
    model.pending = true;
    model.happen(&Happening::Apply(3));
    until(&mut model, Stage::Replacing);
    model.pending = false;
    run(&mut model);
}

#[test]
fn a_skip_that_has_nothing_to_skip_gives_no_traffic_to_a_primary_that_was_just_edited() {
    let mut model = Model::hot(Strategy::Weighted(vec![20, 40, 60]));
    let skip = Commands {
        skip: true,
        reset: false,
    };
    until(&mut model, Stage::Building);
    for (what, steps) in [
        (Happening::Apply(1), 2),
        (Happening::Annotate(skip), 0),
        (Happening::Crash(2), 0),
        (Happening::Wait(1), 1),
        (Happening::EditPrimary, 0),
    ] {
        model.happen(&what);
        (0..steps).for_each(|_| model.step());
    }
    assert_eq!(model.state.stage, Stage::Switching);
    run(&mut model);
}
