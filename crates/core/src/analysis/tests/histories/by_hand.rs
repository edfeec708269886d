//! Histories that are too rare among random ones.

use super::play;
use crate::analysis::Stage;
use crate::analysis::tests::model::{Happening, Model, seconds};
use crate::analysis::tests::{dies_before_primary_is_made, run, until, weighted};

// In mid-run, with pods that do not start any more; then `what`, then the end.
pub(super) fn broken_in(stage: Stage, breaks: &[Happening], what: &Happening) {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Apply(2));
    while model.state.stage != Stage::Analysing {
        model.step();
        model.now += seconds(1);
    }
    breaks.iter().for_each(|one| model.happen(one));
    while model.state.stage != stage {
        model.step();
        model.now += seconds(1);
    }
    model.happen(what);
    model.step();
    let leaves = model.settings.leaving;
    play(model, &[], leaves);
}

pub(super) fn configs_change_before_primary_is_made() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Apply(2));
    dies_before_primary_is_made(&mut model);
    model.happen(&Happening::Config(2));
    until(&mut model, Stage::Restarting);
    run(&mut model);
}

// Template and configs go back to what primary serves while the canary carries everything.
pub(super) fn all_goes_back_in_cutover() {
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
pub(super) fn stays_after_all(stage: Stage) {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Leave(true));
    for _ in 0..100 {
        if model.state.stage == stage {
            break;
        }
        model.step();
        model.now += seconds(1);
    }
    assert_eq!(model.state.stage, stage);
    model.happen(&Happening::Leave(false));
    run(&mut model);
}

// Who stays after all is built anew where primary does not carry everybody any more.
pub(super) fn stays_without_primary() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Leave(true));
    for _ in 0..100 {
        if model.state.stage == Stage::LeavingScale {
            break;
        }
        model.step();
        model.now += seconds(1);
    }
    for one in [Happening::Pods(false), Happening::LosePods, Happening::Leave(false)] {
        model.happen(&one);
    }
    model.step();
    assert_eq!(model.state.stage, Stage::Building);
    model.happen(&Happening::Pods(true));
    run(&mut model);
}

// The namespace opts out while pods that read the configs of before still go.
pub(super) fn leaves_while_its_pods_go() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Apply(2));
    until(&mut model, Stage::Analysing);
    model.happen(&Happening::Config(2));
    until(&mut model, Stage::Emptying);
    model.happen(&Happening::Leave(true));
    until(&mut model, Stage::Cancelling);
    model.leave();
}

// The canary loses a pod while it takes over everything.
pub(super) fn a_pod_is_lost_in_cutover() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Apply(2));
    until(&mut model, Stage::Cutover);
    model.happen(&Happening::Pods(false));
    model.happen(&Happening::LoseSome(false, 1));
    until(&mut model, Stage::Carrying);
    model.happen(&Happening::Pods(true));
    run(&mut model);
}
