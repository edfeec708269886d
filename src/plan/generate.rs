//! A Canary for a Deployment that has none: from a policy and from what the user already has.
//!
//! Ports come from the one Service that selects the pods, else from the containers; a route the user already has for that
//! Service is used; a route is generated only where the policy's hostname template names a host, because a label must
//! never publish something internal.

use super::{REVISION_ANNOTATION, effective::default_analysis};
use crate::{
    api::{
        Canary,
        canary::{CanaryService, CanarySpec, GatewayRef, ObjectRef},
        labels,
        number::Number,
        policy::CanaryPolicy,
    },
    routing::{Names, Provider, httproute},
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;
use std::{borrow::Borrow, collections::BTreeMap};
use thiserror::Error;

/// Annotation on a user's own apex Service: its selector before we moved it, as JSON, for the exit.
pub const ORIGINAL_SELECTOR: &str = "coalmine.dev/original-selector";

/// Why a Deployment is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotEnrolled {
    /// `coalmine.dev/enabled: "false"` where the policy allows it.
    #[error("left out by its annotation coalmine.dev/enabled: \"false\"")]
    OptedOut,
    /// It is itself a half of a pair, or owned by another controller.
    #[error("managed by another controller")]
    NotThePersonsOwn,
    /// Several Services select its pods and none has its name.
    #[error("several Services select its pods ({0}) and none is named like it")]
    SeveralServices(String),
    /// Something that two halves cannot share.
    #[error("{0}")]
    CannotBePaired(String),
}

/// The Canary for `target` by `policy`. `services` and `routes` are those of its namespace.
pub fn canary(
    target: &Value,
    policy: &CanaryPolicy,
    services: &[impl Borrow<Value>],
    routes: &[impl Borrow<Value>],
) -> Result<Canary, NotEnrolled> {
    let text = |pointer| target.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (name, namespace) = (text("/metadata/name"), text("/metadata/namespace"));
    refuse(target, policy)?;
    let apex = apex(target, name, services)?;
    let service = service(target, name, namespace, policy, apex, routes);
    let routed = service
        .as_ref()
        .is_some_and(|s| s.gateway_refs.as_ref().is_some_and(|g| !g.is_empty()));
    let wanted = policy.spec.provider.clone();
    let provider = if routed {
        wanted.unwrap_or_else(|| gateway_api().to_owned())
    } else {
        kubernetes().to_owned()
    };
    let (analysis, _) = default_analysis(&policy.spec, &provider, service.is_some());
    let spec = CanarySpec {
        provider: Some(provider),
        metrics_server: policy.spec.metrics_server.clone(),
        target_ref: ObjectRef {
            api_version: String::from("apps/v1"),
            kind: String::from("Deployment"),
            name: name.to_owned(),
        },
        service,
        analysis: Some(analysis),
        ..CanarySpec::default()
    };
    let mut canary = Canary::new(name, spec);
    canary.metadata.namespace = Some(namespace.to_owned());
    canary.metadata.labels = Some(BTreeMap::from([
        (labels::GENERATED.to_owned(), labels::TRUE.to_owned()),
        (labels::MANAGED_BY.to_owned(), labels::MANAGED_BY_FLAGGER.to_owned()),
    ]));
    // Empty while a webhook mutates a new one; set, but not stored, while one validates it.
    let uid = Some(text("/metadata/uid")).filter(|uid| !uid.is_empty());
    let named = target
        .pointer("/metadata/annotations")
        .and_then(|all| all.get(labels::POLICY)?.as_str());
    let annotations = [(labels::TARGET_UID, uid), (labels::POLICY, named)];
    let annotations: BTreeMap<String, String> = annotations
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
        .collect();
    canary.metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    canary.metadata.finalizers = Some(vec![labels::FINALIZER.to_owned()]);
    Ok(canary)
}

fn gateway_api() -> &'static str {
    Provider::GatewayApiV1.as_str()
}

fn kubernetes() -> &'static str {
    Provider::Kubernetes.as_str()
}

fn refuse(target: &Value, policy: &CanaryPolicy) -> Result<(), NotEnrolled> {
    let annotation = target
        .pointer("/metadata/annotations")
        .and_then(|a| a.get(labels::ENABLED));
    if annotation.and_then(Value::as_str) == Some("false") && policy.spec.allows_opt_out() {
        return Err(NotEnrolled::OptedOut);
    }
    let owners = target.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    if owners.is_some_and(|o| {
        o.iter()
            .any(|o| o.get("controller").and_then(Value::as_bool) == Some(true))
    }) {
        return Err(NotEnrolled::NotThePersonsOwn);
    }
    // Restored from a backup, say, a primary may have lost its owner.
    let marked = |map: &str, key: &str| target.pointer(map).and_then(|all| all.get(key)).and_then(Value::as_str);
    let flaggers = marked("/metadata/labels", labels::MANAGED_BY) == Some(labels::MANAGED_BY_FLAGGER);
    let named = target.pointer("/metadata/name").and_then(Value::as_str);
    let is_half = flaggers && named.is_some_and(|name| name.ends_with("-primary"));
    if is_half || marked("/metadata/annotations", REVISION_ANNOTATION).is_some() {
        return Err(NotEnrolled::NotThePersonsOwn);
    }
    let pod = |field: &str| target.pointer(&format!("/spec/template/spec/{field}"));
    if target.pointer("/spec/strategy/type").and_then(Value::as_str) == Some("Recreate") {
        return Err(NotEnrolled::CannotBePaired(
            "strategy Recreate forbids two revisions at once".into(),
        ));
    }
    if pod("hostNetwork").and_then(Value::as_bool) == Some(true) || has_host_port(pod("containers")) {
        return Err(NotEnrolled::CannotBePaired(
            "host ports cannot be shared by two halves on one node".into(),
        ));
    }
    Ok(())
}

