//! What becomes of a Canary that exceeds the guard rails of its policy. Pure.
//!
//! A Canary is judged when its spec is written. Which policy governs it may change without that: by an annotation, by the
//! label of its namespace, by a change of the policy itself, or while the webhook is away. So whoever acts on a Canary holds it
//! to the guard rails of the policy that governs it by then.

use super::effective::{Circumstances, Effective, effective};
use crate::api::{
    Canary, GoDuration, Number,
    canary::{Analysis, AnalysisKind},
    policy::{CanaryPolicy, CanaryPolicySpec, GuardRails},
};
use std::borrow::Cow;

/// A Canary as its policy completes and bounds it.
#[derive(Debug, Clone, PartialEq)]
pub struct GovernedCanary {
    /// The Canary, completed and bounded.
    pub canary: Canary,
    /// What of it exceeded the guard rails, and what counts instead.
    pub exceeded: Vec<String>,
}

/// The Canary as `policy` completes it, within its guard rails; nothing where it is so already.
pub fn governed(canary: &Canary, policy: &CanaryPolicySpec, around: Circumstances<'_>) -> Option<GovernedCanary> {
    let skips = canary.skip_analysis() && demands_analysis(policy);
    let own = if skips {
        let mut own = canary.clone();
        own.spec.skip_analysis = None;
        Cow::Owned(own)
    } else {
        Cow::Borrowed(canary)
    };
    let Effective { mut canary, inherited } = effective(&own, Some(policy), around);
    let skipped = skips.then(|| String::from("spec.skipAnalysis does not count, the policy demands an analysis"));
    let exceeded: Vec<String> = skipped.into_iter().chain(bounded(&mut canary, policy)).collect();
    (!inherited.is_empty() || !exceeded.is_empty()).then_some(GovernedCanary { canary, exceeded })
}

/// Whether the policy demands that every release under it is analysed: one that bounds analyses does.
pub fn demands_analysis(policy: &CanaryPolicySpec) -> bool {
    let rails = policy.guard_rails.as_ref();
    rails.is_some_and(|rails| *rails != GuardRails::default())
}

/// What is said of a policy that is named and does not exist; `instead` is the one that governs.
pub fn no_such_policy(name: &str, instead: Option<&str>) -> String {
    match instead {
        Some(instead) => format!("there is no CanaryPolicy {name:?}, policy {instead:?} governs instead"),
        None => format!("there is no CanaryPolicy {name:?}, and no other governs"),
    }
}

/// The `policy` of a namespace as it governs an app that names another, which is not there, or not yet: nothing is published by
/// it, which would last once the other one is there.
pub fn unpublished(policy: &CanaryPolicy) -> CanaryPolicy {
    let mut policy = policy.clone();
    policy.spec.gateway_refs = None;
    policy.spec.hostname_template = None;
    policy
}

// Answers what was changed.
fn bounded(canary: &mut Canary, policy: &CanaryPolicySpec) -> Vec<String> {
    let Some(rails) = policy.guard_rails.as_ref().filter(|_| demands_analysis(policy)) else {
        return Vec::new();
    };
    let analysis = canary.spec.analysis.get_or_insert_default();
    let spaced = spacing(analysis, rails);
    let patient = threshold(analysis, rails);
    let weighed = weights(analysis, rails);
    let mut told: Vec<String> = [spaced, patient, weighed].into_iter().flatten().collect();
    told.extend(metrics(analysis, rails, policy));
    told
}

fn spacing(analysis: &mut Analysis, rails: &GuardRails) -> Option<String> {
    let least = rails.min_interval().filter(|least| analysis.interval() < *least)?;
    let least = GoDuration::from(least).to_string();
    let told = format!("spec.analysis.interval counts as {least}, the least that is allowed");
    analysis.interval = Some(least);
    Some(told)
}

fn threshold(analysis: &mut Analysis, rails: &GuardRails) -> Option<String> {
    let most = rails.max_threshold.map(|most| most.int().max(1))?;
    if analysis.threshold() <= most {
        return None;
    }
    analysis.threshold = Some(Number::from(most));
    Some(format!(
        "spec.analysis.threshold counts as {most}, the most that is allowed"
    ))
}

