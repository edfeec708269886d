//! The Services that point at the pods of a pair, as the caches hold them, and who else they point at.

use super::owners::{is_flaggers_orphan, is_owned};
use crate::controller::watch::informers::cache::{Cache, Kind, index_keys};
use crate::object::{label, text};
use crate::{
    api::labels,
    plan::{
        Blueprint, Selector,
        enrolment::pairing::is_service_name,
        services::pointing::{self, Labels, Relation, Shared, relation},
    },
    routing::{self, Names},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A Service of the user's own beside the apex.
#[derive(Debug, Clone, PartialEq)]
pub struct Follower {
    /// The Service as it is stored.
    pub service: Value,
    /// Its name, and those of its halves.
    pub names: Names,
    /// Its `-primary`; only one that a route names has halves.
    pub primary: Option<Value>,
    /// Its `-canary`.
    pub canary: Option<Value>,
    /// Whether a route names it.
    pub routed: bool,
}

/// What points at a pair.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pointing {
    /// What follows it, besides the apex.
    pub followers: Vec<Follower>,
    /// What followed it, and was pointed elsewhere by its author.
    pub left: Vec<Value>,
    /// What would follow it and points at other workloads too; it is left alone.
    pub shared: Vec<Shared>,
}

/// What points at a pair, which is a target and its primary.
pub fn pointing(
    cache: &Cache,
    blueprint: &Blueprint,
    (target, primary): (Option<&Value>, Option<&Value>),
    selector: &Selector,
) -> Pointing {
    let mut found = Pointing::default();
    if !blueprint.workload.rolls() {
        return found;
    }
    let pods = pointing::pods_of_pair(target, primary, selector);
    for service in candidates(cache, &blueprint.namespace, &pods, selector) {
        if blueprint.names.as_ref().is_some_and(|names| is_among(&service, names)) {
            continue;
        }
        match relation(&service, selector, &pods) {
            Relation::Follows => {
                let held = pointing::recorded(&service).is_some();
                match target
                    .filter(|_| !held)
                    .and_then(|target| sharing(cache, target, &service))
                {
                    Some(shared) => found.shared.push(shared),
                    None => found.followers.push(follower(cache, blueprint, service)),
                }
            }
            Relation::Left if is_anothers(cache, target, &service, selector) => {}
            Relation::Left => found.left.push(service),
            Relation::Strange => {}
        }
    }
    found
}

/// The first Service that points at the pods of `target` and at those of another workload too. One that was moved to the pair of
/// `selector` already was its alone when that was done.
pub fn shared(cache: &Cache, target: &Value, selector: &Selector) -> Option<Shared> {
    let namespace = text(target, "/metadata/namespace");
    let pods = pointing::pods(target)?;
    let services = indexed_by_labels(cache, namespace, pods);
    let is_own = |service: &Value| {
        let live = service.pointer("/spec/selector").and_then(Value::as_object);
        pointing::recorded(service).is_some() && live == Some(&selector.primary_labels())
    };
    let mut services = services
        .values()
        .filter(|service| pointing::selects(service, pods) && !is_own(service));
    services.find_map(|service| sharing(cache, target, service))
}

/// The workloads of the namespace that stand behind any of `services` besides `target`.
pub fn beside(cache: &Cache, target: &Value, services: &[Value]) -> Vec<Value> {
    let pods = pointing::pods(target);
    let services = services
        .iter()
        .filter(|service| pods.is_some_and(|pods| pointing::selects(service, pods)));
    let mut found = BTreeMap::new();
    for other in services.flat_map(|service| others(cache, target, service)) {
        found.insert(
            format!("{} {}", text(&other, "/kind"), text(&other, "/metadata/name")),
            other,
        );
    }
    found.into_values().collect()
}

/// What of the user's own may say how the app of `target` is reached: the Services that point at its pods, or have one of
/// these names, and the routes that lead to any of them.
pub fn around(cache: &Cache, target: &Value, names: &[&str]) -> (Vec<Value>, Vec<Value>) {
    let namespace = text(target, "/metadata/namespace");
    let users = |service: &Value| !pointing::is_generated(service);
    let mut services = pointing::pods(target)
        .map(|pods| indexed_by_labels(cache, namespace, pods))
        .unwrap_or_default();
    let named = names
        .iter()
        .filter_map(|name| cache.get(Kind::Service, namespace, name));
    services.extend(named.map(|service| (pointing::name(&service).to_owned(), service)));
    services.retain(|_, service| users(service));
    let keys = services.keys().map(String::as_str).chain(names.iter().copied());
    let mut led = BTreeMap::new();
    for route in keys.flat_map(|name| routes(cache, namespace, &Names::new(name))) {
        if users(&route) {
            // A cluster may show one object in several versions, each of which is read for another provider.
            let kind = (text(&route, "/kind").to_owned(), text(&route, "/apiVersion").to_owned());
            led.insert((kind, text(&route, "/metadata/name").to_owned()), route);
        }
    }
    (services.into_values().collect(), led.into_values().collect())
}

