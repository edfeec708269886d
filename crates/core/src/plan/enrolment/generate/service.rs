//! The Service users call, of all that point at the app's pods, and where its traffic comes from.
//!
//! It is the one a route names, else the only one that has an address, else the one named like the app. Where nothing tells,
//! there is none: all of them follow, and nobody is split. An app without any gets one of its own from its containers: of
//! several ports the one that a gateway can speak to.

use super::{Known, NamespaceView};
use crate::object::text;
use crate::plan::enrolment::NotEnrolled;
use crate::{
    api::{canary::CanaryService, number::Number, policy::CanaryPolicy},
    plan::{
        enrolment::pairing,
        services::{
            pointing::{self, Labels},
            ports,
        },
        settings::hostname::hostname,
    },
    routing::{self, Names, Provider},
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

/// What was chosen.
pub(super) struct Chosen<'a> {
    /// What the Canary says of the Service users call; none for a worker.
    pub service: Option<CanaryService>,
    /// Whether a route leads, or is to lead, to any Service of the app.
    pub published: bool,
    /// The Services that routes may lead to.
    pub split: Vec<Names>,
    /// The user's own route to the Service users call.
    pub route: Option<&'a Value>,
}

/// Chooses the Service users call, and says where its traffic comes from. `routes` are those that the policy's provider
/// reads.
pub(super) fn chosen<'a>(
    target: &Value,
    policy: &CanaryPolicy,
    (around, routes): (NamespaceView<'_>, &[&'a Value]),
    known: Known<'_>,
    provider: Provider,
) -> Result<Chosen<'a>, NotEnrolled> {
    let makes_routes = provider.makes_routes();
    let pointing = pointing(target, around, known)?;
    let service = own(target, policy, (around, routes), known, &pointing)?;
    let (name, namespace) = (pointing::name(target), text(target, "/metadata/namespace"));
    let mut names: Vec<&str> = pointing.iter().map(|service| pointing::name(service)).collect();
    let apex = service
        .as_ref()
        .map(|service| service.name.clone().unwrap_or_else(|| name.to_owned()));
    names.extend(apex.as_deref());
    let leads = names.iter().any(|name| route_to(name, routes).is_some());
    let elsewhere = around
        .elsewhere
        .iter()
        .any(|other| other.followed && names.contains(&other.service.as_str()));
    let published = known.service.is_some_and(has_gateways);
    let route = apex.as_deref().and_then(|apex| route_to(apex, routes));
    let service = service.map(|service| match route {
        // It decides where its traffic comes from.
        Some(_) => service,
        // An app that somebody else leads to has its address.
        None if !published && (elsewhere || leads) => service,
        None if !makes_routes => service,
        None => by_policy(service, policy, name, namespace),
    });
    let gated = makes_routes && (leads || service.as_ref().is_some_and(has_gateways));
    let within = provider.is_within() && service.is_some();
    Ok(Chosen {
        published: route.is_some() || gated || within,
        route,
        service,
        split: names.into_iter().map(Names::new).collect(),
    })
}

fn has_gateways(service: &CanaryService) -> bool {
    service.gateway_refs.as_ref().is_some_and(|all| !all.is_empty())
}

// The user's own Services that point at the pods, and at no others.
fn pointing<'a>(target: &Value, around: NamespaceView<'a>, known: Known<'_>) -> Result<Vec<&'a Value>, NotEnrolled> {
    let name = pointing::name(target);
    let no_pods = Labels::new();
    let pods = pointing::pods(target).unwrap_or(&no_pods);
    let halves = [format!("{name}-primary"), format!("{name}-canary")];
    let is_half = |service: &Value| halves.iter().any(|half| half == pointing::name(service));
    let users = around.services.iter().filter(|service| !is_half(service));
    let mut all: Vec<&Value> = users.filter(|service| pointing::selects(service, pods)).collect();
    if !known.built
        && let Some(shared) = pointing::shared(target, all.iter().copied(), around.workloads)
    {
        return Err(NotEnrolled::SharedService(shared));
    }
    let alone = |service: &&Value| {
        pointing::recorded(service).is_some() || pointing::sharers(service, target, around.workloads).is_empty()
    };
    all.retain(alone);
    Ok(all)
}

