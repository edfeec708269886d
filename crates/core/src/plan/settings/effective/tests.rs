use super::*;
use crate::api::labels;
use kube_core::ResourceExt;
use serde_json::{Value, json};

fn canary(spec: Value) -> Canary {
    let mut whole = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    });
    json_patch::merge(&mut whole["spec"], &spec);
    serde_json::from_value(whole).unwrap()
}

fn policy() -> CanaryPolicySpec {
    serde_json::from_value(json!({
        "provider": "gatewayapi:v1",
        "metricsServer": "http://prometheus:9090",
        "gatewayRefs": [{"name": "public", "namespace": "infra"}],
        "hostnameTemplate": "{{ name }}.{{ namespace }}.test",
        "analysis": {
            "interval": "10s", "threshold": 1, "stepWeights": [20, 50], "sessionAffinity": {"cookieName": "c"},
            "metrics": [
                {"name": "request-success-rate", "thresholdRange": {"min": 99}},
                {"name": "gateway", "query": "x{service=\"{{ service }}-canary\"}", "thresholdRange": {"max": 1}},
                {"name": "restarts", "query": "restarts{pod=~\"{{ pods }}\"}", "thresholdRange": {"max": 0}},
            ],
        },
    }))
    .unwrap()
}

fn of(spec: Value) -> Effective {
    let around = Circumstances {
        default_provider: "kubernetes",
        user_route: false,
    };
    effective(&canary(spec), Some(&policy()), around)
}

#[test]
fn what_a_canary_leaves_out_is_the_policys() {
    let found = of(json!({"service": {"port": 80}, "analysis": {"interval": "30s"}}));
    let (spec, analysis) = (&found.canary.spec, found.canary.analysis());
    assert_eq!(spec.provider.as_deref(), Some("gatewayapi:v1"));
    assert_eq!(spec.metrics_server.as_deref(), Some("http://prometheus:9090"));
    let service = spec.service.as_ref().unwrap();
    assert_eq!(service.gateway_refs.as_ref().unwrap()[0].name, "public");
    assert_eq!(service.hosts.as_deref().unwrap(), ["web.shop.test"]);
    assert_eq!(analysis.interval.as_deref(), Some("30s"));
    assert_eq!((analysis.threshold(), analysis.step_weights()), (1, vec![20, 50]));
    assert_eq!(
        (&analysis.metrics, &analysis.webhooks),
        (&None, &None),
        "nobody wrote them"
    );
    assert!(
        found.inherited.contains(&"spec.analysis.threshold") && !found.inherited.contains(&"spec.analysis.interval")
    );
}

#[test]
fn what_a_canary_says_stays() {
    let given = json!({
        "provider": "kubernetes", "metricsServer": "http://own:9090",
        "service": {"port": 80, "gatewayRefs": [{"name": "own"}], "hosts": ["own.test"]},
        "analysis": {"interval": "1m", "threshold": 9, "iterations": 3, "metrics": []},
    });
    assert_eq!(of(given.clone()).canary, canary(given));
}

#[test]
fn whoever_chooses_a_strategy_has_chosen_all_of_it() {
    for (own, expected) in [
        (json!({"iterations": 3}), json!({"iterations": 3})),
        (json!({"stepWeight": 5}), json!({"stepWeight": 5})),
        (
            json!({"maxWeight": 40}),
            json!({"stepWeights": [20, 50], "maxWeight": 40, "sessionAffinity": {"cookieName": "c"}}),
        ),
    ] {
        let found = of(json!({"service": {"port": 80}, "analysis": own}));
        let mut analysis = serde_json::to_value(found.canary.analysis()).unwrap();
        let members = analysis.as_object_mut().unwrap();
        members.retain(|key, _| !["interval", "threshold", "metrics"].contains(&key.as_str()));
        let mut expected: Value = expected;
        let read: Analysis = serde_json::from_value(expected.take()).unwrap();
        assert_eq!(analysis, serde_json::to_value(read).unwrap());
    }
}

