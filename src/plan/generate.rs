//! A Canary for a Deployment that has none: from a policy and from what the user already has.
//!
//! Ports come from the one Service that selects the pods, else from the containers: of several, the one that a gateway can
//! speak to. A route the user already has for that Service is used; a route is generated only where the policy's hostname
//! template names a host, because a label must never publish something internal.

use super::{REVISION_ANNOTATION, effective::default_analysis};
use crate::{
    api::{
        Canary,
        canary::{CanaryService, CanarySpec, GatewayRef, ObjectRef},
        labels,
        number::Number,
        policy::CanaryPolicy,
    },
    plan::{Selector, ports, primary_revision, revision::template_of, strategy::exposure, template},
    routing::{Names, Provider, httproute},
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Map, Value};
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
    /// A Service that is not its own has the name that its own would need.
    #[error("the Service {0} selects other pods or none, and its own would need that name; rename one of the two")]
    NameTaken(String),
    /// Its route has no room for what a release adds.
    #[error("{0}")]
    NoRoom(String),
    /// Something that two halves cannot share.
    #[error("{0}")]
    CannotBePaired(String),
}

/// The Canary for `target` by `policy`. `services` and `routes` are those of its namespace. `known` is what the Canary it
/// has says of its Service: callers keep the port they know, and an app that had one does not become a worker because its
/// containers have ceased to tell their ports.
pub fn canary(
    target: &Value,
    policy: &CanaryPolicy,
    services: &[impl Borrow<Value>],
    routes: &[impl Borrow<Value>],
    known: Option<&CanaryService>,
) -> Result<Canary, NotEnrolled> {
    let text = |pointer| target.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (name, namespace) = (text("/metadata/name"), text("/metadata/namespace"));
    refuse(target, policy)?;
    let service = service(target, policy, services, known)?;
    let service = service.map(|service| routed(service, (name, namespace), policy, routes));
    let published = service
        .as_ref()
        .is_some_and(|s| s.gateway_refs.as_ref().is_some_and(|g| !g.is_empty()));
    let wanted = policy.spec.provider.clone();
    let provider = if published {
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
    let named = target
        .pointer("/metadata/annotations")
        .and_then(|all| all.get(labels::POLICY)?.as_str())
        .unwrap_or_default();
    let canary = marked(spec, (name, namespace), text("/metadata/uid"), named);
    match crowded(&canary, routes) {
        Some(why) => Err(NotEnrolled::NoRoom(why)),
        None => Ok(canary),
    }
}

// As generated, for the target with this uid and with a policy of its own, where it names one. The uid is empty while a
// webhook mutates a new one; set, but not stored, while one validates it.
fn marked(spec: CanarySpec, (name, namespace): (&str, &str), uid: &str, policy: &str) -> Canary {
    let mut canary = Canary::new(name, spec);
    canary.metadata.namespace = Some(namespace.to_owned());
    canary.metadata.labels = Some(BTreeMap::from([
        (labels::GENERATED.to_owned(), labels::TRUE.to_owned()),
        (labels::MANAGED_BY.to_owned(), labels::MANAGED_BY_FLAGGER.to_owned()),
    ]));
    let own = [(labels::TARGET_UID, uid), (labels::POLICY, policy)];
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    let annotations: BTreeMap<String, String> = own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    canary.metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    canary.metadata.finalizers = Some(vec![labels::FINALIZER.to_owned()]);
    canary
}

/// Why a route that exists has no room for what the analysis of `canary` adds to it.
pub fn crowded(canary: &Canary, routes: &[impl Borrow<Value>]) -> Option<String> {
    let (names, exposure) = (Names::new(canary.service_name()), exposure(canary));
    let mut routes = routes.iter().map(Borrow::borrow);
    routes.find_map(|route| {
        let room = httproute::refers_to(route, &names).then(|| httproute::crowded(route, &names, &exposure));
        room.flatten()
    })
}

/// The target as far as it is promoted: what a Canary is rendered from. A revision that is not verified, or has failed,
/// says nothing about how production is reached.
pub fn as_promoted(target: &Value, primary: Option<&Value>, keys: &[String]) -> Value {
    let mut promoted = target.clone();
    let of = |workload: &Value| primary_revision(workload).map(|revision| template_of(revision).to_owned());
    let Some(primary) = primary.filter(|primary| of(primary).is_some() && of(primary) != template::revision(target))
    else {
        return promoted;
    };
    let Some(template) = primary.pointer("/spec/template") else {
        return promoted;
    };
    let mut template = template.clone();
    let pods = Selector::of_pair(None, Some(primary), keys).map(|pair| pair.target_labels());
    if let (Ok(pods), Some(labels)) = (
        pods,
        template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut),
    ) {
        labels.extend(pods);
    }
    if let Some(spec) = promoted.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("template".to_owned(), template);
    }
    promoted
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

