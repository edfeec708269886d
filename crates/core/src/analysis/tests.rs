//! Random histories against a model of a cluster: whatever people and pods do, and wherever the program is killed, the
//! invariants hold and every history comes to rest.

mod exits;
mod extremes;
mod faults;
mod flagger;
mod freshness;
mod gates;
mod hooks;
mod inherited;
mod model;
mod scaled;
mod sleep;
mod strategy;
mod table;
mod unbuilt;

use super::Strategy;
use super::*;
use crate::{
    api::canary::{HookType, Phase},
    routing::Traffic,
};
use hooks::Says;
use model::{Happening, Model, hash, revision};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

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

fn foreign() -> impl proptest::strategy::Strategy<Value = Traffic> {
    (0u8..=100, any::<bool>(), 0u8..=100, any::<bool>()).prop_map(|(canary, matched, mirror, sticky)| Traffic {
        matched,
        mirror,
        sticky,
        ..Traffic::share(canary)
    })
}

#[test]
fn an_edited_config_is_released_like_a_template() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.notes.clear();
    model.happen(&Happening::Config(2));
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(revision(1, 2)));
    assert!(model.notes.contains(&Note::CanaryWeight(20)));
    model.answer = 1;
    model.happen(&Happening::Config(3));
    run(&mut model);
    assert_eq!(
        (model.state.phase, model.primary.as_ref().unwrap().read),
        (Phase::Failed, 2)
    );
    // Back to what is promoted clears it, without a run.
    model.notes.clear();
    model.happen(&Happening::Config(2));
    run(&mut model);
    assert_eq!(
        (model.state.phase, model.notes.as_slice()),
        (Phase::Succeeded, [].as_slice())
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
        let next = step(&model.rules, &model.state, &model.seen(), model.now);
        if next.state.stage == Stage::Replacing {
            model.happen(&Happening::Crash(1));
        }
        model.step();
        model.now += model::seconds(1);
    }
}

#[test]
fn a_config_edited_in_mid_run_replaces_the_pods_and_analyses_from_the_first_step() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    for stage in [
        Stage::Scaling,
        Stage::Settling,
        Stage::Analysing,
        Stage::Carrying,
        Stage::Cutover,
        Stage::Replacing,
    ] {
        let (old, new) = (model.config, model.config % 3 + 1);
        model.happen(&Happening::Apply(model.target.as_ref().unwrap().template % 3 + 1));
        if stage == Stage::Carrying {
            until(&mut model, Stage::Analysing);
            model.happen(&Happening::Room(4));
            model.happen(&Happening::Scale(4));
        }
        if stage == Stage::Replacing {
            dies_before_primary_is_made(&mut model);
        }
        until(&mut model, stage);
        model.happen(&Happening::Room(100));
        model.notes.clear();
        model.happen(&Happening::Config(new));
        until(&mut model, Stage::Emptying);
        assert_eq!(model.primary.as_ref().unwrap().read, old, "{stage:?}");
        run(&mut model);
        assert!(model.notes.contains(&Note::CanaryWeight(20)), "{stage:?}");
        assert_eq!(model.primary.as_ref().unwrap().read, new);
    }
}

#[test]
fn a_config_that_is_missing_is_waited_for_by_name_and_starts_nothing() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.notes.clear();
    model.happen(&Happening::ConfigGone(true));
    for _ in 0..5 {
        model.step();
    }
    assert_eq!(model.notes, [Note::ConfigMissing("ConfigMap app".into())]);
    model.happen(&Happening::ConfigGone(false));
    run(&mut model);
    assert_eq!(
        (model.notes.len(), model.state.last_promoted.clone()),
        (1, Some(hash(1)))
    );
}

