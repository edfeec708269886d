//! What a change of the ConfigMaps and Secrets does that pods read.

use super::model::{Happening, Model, hash, revision};
use super::{dies_before_primary_is_made, run, until, weighted};
use crate::analysis::{Commands, ReleaseEvent, Stage};
use crate::api::canary::Phase;

#[test]
fn an_edited_config_is_released_like_a_template() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.events.clear();
    model.happen(&Happening::Config(2));
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(revision(1, 2)));
    assert!(model.events.contains(&ReleaseEvent::CanaryWeight(20)));
    model.answer = 1;
    model.happen(&Happening::Config(3));
    run(&mut model);
    assert_eq!(
        (model.state.phase, model.primary.as_ref().unwrap().read),
        (Phase::Failed, 2)
    );
    // Back to what is promoted clears it, without a run.
    model.events.clear();
    model.happen(&Happening::Config(2));
    run(&mut model);
    assert_eq!(
        (model.state.phase, model.events.as_slice()),
        (Phase::Succeeded, [].as_slice())
    );
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
        model.events.clear();
        model.happen(&Happening::Config(new));
        until(&mut model, Stage::Emptying);
        assert_eq!(model.primary.as_ref().unwrap().read, old, "{stage:?}");
        run(&mut model);
        assert!(model.events.contains(&ReleaseEvent::CanaryWeight(20)), "{stage:?}");
        assert_eq!(model.primary.as_ref().unwrap().read, new);
    }
}

// A random history found it: the app was just taken over, and its own pods were still there.
#[test]
fn a_promotion_without_analysis_waits_for_pods_with_older_data_to_go() {
    let skip = Commands {
        skip: true,
        reset: false,
    };
    let mut model = Model::hot(weighted());
    for (what, steps) in [
        (Happening::Edit(1), 2),
        (Happening::Wait(1), 1),
        (Happening::Config(2), 1),
        (Happening::Wait(2), 0),
        (Happening::Annotate(skip), 0),
        (Happening::Crash(2), 1),
        (Happening::LoseSome(false, 1), 3),
        (Happening::Wait(1), 1),
    ] {
        model.happen(&what);
        (0..steps).for_each(|_| model.step());
    }
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(revision(1, 2)));
    assert!(
        model.events.contains(&ReleaseEvent::PromotedUnanalysed),
        "{:?}",
        model.events
    );
}

#[test]
fn a_config_that_is_missing_is_waited_for_by_name_and_starts_nothing() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.events.clear();
    model.happen(&Happening::ConfigGone(true));
    for _ in 0..5 {
        model.step();
    }
    assert_eq!(model.events, [ReleaseEvent::ConfigMissing("ConfigMap app".into())]);
    model.happen(&Happening::ConfigGone(false));
    run(&mut model);
    assert_eq!(
        (model.events.len(), model.state.last_promoted.clone()),
        (1, Some(hash(1)))
    );
}