fn has_host_port(containers: Option<&Value>) -> bool {
    let all = containers.and_then(Value::as_array).into_iter().flatten();
    all.flat_map(|c| c.get("ports").and_then(Value::as_array).into_iter().flatten())
        .any(|port| port.get("hostPort").and_then(Value::as_u64).unwrap_or(0) > 0)
}

/// The Service users call: the only one that selects the pods, else the one named like the target.
fn apex<'a>(target: &Value, name: &str, services: &'a [impl Borrow<Value>]) -> Result<Option<&'a Value>, NotEnrolled> {
    let pods = target
        .pointer("/spec/template/metadata/labels")
        .and_then(Value::as_object);
    let own_halves = [format!("{name}-primary"), format!("{name}-canary")];
    let selects = |service: &&Value| {
        let selector = own_selector(service);
        let headless = service.pointer("/spec/clusterIP").and_then(Value::as_str) == Some("None");
        let half = own_halves.iter().any(|half| half == service_name(service));
        !headless
            && !half
            && selector
                .is_some_and(|s| !s.is_empty() && s.iter().all(|(k, v)| pods.is_some_and(|p| p.get(k) == Some(v))))
    };
    // What we generated says nothing about what the user has.
    let is_generated = |service: &&Value| {
        service
            .pointer("/metadata/labels")
            .is_some_and(|l| l.get(labels::GENERATED).is_some())
    };
    let users = || {
        services
            .iter()
            .map(Borrow::borrow)
            .filter(|service| !is_generated(service))
    };
    let found: Vec<&Value> = users().filter(selects).collect();
    match found.as_slice() {
        [] => Ok(users().find(|s| service_name(s) == name)),
        [one] => Ok(Some(one)),
        several => match several.iter().find(|s| service_name(s) == name) {
            Some(named) => Ok(Some(named)),
            None => {
                let names: Vec<&str> = several.iter().map(|s| service_name(s)).collect();
                Err(NotEnrolled::SeveralServices(names.join(", ")))
            }
        },
    }
}

// The selector the user wrote: on an apex of a pair, ours has taken its place.
fn own_selector(service: &Value) -> Option<serde_json::Map<String, Value>> {
    let recorded = service
        .pointer("/metadata/annotations")
        .and_then(|a| a.get(ORIGINAL_SELECTOR))
        .and_then(Value::as_str);
    let recorded = recorded.and_then(|text| serde_json::from_str::<Value>(text).ok());
    recorded
        .as_ref()
        .or(service.pointer("/spec/selector"))?
        .as_object()
        .cloned()
}

