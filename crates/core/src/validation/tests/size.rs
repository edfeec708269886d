//! Objects that are larger than their schema allows, templates in all places, and numbers that nobody means.

use super::*;
use crate::api::limits;

fn metrics(count: usize, query: &str) -> Canary {
    let one = |n: usize| json!({"name": format!("m{n}"), "query": query, "thresholdRange": {"max": 1}});
    canary_with(json!({"spec": {"analysis": {"metrics": (0..count).map(one).collect::<Vec<_>>()}}}))
}

fn fields(findings: &Findings) -> Vec<&str> {
    findings.causes.iter().map(|cause| cause.field.as_str()).collect()
}

fn asking_latency() -> Canary {
    canary_with(json!({"spec": {"analysis": {"metrics": [
        {"name": "latency", "interval": "1m", "templateRef": {"name": "latency"}, "thresholdRange": {"max": 1}}]}}}))
}

#[test]
fn what_is_too_large_is_said_and_nothing_else_is_read() {
    let facts = ClusterFacts::default();
    let findings = canary(&metrics(40_000, "{{ broken"), None, &facts);
    assert_eq!(fields(&findings), ["spec.analysis.metrics"]);
    assert_eq!(findings.causes[0].message, "Too many: must have at most 64 items");
    assert_eq!(findings.causes[0].reason.as_str(), "FieldValueTooMany");
    assert_eq!(findings.warnings, Vec::<String>::new());
    let long = "x".repeat(limits::TEMPLATE + 1);
    let template = build::<MetricTemplate>(TEMPLATE, &json!({"spec": {"query": long}}));
    let findings = metric_template(&template, None, &facts);
    assert_eq!(
        findings.causes[0].message,
        "Too long: may not be more than 8192 characters"
    );
    let alerts = build::<AlertProvider>(PROVIDER, &json!({"spec": {"messageTemplate": long}}));
    assert_eq!(fields(&alert_provider(&alerts, None, &facts)), ["spec.messageTemplate"]);
    let host = build::<CanaryPolicy>(POLICY, &json!({"spec": {"hostnameTemplate": long}}));
    assert_eq!(fields(&policy(&host, None, &facts)), ["spec.hostnameTemplate"]);
}

#[test]
fn nobody_is_warned_of_more_of_what_is_too_large() {
    let field = "spec.analysis.metrics: Too many: must have at most 64 items";
    assert_eq!(too_large("Canary", &metrics(65, "x").spec).as_deref(), Some(field));
    assert_eq!(too_large("Canary", &metrics(64, "x").spec), None);
    let provider = json!({"type": "datadog", "address": "x".repeat(limits::URL + 1)});
    let template = build::<MetricTemplate>(TEMPLATE, &json!({"spec": {"provider": provider}}));
    assert_eq!(unbuilt_template(&template), Vec::<String>::new());
    let policy = json!({"spec": {"breakGlass": "x".repeat(limits::TEMPLATE + 1)}});
    assert_eq!(
        unbuilt_policy(&build::<CanaryPolicy>(POLICY, &policy)),
        Vec::<String>::new()
    );
}

#[test]
fn what_a_policy_adds_that_is_too_large_is_not_read_and_not_the_canarys_fault() {
    let own = canary_with(json!({"spec": {"analysis": {"stepWeight": null, "maxWeight": null}}}));
    let weights = json!({"spec": {"analysis": {"stepWeights": vec![1; 10_000]}}});
    let facts = ClusterFacts {
        policy: Some(Arc::new(build(POLICY, &weights))),
        ..ClusterFacts::default()
    };
    assert_eq!(canary(&own, None, &facts), Findings::default());
}

#[test]
fn what_was_too_large_before_there_were_limits_can_still_be_labelled() {
    let old = metrics(100, "x");
    let mut labelled = old.clone();
    labelled.metadata.labels = Some(BTreeMap::from([("a".into(), "b".into())]));
    let findings = canary(&labelled, Some(&old), &ClusterFacts::default());
    assert!(findings.allowed());
    assert_eq!(
        findings.warnings,
        ["spec.analysis.metrics: Too many: must have at most 64 items"]
    );
    let before = canary_with(json!({}));
    assert!(!canary(&metrics(101, "x"), Some(&before), &ClusterFacts::default()).allowed());
}

#[test]
fn a_canary_whose_parts_are_within_their_limits_may_be_too_large_as_a_whole() {
    let facts = ClusterFacts::default();
    let large = metrics(40, &"x".repeat(limits::TEMPLATE));
    let findings = canary(&large, None, &facts);
    assert_eq!(fields(&findings), ["spec"]);
    assert_eq!(
        findings.causes[0].message,
        "Too long: may not be more than 262144 bytes: all of it is kept in memory; move long queries to MetricTemplates"
    );
    let small = metrics(20, &"x".repeat(limits::TEMPLATE));
    assert!(!fields(&canary(&small, None, &facts)).contains(&"spec"));
    // One that was stored before can still be changed, and is no excuse for another.
    let mut labelled = large.clone();
    labelled.metadata.labels = Some(BTreeMap::from([("a".into(), "b".into())]));
    let findings = canary(&labelled, Some(&large), &facts);
    assert!(findings.allowed());
    assert_eq!(
        findings.warnings,
        [
            "spec: Too long: may not be more than 262144 bytes: all of it is kept in memory; move long queries to \
          MetricTemplates"
        ]
    );
    assert!(!canary(&large, Some(&small), &facts).allowed());
}