/// Names of the other workloads behind any Service that points at the pods of `workload`.
pub fn neighbours(cache: &Cache, workload: &Value) -> BTreeSet<String> {
    let Some(pods) = pointing::pods(workload) else {
        return BTreeSet::new();
    };
    let services = indexed_by_labels(cache, text(workload, "/metadata/namespace"), pods);
    let selecting = services.values().filter(|service| pointing::selects(service, pods));
    let others = selecting.flat_map(|service| others(cache, workload, service));
    others.map(|other| pointing::name(&other).to_owned()).collect()
}

fn sharing(cache: &Cache, target: &Value, service: &Value) -> Option<Shared> {
    pointing::shared(target, [service], &others(cache, target, service))
}

// Those that have a label it selects by. Only these are read.
fn others(cache: &Cache, target: &Value, service: &Value) -> Vec<Value> {
    let namespace = text(target, "/metadata/namespace");
    let (kind, own) = (text(target, "/kind"), text(target, "/metadata/name"));
    let primary = format!("{own}-primary");
    let Some(key) = index_keys::of_selectors(service).into_iter().next() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for of in [Kind::Deployment, Kind::DaemonSet, Kind::StatefulSet] {
        let names = cache.named_by(of, namespace, &key);
        let is_other = |name: &&String| of.resource().kind != kind || **name != own && **name != primary;
        found.extend(
            names
                .iter()
                .filter(is_other)
                .filter_map(|name| cache.get(of, namespace, name)),
        );
    }
    found
}

// Whether a Service was moved to the pods of another pair.
fn is_anothers(cache: &Cache, target: Option<&Value>, service: &Value, selector: &Selector) -> bool {
    let live = service.pointer("/spec/selector").and_then(Value::as_object);
    let Some(live) = live.filter(|live| **live != selector.primary_labels() && **live != selector.target_labels())
    else {
        return false;
    };
    let own = target.map(|target| text(target, "/metadata/uid"));
    let namespace = text(service, "/metadata/namespace");
    let kinds = [Kind::Deployment, Kind::DaemonSet].into_iter();
    let keys: Vec<String> = index_keys::of_labels(live).take(1).collect();
    let mut workloads = kinds.flat_map(|kind| keys.iter().flat_map(move |key| cache.indexed(kind, namespace, key)));
    workloads.any(|workload| {
        let paired = pointing::is_half(&workload) || label(&workload, labels::MANAGED).is_some();
        let selected = pointing::pods(&workload).is_some_and(|pods| pointing::matches(live, pods));
        paired && selected && own != Some(text(&workload, "/metadata/uid"))
    })
}

fn is_among(service: &Value, names: &Names) -> bool {
    [&names.apex, &names.primary, &names.canary]
        .into_iter()
        .any(|name| name == pointing::name(service))
}

// Those of the user's own that select, or were moved to, pods of the pair.
fn candidates(cache: &Cache, namespace: &str, pods: &[Labels], selector: &Selector) -> Vec<Value> {
    let halves = [selector.primary_labels(), selector.target_labels()];
    let mut found = BTreeMap::new();
    for labels in pods.iter().chain(&halves) {
        found.extend(indexed_by_labels(cache, namespace, labels));
    }
    found.into_values().collect()
}

fn indexed_by_labels(cache: &Cache, namespace: &str, labels: &Labels) -> BTreeMap<String, Value> {
    let keys = index_keys::of_labels(labels);
    let names: BTreeSet<String> = keys
        .flat_map(|key| cache.named_by(Kind::Service, namespace, &key))
        .collect();
    let read = |name: String| Some((name.clone(), cache.get(Kind::Service, namespace, &name)?));
    names.into_iter().filter_map(read).collect()
}

// A route splits its users only by halves that are the pair's own: one that somebody else has is not routed to, and no
// half can be made under a name that no Service may have.
fn follower(cache: &Cache, blueprint: &Blueprint, service: Value) -> Follower {
    let (names, namespace) = (pointing::names(&service), blueprint.namespace.as_str());
    let get = |name: &str| cache.get(Kind::Service, namespace, name);
    let (primary, canary) = (get(&names.primary), get(&names.canary));
    let own = |half: &Value| is_owned(half, blueprint) || is_flaggers_orphan(half);
    let may = [&primary, &canary].into_iter().flatten().all(own)
        && [&names.primary, &names.canary].iter().all(|name| is_service_name(name));
    let splits = |route: &Value| {
        let carried = blueprint.carries_by(route) && routing::refers_to(route, &names);
        carried || routing::names_a_half(route, &names)
    };
    Follower {
        routed: may && routes(cache, namespace, &names).iter().any(splits),
        primary,
        canary,
        names,
        service,
    }
}

/// The routes that lead to a Service or its halves.
pub fn routes(cache: &Cache, namespace: &str, names: &Names) -> Vec<Value> {
    let keys = [&names.apex, &names.primary, &names.canary];
    let all = Kind::routes().flat_map(|kind| {
        let found = keys
            .into_iter()
            .flat_map(move |name| cache.indexed(kind, namespace, name));
        found.map(move |route| ((kind, text(&route, "/metadata/name").to_owned()), route))
    });
    all.collect::<BTreeMap<_, Value>>().into_values().collect()
}

#[cfg(test)]
mod tests;
