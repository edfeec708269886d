//! Random histories: whatever people and pods do, and wherever the program is killed, the invariants hold and every history
//! comes to rest.

mod by_hand;
mod flagger;
mod random;
pub(super) mod scaled;
pub(super) mod table;

use super::model::GATES;
use super::model::{Happening, Model};
use super::{exits, sleep, strategy, unbuilt};
use crate::analysis::Stage;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use random::{happening, history};

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

fn play_any(mut runner: TestRunner) {
    let promotion_step = prop_oneof![Just(0u8), Just(50u8)];
    let gates = proptest::sample::subsequence(&GATES[..], 0..=GATES.len());
    let settings = (promotion_step, gates, any::<bool>(), strategy::any_strategy());
    let leaves = prop_oneof![4 => Just(false), 1 => Just(true)];
    let cases = (any::<bool>(), settings, history(), leaves);
    let outcome = runner.run(&cases, |(hot, settings, history, leaves)| {
        let (promotion_step, gates, queue, (strategy, mirror, most_checks, sticky)) = settings;
        let mut model = if hot {
            Model::hot(strategy)
        } else {
            Model::cold(strategy)
        };
        model.settings.promotion_step = promotion_step;
        model.settings.hooks = gates.into_iter().collect();
        model.settings.queue = queue;
        model.settings.mirror = mirror;
        model.settings.most_checks = most_checks;
        model.settings.sessions = sticky.then(strategy::sessions);
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
        by_hand::stays_after_all(stage);
    }
    by_hand::stays_without_primary();
    let too_few = [Happening::Scale(5), Happening::Pods(false)];
    by_hand::broken_in(Stage::Carrying, &too_few, &Happening::Leave(true));
    by_hand::broken_in(Stage::Carrying, &too_few, &Happening::Wait(200));
    let gone = [Happening::Pods(false), Happening::LosePods];
    by_hand::broken_in(Stage::Faltering, &gone, &Happening::Delete);
    by_hand::broken_in(Stage::Faltering, &gone, &Happening::Wait(200));
    by_hand::broken_in(Stage::Carrying, &too_few, &Happening::Delete);
    play(exits::stuck_in_promotion(), &[], false);
    by_hand::configs_change_before_primary_is_made();
    by_hand::all_goes_back_in_cutover();
    by_hand::leaves_while_its_pods_go();
    by_hand::a_pod_is_lost_in_cutover();
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
