//! Whole manifests, of the kind found in guides, must pass.

use super::*;

/// Read as a Canary and judged with nothing known of the cluster.
fn judge(manifest: &str) -> Findings {
    canary(
        &serde_saphyr::from_str(manifest).unwrap(),
        None,
        &ClusterFacts::default(),
    )
}

#[test]
fn the_sound_manifests_find_nothing() {
    assert_eq!(canary_findings(json!({})), Findings::default());
    let facts = ClusterFacts::default();
    assert_eq!(
        metric_template(&build(TEMPLATE, &json!({})), None, &facts),
        Findings::default()
    );
    assert_eq!(
        alert_provider(&build(PROVIDER, &json!({})), None, &facts),
        Findings::default()
    );
    assert_eq!(policy(&build(POLICY, &json!({})), None, &facts), Findings::default());
}

fn canary_findings(patch: Value) -> Findings {
    canary(&canary_with(patch), None, &ClusterFacts::default())
}

#[test]
fn what_guides_show_is_accepted() {
    let analyses = [
        json!({"interval": "1h", "stepWeight": null, "maxWeight": null, "iterations": 10, "match": [{"headers": {"cookie": {"regex": "^(.*?;)?(canary=always)(;.*)?$"}}}]}),
        json!({"interval": "1m", "iterations": 10, "stepWeight": 10}),
        json!({"threshold": null}),
        json!({"interval": "1s", "metrics": null}),
        json!({"canaryReadyThreshold": 0}),
        json!({"metrics": [{"name": "error-rate", "query": "100 - rate(x{app=\"web-canary\"}[1m])", "thresholdRange": {"max": 1}}]}),
    ];
    for analysis in analyses {
        let findings = canary_findings(json!({"spec": {"analysis": analysis}}));
        assert!(findings.allowed(), "{analysis}: {findings:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let findings = judge(
        "{apiVersion: flagger.app/v1beta1, kind: Canary, metadata: {name: a, namespace: b}, spec: {provider: x, \
         targetRef: {apiVersion: apps/v1, kind: Pod, name: web}, service: {port: 0, timeout: x}, \
         analysis: {interval: 1day, threshold: -1, stepWeight: 200, webhooks: [{name: a, url: b}]}}}",
    );
    let fields: Vec<_> = findings.causes.iter().map(|cause| cause.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.targetRef.kind",
            "spec.provider",
            "spec.service.port",
            "spec.service.timeout",
            "spec.analysis.interval",
            "spec.analysis.threshold",
            "spec.analysis.stepWeight",
            "spec.analysis.webhooks[0].url",
        ]
    );
}

#[test]
fn the_known_bad_policy_is_refused_by_us_and_by_no_schema() {
    let findings = policy(&known_bad_policy(), None, &ClusterFacts::default());
    let fields: Vec<_> = findings.causes.iter().map(|cause| cause.field.as_str()).collect();
    assert_eq!(fields, ["spec.freezeWindows[0].schedule"]);
}

#[test]
fn a_deletion_names_who_depends_on_the_object() {
    let user = canary_with(json!({"spec": {"analysis": {
        "metrics": [{"name": "latency", "templateRef": {"name": "latency"}, "thresholdRange": {"max": 1}}],
        "alerts": [{"name": "a", "providerRef": {"name": "on-call", "namespace": "shop"}}]}}}));
    let facts = ClusterFacts {
        canaries: vec![
            Arc::new(user),
            Arc::new(canary_with(json!({"metadata": {"name": "b"}}))),
        ],
        ..ClusterFacts::default()
    };
    let warnings = metric_template_deleted(&build(TEMPLATE, &json!({})), &facts);
    assert_eq!(warnings, ["metadata.name: used by web.shop; their analyses fail"]);
    let warnings = alert_provider_deleted(&build(PROVIDER, &json!({})), &facts);
    assert_eq!(warnings, ["metadata.name: used by web.shop; their alerts are dropped"]);
    let other = build(TEMPLATE, &json!({"metadata": {"namespace": "other"}}));
    assert_eq!(metric_template_deleted(&other, &facts), Vec::<String>::new());
}

#[test]
fn fields_without_behaviour_are_named() {
    let plain = canary_with(json!({}));
    assert_eq!(unbuilt(&plain, &ClusterFacts::default()), Vec::<String>::new());
    let asking = canary_with(json!({"spec": {"dryRun": false, "provider": "gatewayapi:v1",
        "service": {"hosts": [], "backends": ["a"], "trafficPolicy": {}}, }}));
    assert_eq!(
        unbuilt(&asking, &ClusterFacts::default()),
        [
            "spec.service.backends: has no effect: provider gatewayapi:v1 is told of no calls, as appmesh is; leave it out",
            "spec.service.trafficPolicy: has no effect: provider gatewayapi:v1 cannot say it; use istio, or a BackendTLSPolicy",
        ]
    );
}

/// The drop-in test: whole manifests of other people, such as a checkout of Flagger's examples.
#[test]
#[ignore = "reads every YAML file below the directory named by MANIFESTS"]
fn manifests_of_others_pass() {
    let directory = std::env::var("MANIFESTS").expect("MANIFESTS names a directory");
    let mut waiting = vec![std::path::PathBuf::from(directory)];
    let (mut judged, mut refused) = (0, 0);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|end| end == "yaml") {
            for findings in std::fs::read_to_string(&path)
                .unwrap_or_default()
                .split("\n---")
                .filter_map(any)
            {
                judged += 1;
                if !findings.allowed() || std::env::var_os("VERBOSE").is_some() {
                    println!("{}: {findings:#?}", path.display());
                }
                refused += usize::from(!findings.allowed());
            }
        }
    }
    assert_eq!(refused, 0, "of {judged}");
    println!("{judged} judged");
}

/// Judges one document, if it is a complete object of ours.
fn any(document: &str) -> Option<Findings> {
    let value: Value = serde_saphyr::from_str(document).ok()?;
    let facts = ClusterFacts {
        default_provider: "istio".into(),
        ..ClusterFacts::default()
    };
    match value.get("kind")?.as_str()? {
        "Canary" => Some(canary(&serde_json::from_value(value).ok()?, None, &facts)),
        "MetricTemplate" => Some(metric_template(&serde_json::from_value(value).ok()?, None, &facts)),
        "AlertProvider" => Some(alert_provider(&serde_json::from_value(value).ok()?, None, &facts)),
        _ => None,
    }
}
