//! A pair that Flagger made goes on as it runs, and a primary that somebody edits is put right.

use super::*;
use crate::analysis::{DesiredState, Inherited, Observation, PrimaryTemplate, State, StepOutcome, step};
use crate::plan::ApexSide;

/// Primary serves revision 1 as Flagger made it; the target holds another one at `replicas`.
fn left_by_flagger(template: u8, replicas: u32) -> Model {
    let mut model = Model::cold(weighted());
    let workload = |template: u8, replicas| model::Workload {
        template,
        running: template,
        replicas,
        ready: replicas,
        read: 1,
    };
    model.label = None;
    model.target = Some(workload(template, replicas));
    model.primary = Some(workload(1, 2));
    model
}

fn seen(model: &Model, phase: Option<Phase>) -> Observation {
    let mut seen = model.seen();
    seen.inherited = phase.map(|phase| Inherited {
        revision: hash(1),
        phase,
    });
    if let Some(primary) = seen.primary.as_mut().filter(|_| phase.is_some()) {
        primary.revision = None;
    }
    seen
}

/// Steps until a stage lasts, always as if `seen` said the same; answers every outcome.
fn steps(model: &mut Model, phase: Option<Phase>) -> Vec<StepOutcome> {
    let mut all = Vec::new();
    for _ in 0..8 {
        let outcome = step(&model.settings, &model.state, &seen(model, phase), model.now);
        model.state = outcome.state.clone();
        model.now += model::seconds(3);
        all.push(outcome);
    }
    all
}

#[test]
fn nothing_of_a_pair_of_flaggers_rolls_or_starts_whatever_its_target_holds() {
    for (phase, template, end) in [
        (Phase::Succeeded, 1, Phase::Succeeded),
        (Phase::Initialized, 1, Phase::Initialized),
        (Phase::Failed, 2, Phase::Failed),
        (Phase::Failed, 1, Phase::Succeeded),
        (Phase::Succeeded, 2, Phase::Succeeded),
        (Phase::Progressing, 2, Phase::Succeeded),
        (Phase::Promoting, 2, Phase::Succeeded),
        (Phase::Unset, 1, Phase::Initialized),
    ] {
        let mut model = left_by_flagger(template, if phase == Phase::Progressing { 2 } else { 0 });
        let outcomes = steps(&mut model, Some(phase));
        let what = format!("{phase:?} {template}");
        assert_eq!((model.state.stage, model.state.phase), (Stage::Rest, end), "{what}");
        assert_eq!(model.state.last_promoted, Some(hash(1)), "{what}");
        for outcome in &outcomes {
            assert_eq!(outcome.desired.primary, Some(PrimaryTemplate::Keep), "{what}");
            assert_eq!(outcome.desired.traffic, Some(Traffic::PRIMARY), "{what}");
            assert_eq!(outcome.desired.apex, Some(ApexSide::Primary), "{what}");
        }
        assert_eq!(outcomes.last().unwrap().desired.target_replicas, Some(0), "{what}");
        let told = outcomes
            .iter()
            .flat_map(|d| &d.events)
            .filter(|n| **n == ReleaseEvent::Inherited);
        assert_eq!(told.count(), 1, "{what}");
    }
}

#[test]
fn a_pair_that_flagger_only_began_is_made_like_any_other_and_one_without_pods_is_waited_for() {
    let mut begun = left_by_flagger(1, 2);
    begun.apex = ApexSide::Target;
    let outcome = step(
        &begun.settings,
        &begun.state,
        &seen(&begun, Some(Phase::Initializing)),
        begun.now,
    );
    assert_eq!(outcome.desired.primary, Some(PrimaryTemplate::Revision(hash(1))));

    let mut empty = left_by_flagger(2, 2);
    empty.primary.as_mut().unwrap().ready = 0;
    for outcome in steps(&mut empty, Some(Phase::Promoting)) {
        assert_eq!(outcome.desired, DesiredState::untouched());
    }
    empty.primary.as_mut().unwrap().ready = 2;
    steps(&mut empty, Some(Phase::Promoting));
    assert_eq!(empty.state.last_promoted, Some(hash(1)));
}

#[test]
fn what_was_left_alone_is_released_by_the_next_change_or_when_it_is_asked_for() {
    let mut model = left_by_flagger(2, 0);
    steps(&mut model, Some(Phase::Failed));
    let mut changed = model.state.clone();
    model.target.as_mut().unwrap().template = 3;
    let run = |model: &Model, state: &State, observation: &Observation| {
        step(&model.settings, state, observation, model.now).state
    };
    changed = run(&model, &changed, &seen(&model, None));
    assert_eq!(
        (changed.stage, changed.last_applied.as_deref()),
        (Stage::Scaling, Some(hash(3).as_str()))
    );

    model.target.as_mut().unwrap().template = 2;
    let mut asked = model.state.clone();
    asked.commands.reset = true;
    assert_eq!(run(&model, &asked, &seen(&model, None)).last_applied, Some(hash(2)));
}

#[test]
fn an_edited_primary_is_made_again_of_what_it_was_made_from() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.state.last_applied = Some(hash(2));
    let mut observation = seen(&model, None);
    observation.primary.as_mut().unwrap().edited = true;
    for (stage, wanted) in [
        (Stage::Rest, PrimaryTemplate::Restored(hash(1))),
        (Stage::Waiting, PrimaryTemplate::Restored(hash(1))),
        (Stage::Analysing, PrimaryTemplate::Restored(hash(1))),
        (Stage::Carrying, PrimaryTemplate::Restored(hash(1))),
        (Stage::RollingBack, PrimaryTemplate::Restored(hash(1))),
        (Stage::Cutover, PrimaryTemplate::Keep),
        (Stage::Replacing, PrimaryTemplate::Revision(hash(2))),
        (Stage::Returning, PrimaryTemplate::Restored(hash(2))),
        (Stage::Draining, PrimaryTemplate::Restored(hash(2))),
    ] {
        let state = State {
            stage,
            ..model.state.clone()
        };
        assert_eq!(
            DesiredState::of(&model.settings, &state, &observation).primary,
            Some(wanted),
            "{stage:?}"
        );
    }
    let mut alone = observation.clone();
    alone.target = None;
    let desired = DesiredState::of(&model.settings, &model.state, &alone);
    assert_eq!(
        desired.primary,
        Some(PrimaryTemplate::Restored(hash(1))),
        "its target was deleted"
    );
    let suspended = RunSettings {
        suspended: true,
        ..model.settings.clone()
    };
    assert_eq!(DesiredState::of(&suspended, &model.state, &observation).primary, None);
}