fn happening() -> impl proptest::strategy::Strategy<Value = Happening> {
    prop_oneof![
        6 => (1u8..=3).prop_map(Happening::Apply),
        1 => (1u8..=3).prop_map(Happening::Bypass),
        3 => (1u8..=3).prop_map(Happening::Config),
        1 => any::<bool>().prop_map(Happening::ConfigGone),
        2 => (0u32..5).prop_map(Happening::Scale),
        8 => (0u8..15).prop_map(Happening::Wait),
        1 => (50u8..120).prop_map(Happening::Wait),
        1 => Just(Happening::LosePods),
        2 => (any::<bool>(), 1u8..4).prop_map(|(primary, n)| Happening::LoseSome(primary, n)),
        1 => Just(Happening::EditPrimary),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(primary, pods)| Happening::Refuse(primary, pods)),
        1 => Just(Happening::DeletePrimary),
        2 => prop_oneof![(1u32..7), Just(100u32)].prop_map(Happening::Room),
        1 => any::<bool>().prop_map(Happening::Webhook),
        1 => any::<bool>().prop_map(Happening::Weights),
        1 => (thresholds(), thresholds()).prop_map(|(canary, primary)| Happening::Thresholds(canary, primary)),
        2 => any::<bool>().prop_map(Happening::Pods),
        3 => (0u8..4).prop_map(Happening::Answer),
        6 => (0u8..5).prop_map(Happening::Crash),
        1 => foreign().prop_map(Happening::ForeignRoute),
        1 => Just(Happening::Delete),
        5 => (hook_type(), says()).prop_map(|(kind, says)| Happening::Hook(kind, says)),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(skip, reset)| Happening::Annotate(Commands { skip, reset })),
        1 => (1u32..5).prop_map(Happening::Edit),
        1 => any::<bool>().prop_map(Happening::Suspend),
        1 => any::<bool>().prop_map(Happening::DryRun),
        1 => (0u8..30).prop_map(Happening::ClockBack),
    ]
}

fn thresholds() -> impl proptest::strategy::Strategy<Value = u32> {
    proptest::sample::select(&[0u32, 50, 80, 100][..])
}

const GATES: [HookType; 6] = [
    HookType::ConfirmRollout,
    HookType::PreRollout,
    HookType::ConfirmTrafficIncrease,
    HookType::ConfirmPromotion,
    HookType::PostRollout,
    HookType::Rollback,
];

fn hook_type() -> impl proptest::strategy::Strategy<Value = HookType> {
    proptest::sample::select(&GATES[..])
}

fn says() -> impl proptest::strategy::Strategy<Value = Says> {
    prop_oneof![4 => Just(Says::Yes), 3 => Just(Says::No), 1 => Just(Says::Nothing)]
}

fn history() -> impl proptest::strategy::Strategy<Value = Vec<(Happening, u8)>> {
    proptest::collection::vec((happening(), 0u8..4), 1..40)
}

fn play(mut model: Model, history: &[(Happening, u8)], leaves: bool) {
    for (what, steps) in history {
        model.happen(what);
        for _ in 0..*steps {
            model.step();
        }
    }
    model.pods_start = true;
    model.config_gone = false;
    model.roll();
    if model.target.is_none() && !leaves {
        model.happen(&Happening::Apply(2));
    }
    model.answer = 0;
    model.everybody_agrees();
    if leaves {
        model.happen(&Happening::Leave(true));
        return model.leave();
    }
    model.settle();
    model.assert_at_rest();
}

// In mid-run, with pods that do not start any more; then `what`, then the end.
fn broken_in(stage: Stage, breaks: &[Happening], what: &Happening) {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Apply(2));
    while model.state.stage != Stage::Analysing {
        model.step();
        model.now += model::seconds(1);
    }
    breaks.iter().for_each(|one| model.happen(one));
    while model.state.stage != stage {
        model.step();
        model.now += model::seconds(1);
    }
    model.happen(what);
    model.step();
    let leaves = model.rules.leaving;
    play(model, &[], leaves);
}

fn configs_change_before_primary_is_made() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Apply(2));
    dies_before_primary_is_made(&mut model);
    model.happen(&Happening::Config(2));
    until(&mut model, Stage::Restarting);
    run(&mut model);
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

// Template and configs go back to what primary serves while the canary carries everything.
fn all_goes_back_in_cutover() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Config(2));
    model.happen(&Happening::Apply(2));
    until(&mut model, Stage::Cutover);
    model.happen(&Happening::Config(1));
    model.happen(&Happening::Apply(1));
    until(&mut model, Stage::Cancelling);
    run(&mut model);
}