/// Holds the weights of an analysis within `rails`; what is to be said of what exceeded them.
pub fn weights(analysis: &mut Analysis, rails: &GuardRails) -> Option<String> {
    let bounds = rails.max_step_weight.is_some() || rails.max_weight.is_some();
    if !bounds || !shows_shares(analysis) {
        return None;
    }
    let bound = |number: Option<Number>| number.map_or(100, |number| number.int().clamp(1, 100));
    let (rise, most) = (bound(rails.max_step_weight), bound(rails.max_weight));
    let listed = analysis.step_weights();
    if !listed.is_empty() {
        let held = climbing(&listed, rise, most);
        let told = format!("spec.analysis.stepWeights count as {held:?}");
        let differs = held != listed;
        analysis.step_weights = Some(held.into_iter().map(Number::from).collect());
        return differs.then_some(told);
    }
    // Without any of its own, everybody is on it at the first step.
    let step = if analysis.is_weighted() {
        analysis.step_weight()
    } else {
        100
    };
    let asked = (step, analysis.max_weight());
    let (step, max) = (asked.0.min(rise), asked.1.min(most));
    let (ends, held) = (climbed(step, max), climbing(&climbed(step, max), rise, most));
    if held != ends {
        let told = format!("spec.analysis.stepWeight and maxWeight count as stepWeights {held:?}");
        analysis.step_weights = Some(held.into_iter().map(Number::from).collect());
        return Some(told);
    }
    if (step, max) == asked {
        return None;
    }
    analysis.step_weight = Some(Number::from(step));
    analysis.max_weight = Some(Number::from(max));
    Some(format!(
        "spec.analysis.stepWeight counts as {step} and maxWeight as {max}"
    ))
}

// Whether a run goes by shares: by weights, or because it says nothing of how it goes.
fn shows_shares(analysis: &Analysis) -> bool {
    match analysis.kind() {
        AnalysisKind::Weighted => true,
        AnalysisKind::BlueGreen => analysis.iterations() == 0,
        AnalysisKind::AbTest => false,
    }
}

/// The weights of a run that goes up to `max` by `step`, whose last step may pass it: 20 up to 50 is 20, 40, 60. Without a
/// step everybody is on it at once.
pub fn climbed(step: i32, max: i32) -> Vec<i32> {
    let (step, max) = (if step < 1 { 100 } else { step.min(100) }, max.clamp(1, 100));
    let rising = std::iter::successors(Some(step), |before| {
        (*before < max).then(|| before.saturating_add(step).min(100))
    });
    rising.collect()
}

// The same steps, none higher than allowed and none further above the one before.
fn climbing(steps: &[i32], rise: i32, most: i32) -> Vec<i32> {
    let mut before = 0i32;
    let held = steps.iter().map(|step| {
        before = (*step).min(before.saturating_add(rise)).min(most);
        before
    });
    held.collect()
}

