//! A Canary for a Deployment that has none: from a policy and from what the user already has.
//!
//! Which Service is the one users call is chosen in `service`. A route the user already has for it is used; a route is
//! generated only where the policy's hostname template names a host, because a label must never publish something internal.

mod service;

use super::NotEnrolled;
use crate::object::text;
use crate::plan::settings::{effective::default_analysis, rails};
use crate::{
    api::{
        Canary,
        canary::{CanaryService, CanarySpec, ObjectRef},
        labels,
        policy::CanaryPolicy,
    },
    plan::{
        Selector, enrolment::pairing, primary_revision, revision::template_of, services::pointing,
        settings::exposure::exposure, workload::template,
    },
    routing::{self, Exposure, Names, Provider, registry},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a route counts for nothing of which its kind says no more.
const CLAIM: &str = "nobody says that users come by it";

/// What is known of the namespace of an app.
#[derive(Debug, Clone, Copy, Default)]
pub struct NamespaceView<'a> {
    /// Its Services; those that were generated do not count.
    pub services: &'a [Value],
    /// Routes of that namespace, of whatever kind.
    pub routes: &'a [Value],
    /// Workloads of that namespace.
    pub workloads: &'a [Value],
    /// What routes of other namespaces lead to.
    pub elsewhere: &'a [Elsewhere],
    /// Metrics of the policy that are about requests by their templates.
    pub requests: &'a [String],
}

/// A route of another namespace that leads to a Service of this one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Elsewhere {
    /// Kind of the route.
    pub kind: &'static str,
    /// Namespace and name of the route.
    pub route: String,
    /// Name of the Service that the route leads to.
    pub service: String,
    /// Whether users come by it, as far as its data plane says. What nobody follows is a claim that anybody may write, and takes
    /// no address from the app.
    pub followed: bool,
}

/// What users of a Canary's app miss who come by routes of other namespaces.
pub fn unmoved(canary: &Canary, elsewhere: &[Elsewhere]) -> Option<String> {
    let service = canary.spec.service.as_ref().map(|_| canary.service_name())?;
    let leading = |followed: bool| {
        let own = move |other: &&Elsewhere| other.service == service && other.followed == followed;
        elsewhere.iter().filter(own)
    };
    let Some(routes) = listed(leading(true)) else {
        let routes = listed(leading(false))?;
        let why = leading(false).find_map(|other| unfollowed(other.kind)).unwrap_or(CLAIM);
        return Some(format!(
            "{routes} of another namespace, which names Service {service}, is ignored: {why}"
        ));
    };
    let provider = canary.spec.provider.as_deref();
    let weightless = provider.is_some_and(|provider| !registry::can(provider).weights);
    let what = if weightless {
        "no share of its requests reaches a canary: a release is checked without users, then everybody is sent to it at once"
    } else {
        "its users meet no canary"
    };
    Some(format!(
        "{routes} leads to Service {service} from another namespace and is not moved: {what}"
    ))
}

// Why users do not come by routes of a kind that nobody follows out of their namespace.
fn unfollowed(kind: &str) -> Option<&'static str> {
    let mut named = registry::kinds().filter(|known| known.resource().kind == kind);
    named.find_map(|known| known.unfollowed())
}

// The kind of the first, and the names of all of them; nothing of none.
fn listed<'a>(routes: impl Iterator<Item = &'a Elsewhere>) -> Option<String> {
    let mut routes = routes.peekable();
    let kind = routes.peek()?.kind;
    let mut names: Vec<&str> = routes.map(|other| other.route.as_str()).collect();
    names.dedup();
    Some(format!("{kind} {}", names.join(", ")))
}

/// What is known of the Canary that the app has already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// What it says of its Service: callers keep the port they know, and an app that had one does not become a worker
    /// because its containers have ceased to tell their ports.
    pub service: Option<&'a CanaryService>,
    /// Whether its pair is built: then its apex stays, and what comes later follows.
    pub built: bool,
}

