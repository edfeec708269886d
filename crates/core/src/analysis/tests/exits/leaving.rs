//! The way out, from whatever stage.

use super::*;
use crate::plan::ApexSide;

#[test]
fn a_promotion_that_primary_cannot_follow_does_not_keep_anybody_from_leaving() {
    let mut model = stuck_in_promotion();
    model.happen(&Happening::Apply(3));
    model.happen(&Happening::Leave(true));
    model.leave();
    assert_eq!(
        model.target.as_ref().unwrap().running,
        2,
        "what was verified serves, not what came after it"
    );
}

#[test]
fn leaving_keeps_to_the_side_that_serves() {
    let mut model = Model::hot(weighted());
    until(&mut model, Stage::Switching);
    model.happen(&Happening::LoseSome(true, 100));
    model.happen(&Happening::Pods(false));
    model.happen(&Happening::LoseSome(true, 100));
    model.step();
    assert_eq!(model.apex, ApexSide::Target);
    model.happen(&Happening::Leave(true));
    model.step();
    assert_eq!((model.state.stage, model.apex), (Stage::LeavingScale, ApexSide::Target));
    model.leave();
}

// `coalmine leave --cancel`: what was about to be given back is released as before, and may leave again at any time.
#[test]
fn whoever_is_told_to_stay_in_time_stays_as_it_was() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Leave(true));
    until(&mut model, Stage::LeavingScale);
    model.happen(&Happening::Leave(false));
    model.step();
    assert_eq!(
        (model.state.stage, model.state.phase),
        (Stage::Rest, Phase::Initialized)
    );
    run(&mut model);
    assert_eq!(
        model.target.as_ref().unwrap().replicas,
        0,
        "primary serves, and it alone"
    );
    model.happen(&Happening::Apply(2));
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Succeeded);
    model.happen(&Happening::Leave(true));
    model.leave();
}

#[test]
fn whoever_is_built_anew_on_the_way_out_leaves_without_a_gap() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Leave(true));
    until(&mut model, Stage::LeavingSwitch);
    for _ in 0..3 {
        model.happen(&Happening::Leave(false));
        model.step();
        model.happen(&Happening::Leave(true));
        model.step();
    }
    model.leave();
}

#[test]
fn users_go_on_to_services_that_the_gateway_has_heard_of_unless_it_never_hears() {
    let leaves = || {
        let mut model = Model::cold(weighted());
        run(&mut model);
        model.unnamed = true;
        model.happen(&Happening::Leave(true));
        until(&mut model, Stage::LeavingScale);
        model
    };
    for (mut model, stage) in [
        (leaves(), Stage::LeavingScale),
        (Model::hot(weighted()), Stage::Building),
    ] {
        model.unnamed = true;
        for second in 0..20 {
            model.step();
            model.now += seconds(1);
            assert_eq!(model.state.stage, stage, "after {second} s");
        }
        let begun = model.now;
        model.unnamed = false;
        while model.state.stage == stage {
            model.step();
            model.now += seconds(1);
        }
        assert!(model.now <= begun + seconds(4), "{:?}", model.state);
    }
    // Whoever has ceased to tell keeps nobody in, and nobody out.
    leaves().leave();
    for mut model in [Model::hot(weighted()), Model::cold(weighted())] {
        model.unnamed = true;
        run(&mut model);
    }
}

#[test]
fn whoever_leaves_before_anybody_was_sent_to_primary_stays_where_he_is() {
    let mut model = Model::hot(weighted());
    model.step();
    assert_eq!(model.state.stage, Stage::Building);
    let mut seen = model.seen();
    // The route names the halves and gives them nothing.
    (seen.split, seen.led, seen.traffic) = (true, false, Some(Traffic::PRIMARY));
    let leaving = RunSettings {
        leaving: true,
        ..model.settings.clone()
    };
    let outcome = step(&leaving, &model.state, &seen, model.now);
    assert_eq!(outcome.state.stage, Stage::Left);
}
