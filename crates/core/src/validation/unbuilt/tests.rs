//! The lists against the code: a field is warned about if, and only if, nothing that is made or decided differs with it.

use super::*;
use crate::analysis::RunSettings;
use crate::plan::{self, ApexSide, Defaults, Selector, enrolment::generate};
use crate::routing::Traffic;
use serde_json::json;
use std::collections::BTreeSet;

// Every member of `spec.service`, with a value that is not its default.
fn service() -> Vec<(&'static str, Value)> {
    vec![
        ("name", json!("other")),
        ("port", json!(81)),
        ("portName", json!("web")),
        ("targetPort", json!(9090)),
        ("appProtocol", json!("http")),
        ("trafficDistribution", json!("PreferClose")),
        ("portDiscovery", json!(true)),
        ("headless", json!(true)),
        ("timeout", json!("5s")),
        ("backendTimeout", json!("3s")),
        ("meshName", json!("mesh")),
        ("backends", json!(["other"])),
        ("gateways", json!(["mesh"])),
        ("gatewayRefs", json!([{"name": "other"}])),
        ("hosts", json!(["other.test"])),
        ("delegation", json!(true)),
        ("trafficPolicy", json!({})),
        ("match", json!([{"uri": {"prefix": "/x"}}])),
        ("rewrite", json!({"uri": "/"})),
        ("retries", json!({"attempts": 2})),
        ("headers", json!({"request": {"set": {"a": "b"}}})),
        ("mirror", json!([{"backendRef": {"name": "copy", "port": 80}}])),
        ("corsPolicy", json!({"allowOrigin": ["https://a.test"]})),
        ("apex", json!({"labels": {"a": "b"}})),
        ("primary", json!({"labels": {"a": "b"}})),
        ("canary", json!({"labels": {"a": "b"}})),
        ("unmanagedMetadata", json!({"labels": ["a"]})),
    ]
}

// Every condition of `spec.service.match[]`.
fn conditions() -> Vec<(&'static str, Value)> {
    let text = || json!({"exact": "x"});
    vec![
        ("name", json!("n")),
        ("uri", json!({"prefix": "/x"})),
        ("scheme", text()),
        ("method", json!({"exact": "GET"})),
        ("authority", text()),
        ("headers", json!({"x": text()})),
        ("withoutHeaders", json!({"x": text()})),
        ("queryParams", json!({"x": text()})),
        ("port", json!(80)),
        ("sourceLabels", json!({"a": "b"})),
        ("sourceNamespace", json!("other")),
        ("gateways", json!(["mesh"])),
        ("ignoreUriCase", json!(true)),
    ]
}

fn target() -> Value {
    let ports = json!([{"name": "http", "containerPort": 9898}, {"name": "metrics", "containerPort": 9797}]);
    json!({"metadata": {"name": "shop", "namespace": "web"}, "spec": {
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "a", "ports": ports}]}}}})
}

fn canary() -> Value {
    json!({"metadata": {"name": "shop", "namespace": "web"}, "spec": {
        "provider": "gatewayapi:v1",
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "service": {"port": 80, "targetPort": 9898, "hosts": ["shop.test"], "gatewayRefs": [{"name": "gateway"}]},
        "analysis": {"interval": "1m", "threshold": 1, "stepWeights": [50]}}})
}

// Everything that is made of a Canary, or decided by it, as text.
fn outcome(canary: &Value) -> String {
    let canary: Canary = serde_json::from_value(canary.clone()).unwrap();
    let defaults = Defaults::default();
    let blueprint = plan::blueprint(&canary, &defaults).unwrap();
    let selector = Selector::of(&target(), &Selector::default_keys()).unwrap();
    let services = plan::services(Some(&target()), &selector, &blueprint, ApexSide::Primary);
    let route = plan::route(&blueprint, Traffic::share(50));
    let settings = RunSettings::of(&canary, None, &defaults, false);
    format!("{services:?} {route:?} {settings:?}")
}

fn warned(canary: &Value) -> Vec<String> {
    let canary: Canary = serde_json::from_value(canary.clone()).unwrap();
    unbuilt(&canary, &ClusterFacts::default())
}

