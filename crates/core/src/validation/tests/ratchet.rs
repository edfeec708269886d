//! Updates: an old mistake warns, a new one is refused; and the limits of an answer.

use super::*;

#[test]
fn an_unchanged_mistake_warns_and_a_new_one_is_refused() {
    let old = canary_with(json!({"spec": {"analysis": {"stepWeight": 60}}}));
    let labelled = canary_with(json!({"metadata": {"labels": {"a": "b"}}, "spec": {"analysis": {"stepWeight": 60}}}));
    let findings = canary(&labelled, Some(&old), &ClusterFacts::default());
    assert!(findings.allowed());
    assert_eq!(
        findings.warnings,
        ["spec.analysis.stepWeight: Invalid value: 60: exceeds maxWeight 50; lower it or raise maxWeight"]
    );
    let worse = canary_with(json!({"spec": {"analysis": {"stepWeight": 70}}}));
    assert_eq!(canary(&worse, Some(&old), &ClusterFacts::default()).causes.len(), 1);
    assert_eq!(canary(&old, None, &ClusterFacts::default()).causes.len(), 1);
}

#[test]
fn answers_are_bounded() {
    let weights: Vec<i32> = vec![0; 40];
    let hooks: Vec<Value> = (0..15)
        .map(|i| json!({"name": format!("{i}"), "url": "https://x/", "disableTLS": true, "type": "event"}))
        .collect();
    let analysis = json!({"stepWeight": null, "maxWeight": null, "stepWeights": weights, "webhooks": hooks});
    let findings = canary(
        &canary_with(json!({"spec": {"analysis": analysis}})),
        None,
        &ClusterFacts::default(),
    );
    assert_eq!(findings.causes.len(), MAX_CAUSES);
    assert_eq!(findings.warnings.len(), MAX_WARNINGS);
    assert_eq!(findings.warnings.last().unwrap(), "and 6 more warnings");
}

#[test]
fn long_and_unprintable_values_are_tamed() {
    let long = "x\n".repeat(500);
    let old = canary_with(json!({"spec": {"analysis": {"interval": long}}}));
    let refused = canary(&old, None, &ClusterFacts::default());
    assert!(refused.causes[0].message.chars().count() < 300, "{:?}", refused.causes);
    let warned = canary(&old, Some(&old), &ClusterFacts::default());
    assert!(
        warned
            .warnings
            .iter()
            .all(|w| w.chars().count() <= MAX_WARNING_CHARS && !w.contains('\n'))
    );
}
