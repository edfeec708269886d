use super::*;
use serde_json::json;

use crate::{api::number::Number, plan::REVISION_ANNOTATION};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// With what the namespace has and what its Canary says.
fn made_of(
    target: &Value,
    policy: &CanaryPolicy,
    services: &[Value],
    routes: &[Value],
    known: Option<&CanaryService>,
) -> Result<Canary, NotEnrolled> {
    let around = NamespaceView {
        services,
        routes,
        ..NamespaceView::default()
    };
    let known = Known {
        service: known,
        built: known.is_some(),
    };
    super::canary(target, policy, around, known)
}

const NONE: &[Value] = &[];

fn target() -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "ports": [{"containerPort": 9898}]}]}}},
    })
}

fn policy() -> CanaryPolicy {
    serde_json::from_value(json!({
        "metadata": {"name": "default"},
        "spec": {"hostnameTemplate": "{{ name }}.{{namespace}}.test", "gatewayRefs": [{"name": "gateway", "namespace": "infra"}]},
    }))
    .unwrap()
}

#[test]
fn an_app_with_nothing_but_a_port_gets_a_host_by_the_policy() {
    let canary = made_of(&target(), &policy(), NONE, NONE, None).unwrap();
    let service = canary.spec.service.unwrap();
    assert_eq!(service.port(), Some(9898));
    assert_eq!(service.hosts.unwrap(), ["web.shop.test"]);
    assert_eq!(canary.spec.provider.as_deref(), Some("gatewayapi:v1"));
}

#[test]
fn a_policy_that_says_nothing_of_steps_is_held_by_its_own_guard_rails() {
    let mut policy = policy();
    policy.spec.guard_rails = serde_json::from_value(json!({"maxStepWeight": 40, "maxWeight": 50})).unwrap();
    let canary = made_of(&target(), &policy, NONE, NONE, None).unwrap();
    assert_eq!(canary.spec.analysis.unwrap().step_weights(), [40, 50]);
}

#[test]
fn a_primary_that_lost_its_owner_is_no_app_of_its_own() {
    let mut restored = target();
    restored["metadata"] = json!({"name": "web-primary", "labels": {"app.kubernetes.io/managed-by": "flagger"}});
    let mut ours = target();
    ours["metadata"]["annotations"] = json!({REVISION_ANNOTATION: "v1-a"});
    for half in [restored, ours] {
        let refused = made_of(&half, &policy(), NONE, NONE, None).unwrap_err();
        assert_eq!(refused, NotEnrolled::NotThePersonsOwn);
    }
    let mut named = target();
    named["metadata"]["name"] = json!("web-primary");
    assert!(made_of(&named, &policy(), NONE, NONE, None).is_ok(), "only called so");
}

#[test]
fn a_canary_remembers_the_policy_its_deployment_names() {
    let named = |target: &Value| {
        let made = made_of(target, &policy(), NONE, NONE, None).unwrap();
        made.metadata
            .annotations
            .and_then(|all| all.get(labels::POLICY).cloned())
    };
    assert_eq!(named(&target()), None);
    let mut own = target();
    own["metadata"]["annotations"] = json!({labels::POLICY: "slow"});
    assert_eq!(named(&own).as_deref(), Some("slow"));
}

#[test]
fn without_a_hostname_nothing_is_published() {
    let policy = CanaryPolicy::new("default", Default::default());
    let canary = made_of(&target(), &policy, NONE, NONE, None).unwrap();
    assert_eq!(canary.spec.provider.as_deref(), Some("kubernetes"));
    assert_eq!(canary.spec.service.unwrap().hosts, None);
}

#[test]
fn the_users_service_and_route_are_used() {
    let services = [
        json!({"metadata": {"name": "front"}, "spec": {"selector": {"app": "web"}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}]}}),
    ];
    let routes = [
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "mine"}, "spec": {"hostnames": ["web.example.com"], "parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "front", "port": 80}]}]}}),
    ];
    let canary = made_of(&target(), &policy(), &services, &routes, None).unwrap();
    let service = canary.spec.service.unwrap();
    assert_eq!(service.name.as_deref(), Some("front"));
    assert_eq!(service.hosts.unwrap(), ["web.example.com"]);
    assert_eq!(service.gateway_refs.unwrap()[0].namespace.as_deref(), Some("shop"));
}