fn members<T: schemars::JsonSchema>() -> BTreeSet<String> {
    let schema = serde_json::to_value(schemars::schema_for!(T)).unwrap();
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

fn names(all: &[(&'static str, Value)]) -> BTreeSet<String> {
    all.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn the_tables_here_have_every_field() {
    use crate::api::canary::{CanaryService, HttpMatch};
    assert_eq!(names(&service()), members::<CanaryService>());
    assert_eq!(names(&conditions()), members::<HttpMatch>());
}

#[test]
fn a_field_of_the_service_is_warned_about_if_nothing_differs_with_it() {
    let base = outcome(&canary());
    assert_eq!(warned(&canary()), Vec::<String>::new());
    for (field, value) in service() {
        let mut changed = canary();
        changed["spec"]["service"][field] = value;
        let warned = !warned(&changed).is_empty();
        assert_eq!(outcome(&changed) == base, warned, "spec.service.{field}");
    }
}

#[test]
fn so_is_a_condition_on_requests_and_a_part_of_cross_origin_sharing() {
    let with = |field: &str, value: Value| {
        let mut changed = canary();
        changed["spec"]["service"][field] = value;
        changed
    };
    let base = outcome(&with("match", json!([{}])));
    for (condition, value) in conditions() {
        let changed = with("match", json!([{condition: value}]));
        let warned = !warned(&changed).is_empty();
        assert_eq!(outcome(&changed) == base, warned, "spec.service.match[].{condition}");
    }
    let sharing = |more: Value| {
        let mut cors = json!({"allowOrigin": ["https://a.test"]});
        json_patch::merge(&mut cors, &more);
        with("corsPolicy", cors)
    };
    let base = outcome(&sharing(json!({})));
    for more in [
        json!({"allowOrigins": [{"exact": "https://b.test"}]}),
        json!({"allowMethods": ["GET"]}),
        json!({"allowHeaders": ["x"]}),
        json!({"exposeHeaders": ["x"]}),
        json!({"allowCredentials": true}),
        json!({"maxAge": "1h"}),
    ] {
        let changed = sharing(more.clone());
        assert_eq!(outcome(&changed) == base, !warned(&changed).is_empty(), "{more}");
    }
}

#[test]
fn what_only_names_something_for_queries_says_so() {
    for (field, reference) in [("ingressRef", "Ingress"), ("routeRef", "ApisixRoute")] {
        let mut changed = canary();
        changed["spec"][field] = json!({"apiVersion": "v1", "kind": reference, "name": "x"});
        assert_eq!(outcome(&changed), outcome(&canary()), "{field}");
        let [line] = warned(&changed).try_into().unwrap();
        assert!(line.contains("of metric templates and has no other effect"), "{line}");
    }
}

#[test]
fn what_shapes_our_route_is_told_where_there_is_none_of_ours() {
    let providers = ["kubernetes writes no route", "traefik writes weights alone"];
    let shaping = shaping().filter(|field| seldom(field).is_none());
    for (field, told) in shaping.flat_map(|field| providers.map(|told| (field, told))) {
        let name = field.strip_prefix("spec.service.").unwrap();
        let mut changed = canary();
        let Some((_, value)) = service().into_iter().find(|(field, _)| *field == name) else {
            assert!(
                name.starts_with("match[].") || name.starts_with("corsPolicy."),
                "{name}"
            );
            continue;
        };
        changed["spec"]["service"] = json!({"port": 80, "targetPort": 9898});
        changed["spec"]["provider"] = json!(told.split(' ').next().unwrap());
        let base = outcome(&changed);
        changed["spec"]["service"][name] = value;
        assert_eq!(outcome(&changed), base, "{field}");
        let lines = warned(&changed);
        assert!(
            lines.iter().any(|line| line.contains(&format!("provider {told}"))),
            "{field}: {lines:?}"
        );
    }
    let facts = ClusterFacts {
        user_route: true,
        ..ClusterFacts::default()
    };
    let canary: Canary = serde_json::from_value(canary()).unwrap();
    let lines = unbuilt(&canary, &facts);
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn what_has_no_effect_names_the_provider_and_a_way_out_in_a_line_that_is_not_cut() {
    for router in registry::ROUTERS {
        let seldom = |name: &&str| SELDOM.iter().any(|(path, _)| path.ends_with(*name));
        for (field, value) in service().into_iter().filter(|(name, _)| seldom(name)) {
            let mut asking = canary();
            asking["spec"]["provider"] = json!(router.name());
            asking["spec"]["service"][field] = value;
            let path = format!("spec.service.{field}");
            let line = warned(&asking).into_iter().find(|line| line.starts_with(&path));
            let obeyed = router.obeys().contains(&path.as_str());
            let told = line.as_ref().is_some_and(|line| {
                line.contains(&format!("has no effect: provider {} ", router.name())) && !line.ends_with("...")
            });
            assert_eq!(told, !obeyed, "{path}: {line:?}");
        }
    }
    for name in ["gatewayapi:v1", "istio", "appmesh"] {
        let mut asking = canary();
        asking["spec"]["provider"] = json!(name);
        asking["spec"]["service"]["corsPolicy"] = json!({"allowOrigins": [{"exact": "https://b.test"}]});
        asking["spec"]["service"]["match"] = json!([{"sourceNamespace": "other"}]);
        asking["spec"]["service"]["backendTimeout"] = json!("5s");
        let lines = warned(&asking);
        let own = |line: &String| line.contains("your own") && !line.ends_with("...");
        assert!(!lines.is_empty() && lines.iter().any(own), "{lines:?}");
        assert!(lines.iter().all(|line| !line.ends_with("...")), "{lines:?}");
    }
}

// Every member of a policy, with a value that is not its default.
fn policy_fields() -> Vec<(&'static str, Value)> {
    vec![
        ("provider", json!("kubernetes")),
        ("metricsServer", json!("http://prometheus:9090")),
        ("gatewayRefs", json!([{"name": "other"}])),
        ("hostnameTemplate", json!("{{ name }}.other.test")),
        ("service", json!({"portDiscovery": true, "port": 81})),
        ("analysis", json!({"interval": "2m", "threshold": 2, "iterations": 3})),
        ("onNewRevision", json!("Queue")),
        ("settleSeconds", json!(40)),
        ("drainSeconds", json!(40)),
        ("maxConcurrent", json!(1)),
        (
            "freezeWindows",
            json!([{"schedule": "0 18 * * fri", "duration": "60h"}]),
        ),
        ("breakGlass", json!("example.com/break-glass")),
        ("adoptExisting", json!(false)),
        ("optOut", json!("Allowed")),
        ("deletionGraceSeconds", json!(300)),
        ("guardRails", json!({"maxWeight": 10})),
        ("announce", json!("Strict")),
    ]
}

fn policy(spec: Value) -> CanaryPolicy {
    serde_json::from_value(json!({"metadata": {"name": "default"}, "spec": spec})).unwrap()
}

// What a policy makes of a Deployment, and of a Deployment that wants to be left out.
fn governed(spec: &Value) -> String {
    let policy = policy(spec.clone());
    let defaults = Defaults::default();
    let mut unwilling = target();
    unwilling["metadata"]["annotations"] = json!({"coalmine.dev/enabled": "false"});
    let made_of = |target: &Value| generate::canary(target, &policy, Default::default(), Default::default());
    let (made, out) = (made_of(&target()), made_of(&unwilling).is_err());
    let settings = made
        .as_ref()
        .ok()
        .map(|canary| RunSettings::of(canary, Some(&policy.spec), &defaults, false));
    let spec = &policy.spec;
    let own = (
        spec.adopts_existing(),
        spec.deletion_grace(),
        spec.guard_rails.clone(),
        spec.announce(),
    );
    format!("{made:?} {out} {settings:?} {own:?}")
}

#[test]
fn a_field_of_a_policy_is_warned_about_if_nothing_differs_with_it() {
    let fields = policy_fields();
    assert_eq!(names(&fields), members::<crate::api::CanaryPolicySpec>());
    let base = json!({"gatewayRefs": [{"name": "gateway"}], "hostnameTemplate": "{{ name }}.test"});
    let before = governed(&base);
    for (field, value) in fields {
        let mut spec = base.clone();
        spec[field] = value;
        let warned = !unbuilt_policy(&policy(spec.clone())).is_empty();
        assert_eq!(governed(&spec) == before, warned, "spec.{field}");
    }
}