/// The Service users call: of those that select the pods the only one, else the one named like the target. One that only
/// has the name is somebody else's.
fn apex<'a>(target: &Value, name: &str, services: &'a [impl Borrow<Value>]) -> Result<Option<&'a Value>, NotEnrolled> {
    let pods = target
        .pointer("/spec/template/metadata/labels")
        .and_then(Value::as_object);
    let own_halves = [format!("{name}-primary"), format!("{name}-canary")];
    let selects = |service: &&Value| {
        let half = own_halves.iter().any(|half| half == service_name(service));
        !half
            && own_selector(service)
                .is_some_and(|s| !s.is_empty() && s.iter().all(|(k, v)| pods.is_some_and(|p| p.get(k) == Some(v))))
    };
    let is_headless = |service: &&Value| service.pointer("/spec/clusterIP").and_then(Value::as_str) == Some("None");
    let (headless, mut found): (Vec<&Value>, Vec<&Value>) = users(services).filter(selects).partition(is_headless);
    if found.is_empty() {
        found = headless;
    }
    match found.as_slice() {
        [] => Ok(None),
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

// What we generated says nothing about what the user has.
fn users(services: &[impl Borrow<Value>]) -> impl Iterator<Item = &Value> {
    let is_generated = |service: &&Value| {
        let labels = service.pointer("/metadata/labels");
        labels.is_some_and(|l| l.get(labels::GENERATED).is_some())
    };
    services
        .iter()
        .map(Borrow::borrow)
        .filter(move |service| !is_generated(service))
}

// The selector the user wrote: on an apex of a pair, ours has taken its place.
fn own_selector(service: &Value) -> Option<Map<String, Value>> {
    let recorded = recorded(service);
    recorded
        .as_ref()
        .or(service.pointer("/spec/selector"))?
        .as_object()
        .cloned()
}

fn recorded(service: &Value) -> Option<Value> {
    let annotations = service.pointer("/metadata/annotations");
    serde_json::from_str(annotations?.get(ORIGINAL_SELECTOR)?.as_str()?).ok()
}

fn service_name(service: &Value) -> &str {
    service
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

// From the user's own Service, else from the containers; nothing for a worker.
fn service(
    target: &Value,
    policy: &CanaryPolicy,
    services: &[impl Borrow<Value>],
    known: Option<&CanaryService>,
) -> Result<Option<CanaryService>, NotEnrolled> {
    let name = service_name(target);
    // One that we hold for it is its own, whatever selector its author has given it since.
    let held = |service: &&Value| {
        let named = known.is_some_and(|known| known.name.as_deref().unwrap_or(name) == service_name(service));
        named && recorded(service).is_some()
    };
    if let Some(apex) = apex(target, name, services)?.or_else(|| users(services).find(held)) {
        return Ok(from_service(apex, name, known));
    }
    let service = from_containers(target, policy, known);
    if service.is_some() && users(services).any(|service| service_name(service) == name) {
        return Err(NotEnrolled::NameTaken(name.to_owned()));
    }
    Ok(service)
}

// The user's own route decides where its traffic comes from, else the policy.
fn routed(
    mut service: CanaryService,
    (name, namespace): (&str, &str),
    policy: &CanaryPolicy,
    routes: &[impl Borrow<Value>],
) -> CanaryService {
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
    service
}

fn from_service(apex: &Value, target: &str, known: Option<&CanaryService>) -> Option<CanaryService> {
    let all = ports::of(apex);
    let has_known = |port: &&Value| {
        let number = port.get("port").and_then(Value::as_f64);
        ports::key(port).ends_with("/TCP") && number.is_some() && number == known.map(|known| known.port.0)
    };
    let port = all
        .iter()
        .find(has_known)
        .or_else(|| ports::best(all))
        .or_else(|| all.first())?;
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

// A port that callers know stays, wherever it leads.
fn from_containers(target: &Value, policy: &CanaryPolicy, known: Option<&CanaryService>) -> Option<CanaryService> {
    let settings = policy.spec.service.clone().unwrap_or_default();
    let found = target.pointer("/spec/template").and_then(ports::main_port);
    let known = known.filter(|known| known.name.is_none());
    let port = settings
        .port
        .or(known.map(|known| known.port))
        .or(found.map(|number| Number(f64::from(number))))?;
    let target_port = found
        .map(IntOrString::Int)
        .or_else(|| known.and_then(|known| known.target_port.clone()))?;
    Some(CanaryService {
        port,
        target_port: Some(target_port),
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
mod tests;
