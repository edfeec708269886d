//! What each strategy shows, check by check.

use super::{Model, *};
use crate::routing::Cookies;

/// Any strategy with what goes with it: the mirror's percents, the bound on checks, whether cookies keep users.
pub(super) fn any_strategy() -> impl proptest::strategy::Strategy<Value = (Strategy, Vec<u8>, Option<u32>, bool)> {
    let strategy = prop_oneof![
        3 => Just(weighted()),
        1 => Just(Strategy::Weighted(vec![100])),
        2 => (1u32..4).prop_map(Strategy::Matched),
        2 => (1u32..4).prop_map(Strategy::Iterations),
    ];
    let mirror = prop_oneof![Just(vec![]), Just(vec![100]), Just(vec![10, 30, 50])];
    let most = prop_oneof![3 => Just(None), 1 => (1u32..4).prop_map(Some)];
    (strategy, mirror, most, any::<bool>())
}

pub(super) fn sessions() -> Sessions {
    Sessions {
        canary: "canary".into(),
        primary: Some("stable".into()),
        seed: "u-1".into(),
    }
}

/// The traffic of each check of a good run, in order, and how the run ended.
fn shown(settings: impl Fn(&mut RunSettings), strategy: Strategy) -> (Vec<Traffic>, Model) {
    let mut model = Model::cold(strategy);
    settings(&mut model.settings);
    run(&mut model);
    model.events.clear();
    model.happen(&Happening::Apply(2));
    let (mut seen, mut due) = (Vec::new(), None);
    for _ in 0..1_000 {
        let before = model.state.clone();
        model.step();
        if model.state.stage == Stage::Analysing && model.state.due.is_some() && model.state.due != due {
            due = model.state.due;
            seen.push(model.state.intent);
        }
        if model.state == before {
            model.now += super::model::seconds(1);
        }
        if model.state.stage == Stage::Rest {
            break;
        }
    }
    run(&mut model);
    assert_eq!(model.state.last_promoted, Some(hash(2)));
    (seen, model)
}

fn mirrored(percent: u8) -> Traffic {
    Traffic {
        mirror: percent,
        ..Traffic::PRIMARY
    }
}

fn iterations(model: &Model) -> Vec<(u32, u32)> {
    let of = model.events.iter().filter_map(|event| match event {
        ReleaseEvent::Iteration(n, of) => Some((*n, *of)),
        _ => None,
    });
    of.collect()
}

#[test]
fn blue_green_checks_without_users_and_once_with_all() {
    let (seen, model) = shown(|_| {}, Strategy::Iterations(3));
    assert_eq!(
        seen,
        [Traffic::PRIMARY, Traffic::PRIMARY, Traffic::PRIMARY, Traffic::CANARY]
    );
    assert_eq!(iterations(&model), [(1, 3), (2, 3), (3, 3)]);
    assert!(model.events.contains(&ReleaseEvent::CutOver(false)));
}

#[test]
fn blue_green_copies_requests_as_the_mirror_grows() {
    let (seen, model) = shown(|settings| settings.mirror = vec![10, 30], Strategy::Iterations(3));
    assert_eq!(seen, [mirrored(10), mirrored(30), mirrored(30), Traffic::CANARY]);
    assert!(model.events.contains(&ReleaseEvent::CutOver(true)));
}

#[test]
fn weights_come_after_the_mirror_and_always_come() {
    let (seen, model) = shown(|settings| settings.mirror = vec![20, 100], weighted());
    let weights = [20, 40, 60].map(Traffic::share);
    assert_eq!(seen, [[mirrored(20), mirrored(100)].as_slice(), &weights].concat());
    assert!(model.events.contains(&ReleaseEvent::CanaryWeight(0)));
}

#[test]
fn the_first_share_after_copies_waits_for_pods_that_carry_it() {
    let mut model = Model::cold(Strategy::Weighted(vec![100]));
    model.settings.mirror = vec![100];
    run(&mut model);
    model.happen(&Happening::Apply(2));
    for _ in 0..200 {
        if model.state.intent == mirrored(100) {
            break;
        }
        model.step();
        model.now += super::model::seconds(1);
    }
    // More pods are asked for than start.
    model.happen(&Happening::ConfigGone(true));
    model.happen(&Happening::Scale(6));
    for _ in 0..10 {
        model.step();
        assert_eq!(model.state.intent, mirrored(100));
        model.now += super::model::seconds(1);
    }
    model.happen(&Happening::ConfigGone(false));
    run(&mut model);
}

#[test]
fn iterations_beside_weights_bound_the_checks() {
    let (seen, _) = shown(|settings| settings.most_checks = Some(2), weighted());
    assert_eq!(seen, [20, 40].map(Traffic::share));
}

#[test]
fn an_ab_test_shows_the_same_users_the_canary_in_every_iteration() {
    let (seen, model) = shown(|settings| settings.sessions = Some(sessions()), Strategy::Matched(3));
    let chosen = Traffic {
        matched: true,
        sticky: true,
        ..Traffic::PRIMARY
    };
    assert_eq!(seen, [chosen; 3]);
    assert_eq!(iterations(&model), [(1, 3), (2, 3), (3, 3)]);
}

#[test]
fn a_test_with_weights_says_once_that_all_who_match_see_the_canary() {
    let said = |all_at_once: bool, strategy| {
        let (_, model) = shown(|settings| settings.all_at_once = all_at_once, strategy);
        let told = model.events.iter().filter(|event| **event == ReleaseEvent::AllAtOnce);
        told.count()
    };
    assert_eq!(said(true, Strategy::Matched(3)), 1);
    assert_eq!(said(false, Strategy::Matched(3)), 0);
    // Where users cannot be told apart, nobody sees it.
    assert_eq!(said(true, Strategy::Iterations(3)), 0);
}

#[test]
fn the_next_run_of_such_a_test_says_it_again() {
    let mut model = Model::cold(Strategy::Matched(3));
    model.settings.all_at_once = true;
    run(&mut model);
    for template in [2, 3] {
        model.events.clear();
        model.happen(&Happening::Apply(template));
        run(&mut model);
        let told = model.events.iter().filter(|told| **told == ReleaseEvent::AllAtOnce);
        assert_eq!(told.count(), 1, "{template}");
    }
}

#[test]
fn the_canarys_cookie_holds_for_the_run_and_primarys_for_a_step() {
    let mut model = Model::cold(weighted());
    model.settings.sessions = Some(sessions());
    run(&mut model);
    model.happen(&Happening::Apply(2));
    let mut cookies: Vec<Cookies> = Vec::new();
    for _ in 0..1_000 {
        model.step();
        if model.state.intent.sticky && cookies.last() != Some(&model.state.cookies) {
            cookies.push(model.state.cookies.clone());
        }
        if model.state.stage == Stage::Rest {
            break;
        }
        model.now += super::model::seconds(1);
    }
    let [first, second, third] = cookies.as_slice() else {
        panic!("one set of cookies for each of the three weights, not {cookies:?}")
    };
    assert!(
        first
            .canary
            .as_ref()
            .is_some_and(|cookie| cookie.starts_with("canary="))
    );
    assert!(first.canary == second.canary && second.canary == third.canary);
    assert!(first.primary != second.primary && second.primary != third.primary);
    // The run is over: browsers are told to forget.
    let (canary, previous) = (&model.state.cookies.canary, &model.state.cookies.previous);
    assert_eq!((canary, previous), (&None, &first.canary));
}