// What of the Service users call is known: of the user's own, of one that we made, or of the containers.
fn own(
    target: &Value,
    policy: &CanaryPolicy,
    (around, routes): (NamespaceView<'_>, &[&Value]),
    known: Known<'_>,
    pointing: &[&Value],
) -> Result<Option<CanaryService>, NotEnrolled> {
    let name = pointing::name(target);
    let users = |wanted: &str| {
        let mut all = around.services.iter().filter(|service| pointing::is_users(service));
        all.find(|service| pointing::name(service) == wanted)
    };
    if let Some(has) = known.service {
        let own = has.name.as_deref().unwrap_or(name);
        let theirs = pointing.iter().copied().find(|service| pointing::name(service) == own);
        // One that we hold for it is its own, whatever selector its author has given it since.
        let held = || users(own).filter(|service| pointing::recorded(service).is_some());
        match theirs.or_else(held) {
            Some(service) if known.built || pointing.is_empty() => return Ok(from_service(service, name, known)),
            // Its author has pointed it elsewhere.
            None if known.built && users(own).is_some() => return Ok(Some(has.clone())),
            // We made it, and callers know it by now.
            None if known.built && own == name => {
                if let Some(service) = from_containers(target, policy, known) {
                    return Ok(Some(service));
                }
            }
            _ => {}
        }
    }
    if let Some(apex) = apex(name, pointing, routes) {
        return Ok(from_service(apex, name, known));
    }
    if !pointing.is_empty() {
        return Ok(None);
    }
    // One whose name no Service may have is a worker.
    let service = from_containers(target, policy, known).filter(|_| pairing::is_service_name(name));
    let is_taken = |service: &Value| pointing::name(service) == name && !pointing::is_generated(service);
    if service.is_some() && around.services.iter().any(is_taken) {
        return Err(NotEnrolled::ServiceTaken(name.to_owned()));
    }
    Ok(service)
}

/// The Service users call among those that point at the pods; none where nothing tells.
fn apex<'a>(name: &str, pointing: &[&'a Value], routes: &[&Value]) -> Option<&'a Value> {
    let named = |among: &[&'a Value]| among.iter().copied().find(|service| pointing::name(service) == name);
    let mut routed: Vec<&Value> = pointing.to_vec();
    routed.retain(|service| route_to(pointing::name(service), routes).is_some());
    routed.sort_by_key(|service| pointing::name(service));
    if let Some(first) = routed.first() {
        return named(&routed).or(Some(first));
    }
    let is_headless = |service: &&Value| service.pointer("/spec/clusterIP").and_then(Value::as_str) == Some("None");
    let (headless, mut found): (Vec<&Value>, Vec<&Value>) = pointing.iter().copied().partition(is_headless);
    if found.is_empty() {
        found = headless;
    }
    match found.as_slice() {
        [one] => Some(one),
        several => named(several),
    }
}

fn route_to<'a>(service: &str, routes: &[&'a Value]) -> Option<&'a Value> {
    let names = Names::new(service);
    routes.iter().copied().find(|route| routing::refers_to(route, &names))
}

fn by_policy(mut service: CanaryService, policy: &CanaryPolicy, name: &str, namespace: &str) -> CanaryService {
    if let (Some(template), Some(gateways)) = (&policy.spec.hostname_template, &policy.spec.gateway_refs) {
        service.gateway_refs = Some(gateways.clone());
        service.hosts = Some(vec![hostname(template, name, namespace)]);
    }
    service
}

fn from_service(apex: &Value, target: &str, known: Known<'_>) -> Option<CanaryService> {
    let all = ports::of(apex);
    let has_known = |port: &&Value| {
        let number = port.get("port").and_then(Value::as_f64);
        let known = known.service.map(|known| known.port.0);
        ports::key(port).ends_with("/TCP") && number.is_some() && number == known
    };
    let port = all
        .iter()
        .find(has_known)
        .or_else(|| ports::best(all))
        .or_else(|| all.first())?;
    let name = pointing::name(apex);
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
fn from_containers(target: &Value, policy: &CanaryPolicy, known: Known<'_>) -> Option<CanaryService> {
    let settings = policy.spec.service.clone().unwrap_or_default();
    let found = target.pointer("/spec/template").and_then(ports::main_port);
    let known = known.service.filter(|known| known.name.is_none());
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

#[cfg(test)]
mod tests;