#[test]
fn of_a_pair_the_users_own_selector_counts_and_what_we_generated_does_not() {
    let service = |name: &str, metadata: Value| {
        let mut service =
            json!({"metadata": metadata, "spec": {"selector": {"app": "web-primary"}, "ports": [{"port": 80}]}});
        service["metadata"]["name"] = json!(name);
        service
    };
    let services = [
        service("web", json!({"labels": {labels::GENERATED: "true"}})),
        service(
            "front",
            json!({"annotations": {pointing::ORIGINAL_SELECTOR: r#"{"app":"web"}"#}}),
        ),
    ];
    let found = made_of(&target(), &policy(), &services, NONE, None)
        .unwrap()
        .spec
        .service
        .unwrap();
    assert_eq!((found.name.as_deref(), found.port()), (Some("front"), Some(80)));
    let found = made_of(&target(), &policy(), &services[..1], NONE, None)
        .unwrap()
        .spec
        .service
        .unwrap();
    assert_eq!((found.name.as_deref(), found.port()), (None, Some(9898)));
}

fn container(name: &str, ports: Value) -> Value {
    json!({"name": name, "ports": ports})
}

fn made(containers: Value, known: Option<&CanaryService>) -> Option<(u16, Value)> {
    let mut target = target();
    target["spec"]["template"]["spec"]["containers"] = containers;
    let service = made_of(&target, &policy(), NONE, NONE, known).unwrap().spec.service?;
    Some((
        service.port().unwrap(),
        serde_json::to_value(service.target_port()).unwrap(),
    ))
}

#[test]
fn the_port_of_containers_is_the_one_that_a_gateway_can_speak_to() {
    let http = json!({"name": "http", "containerPort": 9898});
    let metrics = json!({"name": "metrics", "containerPort": 9090});
    let statsd = json!({"name": "statsd", "containerPort": 8125, "protocol": "UDP"});
    for (what, containers, port) in [
        (
            "metrics first",
            json!([container("web", json!([metrics, http]))]),
            Some(9898),
        ),
        (
            "UDP first",
            json!([container("web", json!([statsd, http]))]),
            Some(9898),
        ),
        ("UDP only", json!([container("web", json!([statsd]))]), None),
        (
            "a mesh's sidecar first",
            json!([
                container("istio-proxy", json!([{"containerPort": 15090}])),
                container("web", json!([{"containerPort": 7000}]))
            ]),
            Some(7000),
        ),
        (
            "by its usual number",
            json!([container(
                "web",
                json!([{"containerPort": 7000}, {"containerPort": 8080}])
            )]),
            Some(8080),
        ),
        ("metrics only", json!([container("web", json!([metrics]))]), Some(9090)),
        (
            "a log shipper first",
            json!([
                container("logs", json!([{"name": "prom", "containerPort": 2020}])),
                container("web", json!([{"containerPort": 7000}]))
            ]),
            Some(7000),
        ),
    ] {
        let wanted = port.map(|port| (port, json!(port)));
        assert_eq!(made(containers, None), wanted, "{what}");
    }
}

#[test]
fn callers_keep_the_port_they_know() {
    let known = CanaryService {
        port: Number(9898.0),
        target_port: Some(IntOrString::Int(9898)),
        ..CanaryService::default()
    };
    let moved = json!([container("web", json!([{"name": "http", "containerPort": 8080}]))]);
    assert_eq!(made(moved, Some(&known)), Some((9898, json!(8080))));
    // Ports of containers are informational: without them the app is still the same.
    assert_eq!(made(json!([{"name": "web"}]), Some(&known)), Some((9898, json!(9898))));
    assert_eq!(made(json!([{"name": "web"}]), None), None);
}

#[test]
fn what_is_not_promoted_says_nothing_about_production() {
    let keys = Selector::default_keys();
    let v1 = target();
    let mut primary = v1.clone();
    primary["metadata"] =
        json!({"name": "web-primary", "annotations": {crate::plan::REVISION_ANNOTATION: template::revision(&v1)}});
    primary["spec"]["selector"] = json!({"matchLabels": {"app": "web-primary"}});
    primary["spec"]["template"]["metadata"]["labels"] = json!({"app": "web-primary"});
    assert_eq!(as_promoted(&v1, Some(&primary), &keys), v1);
    assert_eq!(as_promoted(&v1, None, &keys), v1);
    let mut v2 = v1.clone();
    v2["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([{"containerPort": 8080}]);
    assert_eq!(as_promoted(&v2, Some(&primary), &keys), v1);
    assert_eq!(as_promoted(&v2, None, &keys), v2);
}

fn users_service(spec: Value) -> Value {
    json!({"metadata": {"name": "web"}, "spec": spec})
}

#[test]
fn of_the_ports_of_a_service_the_users_one_is_taken_wherever_it_stands() {
    let ports = json!([{"name": "metrics", "port": 9090}, {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "http", "port": 80, "targetPort": 9898}]);
    let services = [users_service(json!({"selector": {"app": "web"}, "ports": ports}))];
    let of = |known: Option<&CanaryService>| {
        let service = made_of(&target(), &policy(), &services, NONE, known)
            .unwrap()
            .spec
            .service
            .unwrap();
        service.port()
    };
    assert_eq!(of(None), Some(80));
    let known = CanaryService {
        port: Number(9090.0),
        ..CanaryService::default()
    };
    assert_eq!(of(Some(&known)), Some(9090));
}

#[test]
fn a_service_that_only_has_the_name_is_never_taken() {
    let others = json!({"selector": {"app": "proxy"}, "ports": [{"port": 80}]});
    for spec in [
        others,
        json!({"ports": [{"port": 80}]}),
        json!({"type": "ExternalName", "externalName": "x"}),
    ] {
        let services = [users_service(spec)];
        let why = made_of(&target(), &policy(), &services, NONE, None).unwrap_err();
        assert_eq!(why, NotEnrolled::ServiceTaken("web".into()));
        // A worker needs no Service.
        let mut worker = target();
        worker["spec"]["template"]["spec"]["containers"] = json!([{"name": "web"}]);
        assert_eq!(
            made_of(&worker, &policy(), &services, NONE, None).unwrap().spec.service,
            None
        );
    }
}

#[test]
fn a_route_without_room_for_the_test_is_told_before_anything_is_made() {
    let rule = |path: usize| json!({"matches": [{"path": {"value": format!("/{path}")}}], "backendRefs": [{"name": "web", "port": 80}]});
    let rules: Vec<Value> = (0..9).map(rule).collect();
    let routes = [
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "mine"}, "spec": {"rules": rules}}),
    ];
    let mut policy = policy();
    policy.spec.analysis =
        serde_json::from_value(json!({"iterations": 2, "match": [{"headers": {"x": {"exact": "y"}}}]})).ok();
    let why = made_of(&target(), &policy, NONE, &routes, None)
        .unwrap_err()
        .to_string();
    assert!(
        why.starts_with("HTTPRoute mine has 9 rules") && why.contains("18 rules"),
        "{why}"
    );
}

#[test]
fn what_cannot_be_paired_says_why() {
    let mut recreate = target();
    recreate["spec"]["strategy"] = json!({"type": "Recreate"});
    assert!(matches!(
        made_of(&recreate, &policy(), NONE, NONE, None),
        Err(NotEnrolled::CannotBePaired(_))
    ));
    let worker = json!({"metadata": {"name": "job", "namespace": "shop"}, "spec": {"template": {"spec": {"containers": [{"name": "job"}]}}}});
    assert_eq!(
        made_of(&worker, &policy(), NONE, NONE, None).unwrap().spec.service,
        None
    );
}

#[test]
fn a_service_that_is_held_for_the_app_stays_its_own() {
    let mut service = users_service(json!({"selector": {"app": "web-primary"}, "ports": [{"port": 80}]}));
    service["metadata"]["annotations"] = json!({pointing::ORIGINAL_SELECTOR: r#"{"app":"maintenance"}"#});
    let known = CanaryService {
        port: Number(80.0),
        ..CanaryService::default()
    };
    let made = |known: Option<&CanaryService>| made_of(&target(), &policy(), &[service.clone()], NONE, known);
    assert_eq!(made(Some(&known)).unwrap().spec.service.unwrap().port(), Some(80));
    assert_eq!(made(None).unwrap_err(), NotEnrolled::ServiceTaken("web".into()));
}

#[test]
fn an_app_whose_name_no_service_may_have_is_released_without_traffic() {
    for (name, served) in [("web", true), ("report.v2", false), ("2048", false)] {
        let mut named = target();
        named["metadata"]["name"] = json!(name);
        let made = made_of(&named, &policy(), NONE, NONE, None).unwrap();
        assert_eq!(made.spec.service.is_some(), served, "{name}");
    }
    // Its own Service may be called anything.
    let mut dotted = target();
    dotted["metadata"]["name"] = json!("report.v2");
    let own = json!({"metadata": {"name": "report"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    let made = made_of(&dotted, &policy(), &[own], NONE, None).unwrap();
    assert_eq!(made.spec.service.unwrap().name.as_deref(), Some("report"));
}

#[test]
fn a_route_that_was_made_for_a_canary_is_not_the_users() {
    let canary = json!({
    "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "shop", "namespace": "web"},
    "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "service": {"port": 80},
    }});
    let canary: Canary = serde_json::from_value(canary).unwrap();
    let has = |provider: &str, backend: &str, metadata: Value| {
        let rules = json!([{"backendRefs": [{"name": backend, "port": 80}]}]);
        let route = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata,
            "spec": {"rules": rules},
        });
        has_route(&canary, provider, &[route])
    };
    let own = json!({"name": "front", "namespace": "web"});
    assert!(has("gatewayapi:v1", "shop", own.clone()));
    assert!(!has("gatewayapi:v1", "other", own.clone()) && !has("istio", "shop", own));
    let ours = json!({"name": "shop", "namespace": "web", "labels": {labels::GENERATED: "true"}});
    let flaggers = json!({"name": "shop", "namespace": "web", "ownerReferences": [{"kind": "Canary", "name": "shop"}]});
    for made in [ours, flaggers] {
        assert!(!has("gatewayapi:v1", "shop", made));
    }
}