/// The Canary for `target` by `policy`.
pub fn canary(
    target: &Value,
    policy: &CanaryPolicy,
    around: NamespaceView<'_>,
    known: Known<'_>,
) -> Result<Canary, NotEnrolled> {
    let (name, namespace) = (text(target, "/metadata/name"), text(target, "/metadata/namespace"));
    refuse(target, policy)?;
    let named = policy.spec.provider.as_deref();
    let wanted = named.unwrap_or(Provider::STANDARD.as_str());
    let read = Provider::parse(wanted).unwrap_or(Provider::STANDARD).reading();
    let routes: Vec<&Value> = around.routes.iter().filter(|route| read.carries_by(route)).collect();
    let service::Chosen {
        service,
        published,
        split,
        route,
    } = service::chosen(target, policy, (around, &routes), known, read)?;
    let provider = if published && carries(wanted, service.as_ref()) {
        wanted
    } else {
        Provider::FALLBACK.as_str()
    };
    let mut spec = spec(name, policy, service, (provider, around.requests));
    if let Some(route) = route {
        read.adopt(&mut spec, route, namespace);
    }
    let named = target
        .pointer("/metadata/annotations")
        .and_then(|all| all.get(labels::POLICY)?.as_str())
        .unwrap_or_default();
    let canary = marked(spec, (name, namespace), text(target, "/metadata/uid"), named);
    let exposure = exposure(&canary);
    let only = read.route(&canary.spec);
    let room = |names: &Names| crowded_by(names, &exposure, only.as_deref(), routes.iter().copied());
    match split.iter().find_map(room) {
        Some(why) => Err(NotEnrolled::NoRoom(why)),
        None => Ok(canary),
    }
}

// What the policy asks for of the Deployment of that name.
fn spec(
    name: &str,
    policy: &CanaryPolicy,
    service: Option<CanaryService>,
    (provider, requests): (&str, &[String]),
) -> CanarySpec {
    let (mut analysis, _) = default_analysis(&policy.spec, provider, service.is_some(), requests);
    if let Some(rails) = &policy.spec.guard_rails {
        // Nobody is told: what exceeds them is the policy's own.
        let _told = rails::weights(&mut analysis, rails);
    }
    CanarySpec {
        provider: Some(provider.to_owned()),
        metrics_server: policy.spec.metrics_server.clone(),
        target_ref: ObjectRef {
            api_version: String::from("apps/v1"),
            kind: String::from("Deployment"),
            name: name.to_owned(),
        },
        service,
        analysis: Some(analysis),
        ..CanarySpec::default()
    }
}

// Whether provider `name` takes a Canary of that Service. It is judged at admission, which our own objects pass. Connections
// are split for whoever asks for it himself: what a policy says is about requests.
fn carries(name: &str, service: Option<&CanaryService>) -> bool {
    let connections = service.is_some_and(CanaryService::is_tcp);
    let asked = CanarySpec {
        service: service.cloned(),
        ..CanarySpec::default()
    };
    Provider::parse(name).is_none_or(|provider| {
        let split = connections && provider.moves_routes();
        !split && provider.rejects(&asked).is_empty()
    })
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

/// Whether one of `routes` is the user's own for the Service of a Canary of this provider. What was made for a Canary, by us
/// or by Flagger, is not.
pub fn has_route(canary: &Canary, provider: &str, routes: &[Value]) -> bool {
    let names = Names::new(canary.service_name());
    let users = |route: &&Value| registry::carries_by(provider, route) && !routing::is_made(route);
    let mut users = routes.iter().filter(users);
    users.any(|route| routing::refers_to(route, &names))
}

/// Why a route that exists has no room for what the analysis of `canary` adds to it.
pub fn crowded(canary: &Canary, provider: &str, routes: &[Value]) -> Option<String> {
    let only = registry::router(provider).and_then(|router| router.route(&canary.spec));
    crowded_by(
        &Names::new(canary.service_name()),
        &exposure(canary),
        only.as_deref(),
        routes.iter().filter(|route| registry::carries_by(provider, route)),
    )
}

// Of a provider whose Canaries name the `only` route that is moved, others stay as they are.
fn crowded_by<'a>(
    names: &Names,
    exposure: &Exposure,
    only: Option<&str>,
    routes: impl Iterator<Item = &'a Value>,
) -> Option<String> {
    let is_moved = |route: &&Value| only.is_none_or(|only| text(route, "/metadata/name") == only);
    let mut ours = routes.filter(is_moved).filter(|route| routing::refers_to(route, names));
    ours.find_map(|route| routing::kind_of(route)?.crowded(route, names, exposure))
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
    if pointing::is_half(target) {
        return Err(NotEnrolled::NotThePersonsOwn);
    }
    pairing::side_by_side(target)
}

#[cfg(test)]
mod tests;
