//! How a Canary shows its revision: the strategy of its analysis, what is copied, whom cookies keep.

use super::{Sessions, Strategy, weight_steps};
use crate::{
    api::{
        Canary,
        canary::{Analysis, AnalysisKind},
    },
    plan::settings::exposure::affinity,
};

/// Checks of a blue/green run that names no number of its own (Flagger: `Setting canaryAnalysis.iterations: 10`).
const DEFAULT_ITERATIONS: u32 = 10;

/// The strategy; `routed` says that there are shares, by a provider with routes and a Service, and `told_apart` that requests
/// can be told from each other by what they say. A test whose users nobody can tell is checked without any. One that has
/// weights in the place of `iterations`, as Flagger takes it, is checked once for each.
pub(super) fn strategy(canary: &Canary, routed: bool, told_apart: bool) -> Strategy {
    let analysis = canary.analysis();
    let iterations = u32::try_from(analysis.iterations()).unwrap_or(0);
    let counted = if iterations > 0 { iterations } else { DEFAULT_ITERATIONS };
    match analysis.kind() {
        _ if !routed => Strategy::Iterations(counted),
        AnalysisKind::AbTest => {
            let by_weights = all_at_once(canary);
            let checks = if by_weights { count(&steps(analysis)) } else { counted };
            if told_apart {
                Strategy::Matched(checks)
            } else {
                Strategy::Iterations(checks)
            }
        }
        AnalysisKind::BlueGreen if iterations > 0 => Strategy::Iterations(iterations),
        AnalysisKind::BlueGreen | AnalysisKind::Weighted => Strategy::Weighted(steps(analysis)),
    }
}

// The weights that an analysis goes through.
fn steps(analysis: &Analysis) -> Vec<u8> {
    let listed: Vec<u8> = analysis.step_weights().into_iter().map(percent).collect();
    weight_steps(percent(analysis.step_weight()), percent(analysis.max_weight()), &listed)
}