#[test]
fn a_chain_that_would_end_the_process_is_refused_wherever_a_template_may_stand() {
    // Short enough for the schema, and deeper than a small stack.
    let chain = format!("{{{{if .}}}}a{}{{{{end}}}}", "{{else if .}}a".repeat(500));
    let facts = ClusterFacts::default();
    let inline = canary(&metrics(1, &chain), None, &facts);
    assert_eq!(fields(&inline), ["spec.analysis.metrics[0].query"]);
    let why = "more than 50 times else; use templateVariables";
    assert!(inline.causes[0].message.ends_with(why), "{inline:?}");
    let template = build::<MetricTemplate>(TEMPLATE, &json!({"spec": {"query": chain}}));
    assert_eq!(fields(&metric_template(&template, None, &facts)), ["spec.query"]);
    let alerts = build::<AlertProvider>(PROVIDER, &json!({"spec": {"messageTemplate": chain}}));
    assert_eq!(fields(&alert_provider(&alerts, None, &facts)), ["spec.messageTemplate"]);
    // One that was stored before is met on the way to another object.
    let facts = ClusterFacts {
        metric_templates: Some([Arc::new(template)].into_iter().collect()),
        ..ClusterFacts::default()
    };
    assert!(canary(&asking_latency(), None, &facts).allowed());
}

#[test]
fn the_queries_of_a_canary_are_read_as_those_of_templates_are() {
    let findings = canary(
        &metrics(1, "rate(x{pod=~\"{{ pod }}\"}[1m])"),
        None,
        &ClusterFacts::default(),
    );
    assert_eq!(fields(&findings), ["spec.analysis.metrics[0].query"]);
    let message = &findings.causes[0].message;
    assert!(message.contains("function \"pod\" not defined"), "{message}");
}

#[test]
fn repeats_within_repeats_are_refused_as_the_data_plane_does() {
    let users = |regex: &str| {
        let users = json!([{"headers": {"x": {"regex": regex}}}]);
        let analysis = json!({"iterations": 3, "stepWeight": null, "maxWeight": null, "match": users});
        let asked = canary_with(json!({"spec": {"analysis": analysis}}));
        canary(&asked, None, &ClusterFacts::default()).causes
    };
    assert_eq!(users("^(a{10}){100}$"), []);
    assert!(
        users("^((a{10}){100}){2}$")[0]
            .message
            .contains("repeats within repeats")
    );
}

#[test]
fn settings_that_would_overflow_are_answered() {
    let longest = "2562047h47m16s";
    let hook = json!({"name": "h", "url": "http://h/", "timeout": longest, "retries": i32::MAX});
    let huge = json!({"stepWeights": [i32::MIN, i32::MAX, 1e300, -1e300], "stepWeight": null, "maxWeight": null,
        "interval": longest, "delay": longest, "threshold": 1e300, "webhooks": [hook]});
    let rails = json!({"spec": {"guardRails": {"maxStepWeight": 20, "maxWeight": 50}}});
    let facts = ClusterFacts {
        policy: Some(Arc::new(build(POLICY, &rails))),
        ..ClusterFacts::default()
    };
    let asked = canary_with(json!({"spec": {"analysis": huge, "progressDeadlineSeconds": 1e300}}));
    let findings = canary(&asked, None, &facts);
    assert!(!findings.allowed());
    let told = |part: &str| findings.warnings.iter().any(|warning| warning.contains(part));
    assert!(told("at most 1h0m0s") && told("at most 10 retries"), "{findings:?}");
}

#[test]
fn stores_that_cannot_be_asked_are_told_at_the_template_and_at_its_user() {
    let provider = json!({"type": "datadog", "address": null, "secretRef": {"name": "keys"}});
    let template = build::<MetricTemplate>(TEMPLATE, &json!({"spec": {"provider": provider}}));
    let expected = "spec.provider.type: datadog is not supported yet; releases wait at its metrics, unjudged";
    assert_eq!(unbuilt_template(&template), [expected]);
    let built = build(TEMPLATE, &json!({}));
    assert_eq!(unbuilt_template(&built), Vec::<String>::new());
    let facts = ClusterFacts {
        metric_templates: Some([Arc::new(template)].into_iter().collect()),
        ..ClusterFacts::default()
    };
    let expected = "spec.analysis.metrics[0].templateRef: datadog is not supported yet; releases wait here, unjudged";
    assert_eq!(unbuilt(&asking_latency(), &facts), [expected]);
}