#[test]
fn a_generated_canary_without_requests_has_no_metrics_about_them() {
    for (provider, served, own, left_out) in [
        ("gatewayapi:v1", false, json!({}), true),
        ("kubernetes", true, json!({}), true),
        ("gatewayapi:v1", true, json!({}), false),
        // Its own hook sends requests.
        (
            "kubernetes",
            true,
            json!({"webhooks": [{"name": "load", "url": "http://load/"}]}),
            false,
        ),
        // Nobody meets a blue/green canary before everybody does, unless requests are copied to it.
        (
            "gatewayapi:v1",
            true,
            json!({"stepWeights": null, "iterations": 3}),
            true,
        ),
        (
            "gatewayapi:v1",
            true,
            json!({"stepWeights": null, "iterations": 3, "mirror": true}),
            false,
        ),
    ] {
        let mut wanted = serde_json::to_value(policy()).unwrap();
        json_patch::merge(&mut wanted["analysis"], &own);
        let policy: CanaryPolicySpec = serde_json::from_value(wanted).unwrap();
        let (_, found) = default_analysis(&policy, provider, served, &[]);
        assert_eq!(!found.is_empty(), left_out, "{provider} {served} {own}");
    }
}

#[test]
fn nothing_is_published_that_nobody_has_named() {
    let mut nameless = policy();
    nameless.hostname_template = None;
    let around = Circumstances::default();
    let hosts = |spec: Value| {
        effective(&canary(spec), Some(&nameless), around)
            .canary
            .spec
            .service
            .unwrap()
    };
    assert_eq!(hosts(json!({"service": {"port": 80}})).gateway_refs, None);
    assert!(
        hosts(json!({"service": {"port": 80, "hosts": ["a.test"]}}))
            .gateway_refs
            .is_some()
    );
    let user_route = Circumstances {
        user_route: true,
        ..around
    };
    let service = effective(&canary(json!({"service": {"port": 80}})), Some(&policy()), user_route);
    assert_eq!(service.canary.spec.service.unwrap().gateway_refs, None);
}

#[test]
fn generated_ones_without_a_policy_and_those_that_skip_stay_as_they_are() {
    let plain = canary(json!({"service": {"port": 80}}));
    assert_eq!(effective(&plain, None, Circumstances::default()).canary, plain);
    let mut generated = plain.clone();
    generated
        .labels_mut()
        .insert(labels::GENERATED.to_owned(), labels::TRUE.to_owned());
    assert_eq!(
        effective(&generated, Some(&policy()), Circumstances::default()).canary,
        generated
    );
    let skipping = of(json!({"skipAnalysis": true}));
    assert_eq!(skipping.canary.spec.analysis, None);
}

#[test]
fn completing_twice_changes_nothing_more() {
    let once = of(json!({"service": {"port": 80}}));
    let around = Circumstances::default();
    let twice = effective(&once.canary, Some(&policy()), around);
    assert_eq!((twice.canary, twice.inherited), (once.canary, vec![]));
}

#[test]
fn a_generated_canary_gets_the_same_choice_of_metrics() {
    let names =
        |analysis: &Analysis| -> Vec<String> { analysis.metrics.iter().flatten().map(|m| m.name.clone()).collect() };
    let (all, none) = default_analysis(&policy(), "gatewayapi:v1", true, &[]);
    assert_eq!((names(&all).len(), none.len()), (3, 0));
    let (worker, left_out) = default_analysis(&policy(), "kubernetes", false, &[]);
    assert_eq!(names(&worker), ["restarts"]);
    assert_eq!(left_out, ["request-success-rate", "gateway"]);
    // One that asks about requests by its template.
    let templated = [String::from("restarts")];
    let (worker, left_out) = default_analysis(&policy(), "kubernetes", false, &templated);
    assert_eq!((names(&worker).len(), left_out.len()), (0, 3));
    let (all, none) = default_analysis(&policy(), "gatewayapi:v1", true, &templated);
    assert_eq!((names(&all).len(), none.len()), (3, 0));
}