// What the policy demands is asked in the policy's own words, where it has any.
fn metrics(analysis: &mut Analysis, rails: &GuardRails, policy: &CanaryPolicySpec) -> Vec<String> {
    let mut told = Vec::new();
    for name in rails.required_metrics.iter().flatten() {
        let all = analysis.metrics.get_or_insert_default();
        if all.iter().any(|metric| metric.name == *name) {
            continue;
        }
        let mut known = policy.analysis.iter().flat_map(|own| own.metrics.iter().flatten());
        match known.find(|metric| metric.name == *name) {
            Some(metric) => {
                all.push(metric.clone());
                told.push(format!("metric {name:?} of the policy is asked as well"));
            }
            None => told.push(format!(
                "metric {name:?} is demanded and nobody says how it is asked; add it to spec.analysis.metrics"
            )),
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn canary(spec: Value) -> Canary {
        let mut all = json!({"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}});
        all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        Canary::new("web", serde_json::from_value(all).unwrap())
    }

    fn policy(spec: Value) -> CanaryPolicySpec {
        serde_json::from_value(spec).unwrap()
    }

    fn held(spec: Value, rules: Value) -> Option<(Value, Vec<String>)> {
        let found = governed(&canary(spec), &policy(rules), Circumstances::default())?;
        Some((serde_json::to_value(&found.canary.spec).unwrap(), found.exceeded))
    }

    #[test]
    fn what_exceeds_the_guard_rails_is_cut_down_to_them_and_told() {
        for (rails, asked, at, counts) in [
            (
                json!({"minInterval": "1m"}),
                json!({"interval": "1s"}),
                "interval",
                json!("1m0s"),
            ),
            (json!({"minInterval": "5m"}), json!({}), "interval", json!("5m0s")),
            (
                json!({"maxThreshold": 2}),
                json!({"threshold": 9}),
                "threshold",
                json!(2),
            ),
            (json!({"maxThreshold": 2}), json!({}), "threshold", json!(2)),
            (
                json!({"maxStepWeight": 10}),
                json!({"stepWeight": 50}),
                "stepWeight",
                json!(10),
            ),
            (
                json!({"maxWeight": 30}),
                json!({"stepWeight": 10}),
                "maxWeight",
                json!(30),
            ),
            (
                json!({"maxWeight": 50}),
                json!({"stepWeight": 20, "maxWeight": 50}),
                "stepWeights",
                json!([20, 40, 50]),
            ),
            (
                json!({"maxStepWeight": 30, "maxWeight": 70}),
                json!({"stepWeight": 60}),
                "stepWeights",
                json!([30, 60, 70]),
            ),
            (json!({"maxWeight": 50}), json!({}), "stepWeights", json!([50])),
            (json!({"maxStepWeight": 25}), json!({}), "stepWeight", json!(25)),
            (
                json!({"maxStepWeight": 20, "maxWeight": 50}),
                json!({"stepWeights": [10, 80, 100]}),
                "stepWeights",
                json!([10, 30, 50]),
            ),
        ] {
            let (spec, told) = held(json!({"analysis": asked}), json!({"guardRails": rails})).unwrap();
            assert_eq!(spec["analysis"][at], counts, "{rails}");
            assert_eq!(told.len(), 1, "{told:?}");
        }
    }

    #[test]
    fn what_keeps_the_guard_rails_stays_as_it_is() {
        let rails =
            json!({"guardRails": {"minInterval": "10s", "maxThreshold": 5, "maxStepWeight": 20, "maxWeight": 60}});
        for analysis in [
            json!({"interval": "10s", "threshold": 5, "stepWeight": 20, "maxWeight": 60}),
            json!({"interval": "1m", "threshold": 1, "stepWeights": [20, 40, 60]}),
            json!({"interval": "1m", "threshold": 1, "iterations": 3}),
            json!({"interval": "1m", "threshold": 1, "match": [{"headers": {"x": {"exact": "y"}}}]}),
        ] {
            assert_eq!(held(json!({"analysis": analysis}), rails.clone()), None, "{analysis}");
        }
        assert_eq!(held(json!({"skipAnalysis": true}), json!({"guardRails": {}})), None);
    }

    #[test]
    fn an_analysis_that_is_demanded_is_not_skipped_and_is_the_policys() {
        let rules = json!({"analysis": {"interval": "30s", "stepWeight": 10}, "guardRails": {"maxWeight": 50}});
        let (spec, told) = held(json!({"skipAnalysis": true}), rules).unwrap();
        assert_eq!(spec.get("skipAnalysis"), None);
        assert_eq!(
            (&spec["analysis"]["stepWeight"], &spec["analysis"]["maxWeight"]),
            (&json!(10), &json!(50))
        );
        assert!(told[0].starts_with("spec.skipAnalysis does not count"), "{told:?}");
    }

    #[test]
    fn a_metric_that_is_demanded_is_asked_as_the_policy_asks_it() {
        let metric = json!({"name": "errors", "interval": "1m", "thresholdRange": {"max": 1.0}});
        let rules =
            json!({"analysis": {"metrics": [metric]}, "guardRails": {"requiredMetrics": ["errors", "unheard-of"]}});
        let asked = json!({"analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10}});
        let (spec, told) = held(asked, rules).unwrap();
        assert_eq!(spec["analysis"]["metrics"][0]["name"], "errors");
        assert_eq!(spec["analysis"]["metrics"].as_array().unwrap().len(), 1);
        assert!(
            told[0].contains("is asked as well") && told[1].contains("nobody says how"),
            "{told:?}"
        );
    }
}
