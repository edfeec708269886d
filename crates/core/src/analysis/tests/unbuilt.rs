//! Nothing is held for a pair that cannot be built, and no revision runs that may not run beside primary.

use super::model::{Happening, Model, hash, seconds};
use super::{run, until, weighted};
use crate::analysis::*;
use crate::api::canary::Phase;
use crate::plan::ApexSide;

#[test]
fn a_revision_that_may_not_run_beside_primary_is_not_released_and_ends_the_run_it_comes_in() {
    for stage in [Stage::Rest, Stage::Scaling, Stage::Analysing, Stage::Restarting] {
        let mut model = Model::cold(weighted());
        run(&mut model);
        if stage != Stage::Rest {
            model.happen(&Happening::Apply(2));
            let meets = if stage == Stage::Restarting {
                Stage::Analysing
            } else {
                stage
            };
            until(&mut model, meets);
        }
        if stage == Stage::Restarting {
            // A third revision in between.
            model.happen(&Happening::Config(2));
            until(&mut model, stage);
        }
        model.apart = Some(3);
        model.events.clear();
        model.happen(&Happening::Apply(3));
        for _ in 0..60 {
            model.step();
            model.now += seconds(1);
        }
        assert_eq!(model.state.stage, Stage::Rest, "{stage:?}");
        assert_eq!(model.target.as_ref().unwrap().replicas, 0, "{stage:?}");
        assert_eq!(model.primary.as_ref().unwrap().template, 1, "{stage:?}");
        let said = model
            .events
            .iter()
            .filter(|event| matches!(event, ReleaseEvent::Apart(_)))
            .count();
        assert!((1..=2).contains(&said), "{stage:?} {:?}", model.events);
        // What may is released after it.
        model.happen(&Happening::Apply(2));
        run(&mut model);
        assert_eq!(model.primary.as_ref().unwrap().template, 2, "{stage:?}");
    }
}

#[test]
fn what_is_held_for_a_primary_that_does_not_come_is_given_back_and_paired_when_it_can_be() {
    for (primary, pods) in [(true, false), (false, true)] {
        for hot in [false, true] {
            let mut model = if hot {
                Model::hot(weighted())
            } else {
                Model::cold(weighted())
            };
            model.happen(&Happening::Refuse(primary, pods));
            for _ in 0..13 {
                model.step();
                model.now += seconds(1);
            }
            let target = model.target.clone().unwrap();
            assert_eq!((target.replicas, model.held), (2, false), "{primary} {pods} {hot}");
            assert_eq!(model.apex, ApexSide::Target, "{primary} {pods} {hot}");
            let said = |event: &ReleaseEvent| matches!(event, ReleaseEvent::Unbuilt(_));
            assert_eq!(
                model.events.iter().filter(|event| said(event)).count(),
                1,
                "{:?}",
                model.events
            );
            // A change rolls out by itself, and what runs then is what is paired.
            model.happen(&Happening::Apply(2));
            model.step();
            assert!(!model.held, "{primary} {pods} {hot}");
            model.happen(&Happening::Refuse(false, false));
            run(&mut model);
            assert_eq!(model.state.phase, Phase::Initialized, "{primary} {pods} {hot}");
            assert_eq!(model.state.last_promoted, Some(hash(2)), "{primary} {pods} {hot}");
        }
    }
}

#[test]
fn the_time_nobody_is_served_counts_from_the_loss_of_primary_not_from_the_next_look() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Refuse(true, false));
    model.happen(&Happening::DeletePrimary);
    model.step();
    assert_eq!(model.state.stage, Stage::Building);
    // Nobody looks for ten seconds, and then primary may be made again, which takes its time.
    model.happen(&Happening::Wait(10));
    model.happen(&Happening::Refuse(false, false));
    model.step();
    assert_eq!(model.target.as_ref().unwrap().replicas, 2, "{:?}", model.state);
    run(&mut model);
}

#[test]
pub(super) fn a_primary_that_is_not_let_come_back_leaves_the_target_serving() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.happen(&Happening::Refuse(true, false));
    model.happen(&Happening::DeletePrimary);
    for _ in 0..5 {
        model.step();
        model.now += seconds(1);
    }
    assert_eq!(model.target.as_ref().unwrap().replicas, 2, "{:?}", model.state);
    model.happen(&Happening::Refuse(false, false));
    run(&mut model);
}