fn service_name(service: &Value) -> &str {
    service
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn service(
    target: &Value,
    name: &str,
    namespace: &str,
    policy: &CanaryPolicy,
    apex: Option<&Value>,
    routes: &[impl Borrow<Value>],
) -> Option<CanaryService> {
    let mut service = match apex {
        Some(apex) => from_service(apex, name)?,
        None => from_containers(target, policy)?,
    };
    let names = Names::new(service.name.as_deref().unwrap_or(name));
    if let Some(route) = routes
        .iter()
        .map(Borrow::borrow)
        .find(|route| httproute::refers_to(route, &names))
    {
        service.gateway_refs = parents(route, namespace);
        service.hosts = hostnames(route);
    } else if let (Some(template), Some(gateways)) = (&policy.spec.hostname_template, &policy.spec.gateway_refs) {
        service.gateway_refs = Some(gateways.clone());
        service.hosts = Some(vec![hostname(template, name, namespace)]);
    }
    Some(service)
}

fn from_service(apex: &Value, target: &str) -> Option<CanaryService> {
    let port = apex.pointer("/spec/ports/0")?;
    let name = service_name(apex);
    Some(CanaryService {
        name: (name != target).then(|| name.to_owned()),
        port: Number(port.get("port")?.as_f64()?),
        port_name: port.get("name").and_then(Value::as_str).map(str::to_owned),
        target_port: port.get("targetPort").and_then(int_or_string),
        app_protocol: port.get("appProtocol").and_then(Value::as_str).map(str::to_owned),
        ..CanaryService::default()
    })
}

fn from_containers(target: &Value, policy: &CanaryPolicy) -> Option<CanaryService> {
    let containers = target
        .pointer("/spec/template/spec/containers")
        .and_then(Value::as_array)?;
    let mut ports = containers
        .iter()
        .flat_map(|c| c.get("ports").and_then(Value::as_array).into_iter().flatten());
    let number = ports.next()?.get("containerPort")?.as_f64()?;
    let settings = policy.spec.service.clone().unwrap_or_default();
    Some(CanaryService {
        port: settings.port.unwrap_or(Number(number)),
        target_port: int_or_string(&serde_json::json!(Number(number).int())),
        port_discovery: settings.port_discovery,
        ..CanaryService::default()
    })
}

fn int_or_string(value: &Value) -> Option<IntOrString> {
    match value {
        Value::Number(number) => Some(IntOrString::Int(i32::try_from(number.as_i64()?).ok()?)),
        Value::String(text) => Some(IntOrString::String(text.clone())),
        _ => None,
    }
}

fn parents(route: &Value, namespace: &str) -> Option<Vec<GatewayRef>> {
    let parents = route.pointer("/spec/parentRefs").and_then(Value::as_array)?;
    let mut refs: Vec<GatewayRef> = parents
        .iter()
        .filter_map(|parent| serde_json::from_value(parent.clone()).ok())
        .collect();
    for parent in &mut refs {
        parent.namespace.get_or_insert_with(|| namespace.to_owned());
    }
    Some(refs)
}

fn hostnames(route: &Value) -> Option<Vec<String>> {
    let hosts = route.pointer("/spec/hostnames").and_then(Value::as_array)?;
    Some(hosts.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

// Two functions and no logic: the policy says where names go, nothing else.
pub(super) fn hostname(template: &str, name: &str, namespace: &str) -> String {
    let mut out = template.to_owned();
    for (key, value) in [("name", name), ("namespace", namespace)] {
        for form in [format!("{{{{ {key} }}}}"), format!("{{{{{key}}}}}")] {
            out = out.replace(&form, value);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        let canary = canary(&target(), &policy(), NONE, NONE).unwrap();
        let service = canary.spec.service.unwrap();
        assert_eq!(service.port(), Some(9898));
        assert_eq!(service.hosts.unwrap(), ["web.shop.test"]);
        assert_eq!(canary.spec.provider.as_deref(), Some("gatewayapi:v1"));
    }

    #[test]
    fn a_primary_that_lost_its_owner_is_no_app_of_its_own() {
        let mut restored = target();
        restored["metadata"] = json!({"name": "web-primary", "labels": {"app.kubernetes.io/managed-by": "flagger"}});
        let mut ours = target();
        ours["metadata"]["annotations"] = json!({REVISION_ANNOTATION: "v1-a"});
        for half in [restored, ours] {
            let refused = canary(&half, &policy(), NONE, NONE).unwrap_err();
            assert_eq!(refused, NotEnrolled::NotThePersonsOwn);
        }
        let mut named = target();
        named["metadata"]["name"] = json!("web-primary");
        assert!(canary(&named, &policy(), NONE, NONE).is_ok(), "only called so");
    }

    #[test]
    fn without_a_hostname_nothing_is_published() {
        let policy = CanaryPolicy::new("default", Default::default());
        let canary = canary(&target(), &policy, NONE, NONE).unwrap();
        assert_eq!(canary.spec.provider.as_deref(), Some("kubernetes"));
        assert_eq!(canary.spec.service.unwrap().hosts, None);
    }

    #[test]
    fn the_users_service_and_route_are_used() {
        let services = [
            json!({"metadata": {"name": "front"}, "spec": {"selector": {"app": "web"}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}]}}),
        ];
        let routes = [
            json!({"metadata": {"name": "mine"}, "spec": {"hostnames": ["web.example.com"], "parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "front", "port": 80}]}]}}),
        ];
        let canary = canary(&target(), &policy(), &services, &routes).unwrap();
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
            service("front", json!({"annotations": {ORIGINAL_SELECTOR: r#"{"app":"web"}"#}})),
        ];
        let found = canary(&target(), &policy(), &services, NONE)
            .unwrap()
            .spec
            .service
            .unwrap();
        assert_eq!((found.name.as_deref(), found.port()), (Some("front"), Some(80)));
        let found = canary(&target(), &policy(), &services[..1], NONE)
            .unwrap()
            .spec
            .service
            .unwrap();
        assert_eq!((found.name.as_deref(), found.port()), (None, Some(9898)));
    }

    #[test]
    fn what_cannot_be_paired_says_why() {
        let mut recreate = target();
        recreate["spec"]["strategy"] = json!({"type": "Recreate"});
        assert!(matches!(
            canary(&recreate, &policy(), NONE, NONE),
            Err(NotEnrolled::CannotBePaired(_))
        ));
        let two = |name: &str| json!({"metadata": {"name": name}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
        assert!(matches!(
            canary(&target(), &policy(), &[two("a"), two("b")], NONE),
            Err(NotEnrolled::SeveralServices(names)) if names == "a, b"
        ));
        let worker = json!({"metadata": {"name": "job", "namespace": "shop"}, "spec": {"template": {"spec": {"containers": [{"name": "job"}]}}}});
        assert_eq!(canary(&worker, &policy(), NONE, NONE).unwrap().spec.service, None);
    }
}