fn count(steps: &[u8]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

/// `iterations` beside weights: passed checks after which the run is promoted, whatever the weight.
pub(super) fn most_checks(canary: &Canary) -> Option<u32> {
    let analysis = canary.analysis();
    let iterations = u32::try_from(analysis.iterations()).ok().filter(|n| *n > 0);
    iterations.filter(|_| analysis.kind() == AnalysisKind::Weighted)
}

/// Whether weights stand where an A/B test has `iterations`: they count its checks, and nobody is drawn by them.
pub(super) fn all_at_once(canary: &Canary) -> bool {
    let analysis = canary.analysis();
    analysis.kind() == AnalysisKind::AbTest && analysis.iterations() <= 0 && analysis.is_weighted()
}

/// Percent of requests that are copied to the canary, one entry per check, rising; empty without a mirror.
///
/// `canaryAnalysis.stepWeightPromotion` adds to it after each passed check up to `maxMirrorWeight`; without it, it stays at
/// `mirrorWeight` (default 100). An A/B test has its own users, so nothing is copied there.
pub(super) fn mirror(canary: &Canary, routed: bool) -> Vec<u8> {
    let analysis = canary.analysis();
    if !analysis.mirrored() || !routed || analysis.kind() == AnalysisKind::AbTest {
        return Vec::new();
    }
    let extras = canary.extras();
    let given = |number: Option<crate::api::Number>| number.map(|n| percent(n.int())).filter(|n| *n > 0);
    let most = given(extras.max_mirror_weight).unwrap_or(100);
    let start = given(analysis.mirror_weight);
    let Some(step) = given(extras.step_weight_promotion) else {
        return vec![start.unwrap_or(100).min(most)];
    };
    let mut percents = vec![start.unwrap_or(step).min(most)];
    while let Some(last) = percents.last().copied().filter(|last| *last < most) {
        percents.push(last.saturating_add(step).min(most));
    }
    percents
}

/// The names of the cookies, where the provider has cookies.
pub(super) fn sessions(canary: &Canary, routed: bool) -> Option<Sessions> {
    let affinity = affinity(canary).filter(|_| routed)?;
    Some(Sessions {
        canary: affinity.cookie_name,
        primary: affinity.primary_cookie_name,
        seed: canary.metadata.uid.clone().unwrap_or_default(),
    })
}

/// A number from 0 to 100.
pub(super) fn percent(number: i32) -> u8 {
    u8::try_from(number.clamp(0, 100)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn canary(analysis: Value) -> Canary {
        let spec =
            json!({"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "analysis": analysis});
        Canary::new("web", serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn each_strategy_is_told_by_its_fields() {
        let of = |analysis| strategy(&canary(analysis), true, true);
        let users = json!([{"headers": {"x-canary": {"exact": "yes"}}}]);
        assert_eq!(of(json!({"stepWeight": 50})), Strategy::Weighted(vec![50, 100]));
        assert_eq!(
            of(json!({"stepWeight": 50, "iterations": 3})),
            Strategy::Weighted(vec![50, 100])
        );
        assert_eq!(of(json!({"iterations": 3})), Strategy::Iterations(3));
        assert_eq!(of(json!({"iterations": 3, "match": users})), Strategy::Matched(3));
        // Named users stay the only ones, whatever weights stand beside them.
        assert_eq!(
            of(json!({"iterations": 3, "stepWeight": 50, "match": users})),
            Strategy::Matched(3)
        );
        // The same without iterations: a release for some users that Flagger was asked for goes to nobody else.
        assert_eq!(
            of(json!({"stepWeight": 10, "maxWeight": 50, "match": users})),
            Strategy::Matched(5)
        );
        assert_eq!(of(json!({"stepWeights": [1, 5], "match": users})), Strategy::Matched(2));
        assert_eq!(of(json!({"match": users})), Strategy::Matched(10));
        assert_eq!(of(json!({})), Strategy::Weighted(vec![100]));
        let blind = |analysis| strategy(&canary(analysis), true, false);
        assert_eq!(blind(json!({"iterations": 3, "match": users})), Strategy::Iterations(3));
        assert_eq!(blind(json!({"stepWeight": 50})), Strategy::Weighted(vec![50, 100]));
        assert_eq!(
            blind(json!({"stepWeight": 50, "match": users})),
            Strategy::Iterations(2)
        );
        let unrouted = |analysis| strategy(&canary(analysis), false, false);
        assert_eq!(unrouted(json!({"stepWeight": 50})), Strategy::Iterations(10));
        assert_eq!(
            unrouted(json!({"iterations": 3, "match": users})),
            Strategy::Iterations(3)
        );
    }

    #[test]
    fn weights_in_the_place_of_iterations_are_known() {
        let of = |analysis| all_at_once(&canary(analysis));
        let users = json!([{"headers": {"x-canary": {"exact": "yes"}}}]);
        assert!(of(json!({"stepWeight": 10, "maxWeight": 50, "match": users})));
        assert!(of(json!({"stepWeights": [1, 5], "match": users})));
        assert!(!of(json!({"iterations": 3, "stepWeight": 50, "match": users})));
        assert!(!of(json!({"iterations": 3, "match": users})));
        assert!(!of(json!({"stepWeight": 50})));
    }

    #[test]
    fn the_mirror_grows_by_its_step_to_its_maximum() {
        let of = |analysis| mirror(&canary(analysis), true);
        let extras = |step: u8, most: u8| json!({"stepWeightPromotion": step, "maxMirrorWeight": most});
        assert_eq!(of(json!({"iterations": 3})), [0; 0]);
        assert_eq!(of(json!({"iterations": 3, "mirror": true})), [100]);
        assert_eq!(of(json!({"iterations": 3, "mirror": true, "mirrorWeight": 30})), [30]);
        assert_eq!(
            of(json!({"mirror": true, "canaryAnalysis": extras(20, 50)})),
            [20, 40, 50]
        );
        assert_eq!(
            of(json!({"mirror": true, "mirrorWeight": 5, "canaryAnalysis": extras(20, 50)})),
            [5, 25, 45, 50]
        );
        assert_eq!(of(json!({"mirror": true, "canaryAnalysis": extras(60, 50)})), [50]);
        let users = json!([{"headers": {"x-canary": {"exact": "yes"}}}]);
        assert_eq!(of(json!({"iterations": 3, "mirror": true, "match": users})), [0; 0]);
    }

    #[test]
    fn guard_rails_reckon_with_the_steps_that_a_run_goes_through() {
        use crate::plan::settings::rails::climbed;
        for (step, max) in [
            (20, 50),
            (10, 50),
            (60, 100),
            (30, 0),
            (0, 40),
            (100, 100),
            (80, 50),
            (7, 100),
        ] {
            let asked: Analysis = serde_json::from_value(json!({"stepWeight": step, "maxWeight": max})).unwrap();
            let reckoned = climbed(asked.step_weight(), asked.max_weight());
            let reckoned: Vec<u8> = reckoned.into_iter().map(percent).collect();
            assert_eq!(reckoned, steps(&asked), "{step} {max}");
        }
    }
}