// A namespace that opts in again while its Canary is on the way out.
fn stays_after_all(stage: Stage) {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Leave(true));
    for _ in 0..100 {
        if model.state.stage == stage {
            break;
        }
        model.step();
        model.now += model::seconds(1);
    }
    assert_eq!(model.state.stage, stage);
    model.happen(&Happening::Leave(false));
    run(&mut model);
}

// Who stays after all is built anew where primary does not carry everybody any more.
fn stays_without_primary() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Leave(true));
    for _ in 0..100 {
        if model.state.stage == Stage::LeavingScale {
            break;
        }
        model.step();
        model.now += model::seconds(1);
    }
    for one in [Happening::Pods(false), Happening::LosePods, Happening::Leave(false)] {
        model.happen(&one);
    }
    model.step();
    assert_eq!(model.state.stage, Stage::Building);
    model.happen(&Happening::Pods(true));
    run(&mut model);
}

fn play_any(mut runner: TestRunner) {
    let promotion_step = prop_oneof![Just(0u8), Just(50u8)];
    let gates = proptest::sample::subsequence(&GATES[..], 0..=GATES.len());
    let rules = (promotion_step, gates, any::<bool>(), strategy::any_strategy());
    let leaves = prop_oneof![4 => Just(false), 1 => Just(true)];
    let cases = (any::<bool>(), rules, history(), leaves);
    let outcome = runner.run(&cases, |(hot, rules, history, leaves)| {
        let (promotion_step, gates, queue, (strategy, mirror, most_checks, sticky)) = rules;
        let mut model = if hot {
            Model::hot(strategy)
        } else {
            Model::cold(strategy)
        };
        model.rules.promotion_step = promotion_step;
        model.rules.hooks = gates.into_iter().collect();
        model.rules.queue = queue;
        model.rules.mirror = mirror;
        model.rules.most_checks = most_checks;
        model.rules.sessions = sticky.then(strategy::sessions);
        play(model, &history, leaves);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

#[test]
fn every_history_keeps_the_invariants_and_comes_to_rest() {
    play_any(TestRunner::new(config(10_000)));
}

// The same histories every time, and by hand what they are too rare for: all of the table is met by all who run this.
#[test]
fn the_table_says_what_happens() {
    let same = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    play_any(TestRunner::new_with_rng(config(5_000), same));
    for stage in [Stage::LeavingScale, Stage::LeavingSwitch, Stage::Left] {
        stays_after_all(stage);
    }
    stays_without_primary();
    let too_few = [Happening::Scale(5), Happening::Pods(false)];
    broken_in(Stage::Carrying, &too_few, &Happening::Leave(true));
    broken_in(Stage::Carrying, &too_few, &Happening::Wait(200));
    let gone = [Happening::Pods(false), Happening::LosePods];
    broken_in(Stage::Faltering, &gone, &Happening::Delete);
    broken_in(Stage::Faltering, &gone, &Happening::Wait(200));
    broken_in(Stage::Carrying, &too_few, &Happening::Delete);
    play(exits::stuck_in_promotion(), &[], false);
    configs_change_before_primary_is_made();
    all_goes_back_in_cutover();
    exits::a_primary_that_breaks_down_in_promotion_gives_traffic_back_to_the_canary();
    exits::a_canary_that_is_lost_in_promotion_leaves_everybody_to_primary();
    exits::a_target_that_breaks_down_on_the_way_out_is_not_left_alone();
    exits::a_canary_that_dies_while_it_grows_to_carry_everything_gives_its_share_back();
    sleep::a_run_gives_its_traffic_back_before_its_pods_go_and_begins_again();
    sleep::what_changes_while_it_falls_asleep_is_what_waits();
    sleep::what_changes_while_it_waits_begins_without_pods_of_before();
    unbuilt::a_primary_that_is_not_let_come_back_leaves_the_target_serving();
    table::assert_true();
}
