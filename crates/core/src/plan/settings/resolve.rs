//! From a Canary to what it comes to: a [`Blueprint`] of its pair.

use super::{alien_hosts, exposure::exposure};
use crate::plan::{Autoscaler, Blueprint, Metadata, Owner, Port, Workload, workload::overrides};
use crate::{
    api::{Canary, canary},
    routing::{Exposure, Member, Names, Provider, ProviderDefaults},
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the command line decides for Canaries that leave it open (Flagger's flags of the same names).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// `--mesh-provider`.
    pub provider: String,
    /// `--metrics-server`.
    pub metrics_server: String,
    /// `--selector-labels`.
    pub selector_labels: Vec<String>,
    /// `--include-label-prefix`.
    pub include_label_prefixes: Vec<String>,
    /// `--no-cross-namespace-refs`: Canaries use nothing of other namespaces.
    pub no_cross_namespace_refs: bool,
    /// `--dry-run`: no Canary routes or promotes anything.
    pub dry_run: bool,
    /// What is said to routing providers.
    pub routing: ProviderDefaults,
    /// The domain of the cluster, under which its Services have names; `cluster.local` when empty.
    pub cluster_domain: String,
}

/// The blueprint of a Canary's pair; an error names a provider or kind of target that is not built yet.
pub fn blueprint(canary: &Canary, defaults: &Defaults) -> Result<Blueprint, String> {
    let (provider, workload) = moved_by(canary, defaults)?;
    let service = canary.spec.service.as_ref();
    let metadata = |pick: fn(&canary::CanaryService) -> Option<&canary::Metadata>| metadata(service.and_then(pick));
    let alien = |service| alien_hosts::of(service, provider, canary.namespace_name(), &defaults.cluster_domain);
    let names = names(canary, workload);
    let noted = |route| noted(canary, route, provider, defaults);
    let (namespace, spec) = (canary.namespace_name(), &canary.spec);
    let published = |names| provider.published(namespace, names, spec).map(noted);
    let plainly = |names| provider.published_plainly(namespace, names, spec).map(noted);
    Ok(Blueprint {
        namespace: canary.namespace_name().to_owned(),
        owner: owner(canary),
        target: canary.target_name().to_owned(),
        target_uid: None,
        workload,
        overrides: overrides::of(canary),
        apex_is_chosen: !canary.was_generated() && canary.service_name() != canary.target_name(),
        provider,
        port: service.and_then(|service| port(service, provider)),
        port_is_ours: canary.was_generated(),
        port_discovery: service.and_then(|s| s.port_discovery).unwrap_or(false),
        headless: service.and_then(|s| s.headless).unwrap_or(false),
        traffic_distribution: service.and_then(|s| s.traffic_distribution.clone()),
        apex: metadata(|s| s.apex.as_ref()),
        primary: metadata(|s| s.primary.as_ref()),
        canary: metadata(|s| s.canary.as_ref()),
        route: names.as_ref().and_then(published),
        plain_route: names.as_ref().and_then(plainly),
        alien_hosts: service.map(alien).unwrap_or_default(),
        named_route: provider.route(&canary.spec),
        names,
        autoscaler: Autoscaler::of(canary),
        exposure: shown(canary, provider, defaults),
        include_label_prefixes: defaults.include_label_prefixes.clone(),
        helm: Map::new(),
    })
}

// The provider that a Canary names and the kind of its target, which that provider has to be able to release.
fn moved_by(canary: &Canary, defaults: &Defaults) -> Result<(Provider, Workload), String> {
    let named = canary.provider(&defaults.provider);
    let provider = Provider::parse(named).ok_or_else(|| format!("provider {named} is not built yet"))?;
    let kind = canary.spec.target_ref.kind.as_str();
    let workload = Workload::of(canary).ok_or_else(|| format!("a target of kind {kind} is not built yet"))?;
    let (own, moved) = (workload.own_route(), provider.own_route());
    match own.or(moved).filter(|_| own != moved) {
        Some(bound) => Err(format!(
            "provider {named} does not release a target of {}; a {} has provider: {}, and nothing else has",
            canary.spec.target_ref.api_version,
            bound.called(),
            bound.provider()
        )),
        None => Ok((provider, workload)),
    }
}

fn owner(canary: &Canary) -> Owner {
    Owner {
        name: canary.metadata.name.clone().unwrap_or_default(),
        uid: canary.metadata.uid.clone(),
    }
}

// Where users call the target itself, its halves are named after it, whatever the Canary calls its Services. `None` for an app
// that nobody calls.
fn names(canary: &Canary, workload: Workload) -> Option<Names> {
    let called = match workload.rolls() {
        true => canary.service_name(),
        false => canary.target_name(),
    };
    let is_called = canary.spec.service.is_some() || workload.own_route().is_some();
    is_called.then(|| Names::new(called))
}

// The route to make where the user has none, with what the Canary's annotations and the command line want of it.
fn noted(canary: &Canary, route: Value, provider: Provider, defaults: &Defaults) -> Value {
    let annotations = canary.metadata.annotations.clone().unwrap_or_default();
    let route = provider.annotated(route, &annotations);
    provider.defaulted(route, &defaults.routing)
}

// What its routes need to know besides shares, with what the command line and the Canary's annotations tell its provider.
fn shown(canary: &Canary, provider: Provider, defaults: &Defaults) -> Exposure {
    let exposure = exposure(canary);
    let annotations = canary.metadata.annotations.clone().unwrap_or_default();
    Exposure {
        defaults: defaults.routing.clone(),
        member: Member {
            logs: provider.logs(&annotations),
            ..exposure.member
        },
        ..exposure
    }
}

fn port(service: &canary::CanaryService, provider: Provider) -> Option<Port> {
    Some(Port {
        port: service.port()?,
        name: service.port_name().to_owned(),
        target_port: match service.target_port() {
            IntOrString::Int(number) => json!(number),
            IntOrString::String(name) => json!(name),
        },
        app_protocol: provider.spoken(service),
    })
}

fn metadata(of: Option<&canary::Metadata>) -> Metadata {
    let map = |from: Option<&BTreeMap<String, String>>| -> Map<String, Value> {
        from.into_iter().flatten().map(|(k, v)| (k.clone(), json!(v))).collect()
    };
    Metadata {
        labels: map(of.and_then(|m| m.labels.as_ref())),
        annotations: map(of.and_then(|m| m.annotations.as_ref())),
    }
}
