//! Numbers and times that nobody means: settings of years, two thousand million pods, a status that somebody wrote. Each
//! step has an answer.

use super::{Model, *};
use crate::analysis::{Observation, Scaler, step};
use jiff::Timestamp;
use proptest::strategy::Strategy as Values;
use std::time::Duration;

fn duration() -> impl Values<Value = Duration> {
    let all = [
        Duration::ZERO,
        Duration::from_secs(1),
        Duration::from_secs(9_223_372_036),
        Duration::MAX,
    ];
    proptest::sample::select(all.to_vec())
}

fn instant() -> impl Values<Value = Timestamp> {
    proptest::sample::select(vec![Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX])
}

fn count() -> impl Values<Value = u32> {
    proptest::sample::select(vec![0, 1, i32::MAX.unsigned_abs(), u32::MAX - 1, u32::MAX])
}

fn settings() -> impl Values<Value = RunSettings> {
    let strategy = prop_oneof![
        Just(weighted()),
        count().prop_map(Strategy::Matched),
        count().prop_map(Strategy::Iterations),
    ];
    let spans = [(); 5].map(|()| duration());
    let counts = [(); 4].map(|()| count());
    (strategy, spans, counts, any::<[bool; 3]>()).prop_map(|(strategy, spans, counts, [skip, leaving, hooks])| {
        let [interval, deadline, delay, settle, drain] = spans;
        let [threshold, canary_threshold, primary_threshold, most] = counts;
        RunSettings {
            interval,
            deadline,
            delay,
            settle,
            drain,
            threshold,
            canary_threshold,
            primary_threshold,
            most_checks: Some(most),
            skip_analysis: skip,
            leaving,
            hooks: HookType::ALL.into_iter().filter(|_| hooks).collect(),
            ..super::model::settings(strategy)
        }
    })
}

fn state() -> impl Values<Value = State> {
    let stage = proptest::sample::select(Stage::ALL.to_vec());
    let instants = [(); 5].map(|()| proptest::option::of(instant()));
    let counts = [(); 4].map(|()| count());
    let revisions = [(); 2].map(|()| proptest::sample::select(vec![None, Some(hash(1)), Some(hash(2))]));
    (stage, instants, counts, revisions, 0u8..=100).prop_map(|(stage, instants, counts, revisions, share)| {
        let [since, moved_at, traffic_since, due, stalled] = instants;
        let [failed_checks, iterations, waits, min_replicas] = counts;
        let [last_applied, last_promoted] = revisions;
        State {
            stage,
            moved_at,
            traffic_since,
            due,
            stalled,
            failed_checks,
            iterations,
            waits,
            min_replicas,
            intent: Traffic::share(share),
            last_applied,
            last_promoted,
            ..State::new(since.unwrap_or(Timestamp::UNIX_EPOCH))
        }
    })
}

/// What a cluster shows whose numbers are as large as they can be.
fn seen() -> impl Values<Value = Observation> {
    let counts = [(); 6].map(|()| count());
    (0u8..6, any::<bool>(), counts, instant()).prop_map(|(answer, scaled, counts, due)| {
        let mut model = Model::cold(weighted());
        run(&mut model);
        model.answer = answer;
        model.state.due = Some(model.now);
        let mut seen = model.seen();
        let [replicas, wanted, endpoints, primary, its_endpoints, max] = counts;
        if let Some(target) = seen.target.as_mut() {
            (target.replicas, target.wanted, target.endpoints) = (replicas, wanted, Some(endpoints));
        }
        if let Some(one) = seen.primary.as_mut() {
            (one.replicas, one.endpoints) = (primary, Some(its_endpoints));
        }
        seen.scaler = scaled.then_some(Scaler { max });
        if let Some(checks) = seen.checks.as_mut() {
            checks.due = due;
        }
        seen
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]
    #[test]
    fn every_step_has_an_answer_and_the_same_again(settings in settings(), state in state(), seen in seen(), now in instant()) {
        let mut state = state;
        for _ in 0..4 {
            let outcome = step(&settings, &state, &seen, now);
            prop_assert_eq!(&outcome, &step(&settings, &state, &seen, now));
            state = outcome.state;
        }
    }
}
