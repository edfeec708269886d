//! What annotations on the Canary ask for: to skip, to start again.

use super::*;

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
        run(&mut model);
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
    run(&mut model);
    annotate(&mut model, true, false);
    run(&mut model);
    assert_eq!(
        (model.state.phase, model.state.last_promoted.clone()),
        (Phase::Succeeded, Some(hash(2)))
    );
    annotate(&mut model, true, false);
    run(&mut model);
    assert_eq!(said(&model, |event| *event == ReleaseEvent::NothingToSkip), 1);
    model.happen(&Happening::Apply(3));
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Failed, "the next run is checked again");
}

#[test]
fn where_the_policy_demands_an_analysis_the_annotation_goes_and_nothing_is_skipped() {
    let mut model = applied(&[]);
    model.settings.analysis_demanded = true;
    model.answer = 1;
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Failed);
    annotate(&mut model, true, false);
    run(&mut model);
    assert_eq!(model.state.phase, Phase::Failed, "what failed is not promoted");
    assert_eq!(said(&model, |event| *event == ReleaseEvent::SkippingForbidden), 1);
    assert!(!model.annotated.any() && !model.state.commands.any());
}

#[test]
fn resetting_runs_a_failed_revision_again_exactly_once() {
    let mut model = applied(&[]);
    model.answer = 1;
    run(&mut model);
    model.answer = 0;
    annotate(&mut model, false, true);
    run(&mut model);
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
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
}

#[test]
fn a_crash_at_any_write_neither_forgets_an_annotation_nor_follows_it_twice() {
    for first in 0..4 {
        for second in 0..4 {
            let mut model = applied(&[]);
            model.answer = 1;
            run(&mut model);
            annotate(&mut model, false, true);
            for crash in [first, second] {
                model.happen(&Happening::Crash(crash));
                model.step();
            }
            run(&mut model);
            assert_eq!(
                said(&model, |event| *event == ReleaseEvent::RunningAgain),
                1,
                "{first} {second}"
            );
        }
    }
}
