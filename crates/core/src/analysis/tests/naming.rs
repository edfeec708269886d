//! Where data planes hear of routes and of Services apart, nobody is sent to what routes do not name.

use super::model::{Happening, Model, hash, seconds};
use super::{run, until, weighted};
use crate::analysis::*;
use crate::plan::ApexSide;

fn says_so(model: &Model) -> bool {
    let said = |event: &ReleaseEvent| matches!(event, ReleaseEvent::RouteTrouble(_));
    model.events.iter().any(said)
}

#[test]
fn a_route_that_is_applied_without_the_names_is_waited_for_however_long_the_stage_has_lasted() {
    let mut model = Model::hot(weighted());
    model.happen(&Happening::Pods(false));
    for _ in 0..50 {
        model.step();
        model.now += seconds(1);
    }
    assert_eq!(model.state.stage, Stage::Building);
    model.unnamed = true;
    model.happen(&Happening::Pods(true));
    for second in 0..5 {
        model.step();
        model.now += seconds(1);
        assert_eq!(model.state.stage, Stage::Building, "after {second} s");
    }
    assert!(says_so(&model), "{:?}", model.events);
    model.unnamed = false;
    until(&mut model, Stage::Switching);
    run(&mut model);
}

#[test]
fn a_pair_that_serves_is_named_before_a_new_canary_sends_anybody_to_it() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    let anew = State::new(model.now);
    let named = step(&model.settings, &anew, &model.seen(), model.now);
    assert_eq!(named.state.stage, Stage::Switching, "nothing is waited for");
    model.state = anew;
    model.unnamed = true;
    for _ in 0..20 {
        let outcome = step(&model.settings, &model.state, &model.seen(), model.now);
        assert_eq!(outcome.state.stage, Stage::Building);
        let desired = outcome.desired;
        assert_eq!((desired.traffic, desired.named), (None, true));
        assert_eq!(desired.apex, Some(ApexSide::Primary));
        assert_eq!(desired.primary, Some(PrimaryTemplate::Keep));
        model.step();
        model.now += seconds(1);
    }
    assert!(says_so(&model), "{:?}", model.events);
    // A primary that loses its pods meanwhile is not built over.
    model.happen(&Happening::LoseSome(true, 100));
    model.step();
    assert_eq!(model.primary.as_ref().unwrap().template, 1);
    model.unnamed = false;
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(1)));
}

#[test]
fn whoever_takes_the_names_off_each_time_keeps_nobody_for_ever() {
    let mut model = Model::cold(weighted());
    run(&mut model);
    model.state = State::new(model.now);
    model.unnamed = true;
    run(&mut model);
    model.happen(&Happening::Leave(true));
    model.leave();
}
