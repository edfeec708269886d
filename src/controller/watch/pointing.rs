//! The Services that point at the pods of a pair, as the caches hold them, and who else they point at.

use super::{
    cache::{Cache, Change, Kind},
    cluster::Cluster,
    index_keys,
    live::{Live, is_a_canarys, is_flaggers_orphan, is_owned, is_owned_by, owners},
};
use crate::controller::queue::Key;
use crate::object::{label, text};
use crate::{
    api::{Canary, labels},
    plan::{
        Blueprint, Selector, Workload,
        enrolment::pairing::is_service_name,
        services::pointing::{self, Labels, Shared, Standing, standing},
    },
    routing::{self, Names},
};
use kube::ResourceExt;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A Service of the user's own beside the apex.
#[derive(Debug, Clone, PartialEq)]
pub struct Follower {
    /// The Service.
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

/// What points at the pair of `live`, whose own Services are `names`.
pub fn pointing(cache: &Cache, blueprint: &Blueprint, live: &Live, selector: &Selector) -> Pointing {
    let mut found = Pointing::default();
    if blueprint.workload == Workload::Service {
        return found;
    }
    let pods = pointing::pods_of_pair(live.target.as_ref(), live.primary.as_ref(), selector);
    for service in candidates(cache, &blueprint.namespace, &pods, selector) {
        if blueprint.names.as_ref().is_some_and(|names| is_among(&service, names)) {
            continue;
        }
        match standing(&service, selector, &pods) {
            Standing::Follows => {
                let target = live.target.as_ref();
                let held = pointing::recorded(&service).is_some();
                match target
                    .filter(|_| !held)
                    .and_then(|target| sharing(cache, target, &service))
                {
                    Some(shared) => found.shared.push(shared),
                    None => found.followers.push(follower(cache, blueprint, service)),
                }
            }
            Standing::Left if is_anothers(cache, &live.target, &service, selector) => {}
            Standing::Left => found.left.push(service),
            Standing::Strange => {}
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
fn is_anothers(cache: &Cache, target: &Option<Value>, service: &Value, selector: &Selector) -> bool {
    let live = service.pointer("/spec/selector").and_then(Value::as_object);
    let Some(live) = live.filter(|live| **live != selector.primary_labels() && **live != selector.target_labels())
    else {
        return false;
    };
    let own = target.as_ref().map(|target| text(target, "/metadata/uid"));
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

/// The Services whose halves this Canary made and that do not follow it any more: deleted, left out, or pointed elsewhere
/// by their authors. Routes go to the Services themselves again.
pub fn abandoned(live: &Live, blueprint: &Blueprint) -> Vec<Names> {
    let own = live.made.iter().filter(|made| is_owned(made, blueprint));
    let bases = own.filter_map(|made| pointing::name(made).strip_suffix("-primary"));
    let is_known = |base: &str| {
        let apex = blueprint.names.iter().chain(&live.left);
        let routed = live.pointing.followers.iter().filter(|follower| follower.routed);
        let mut all = apex.chain(routed.map(|follower| &follower.names));
        all.any(|names| names.apex == base)
    };
    bases.filter(|base| !is_known(base)).map(Names::new).collect()
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

/// The Canaries whose pair a Service follows, or may come to follow, that `change` is about.
pub fn followed(cluster: &Cluster, change: &Change, name: &str) -> BTreeSet<String> {
    concerned(cluster, change, name)
        .iter()
        .flat_map(|workload| cluster.index.of_deployment(&change.namespace, workload))
        .collect()
}

/// The workloads that `change` is about because of a Service on their pods: the Service itself, endpoints of its halves, a
/// route that names it, or another workload behind it.
pub fn concerned(cluster: &Cluster, change: &Change, name: &str) -> BTreeSet<String> {
    let namespace = change.namespace.as_str();
    // Whoever shares a Service with a workload, or no longer does.
    if matches!(change.kind, Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet) {
        let gone = !cluster.cache.has(change.kind, namespace, name);
        let before = change.before.as_ref();
        if !gone && before.is_some_and(|before| pointing::pods(before) == pointing::pods(&change.object)) {
            return BTreeSet::new();
        }
        let both = before.into_iter().chain([&change.object]);
        return both.flat_map(|object| neighbours(&cluster.cache, object)).collect();
    }
    let words = selecting(cluster, change, name);
    let workloads = words.iter().flat_map(|word| {
        [Kind::Deployment, Kind::DaemonSet]
            .into_iter()
            .flat_map(|kind| cluster.cache.named_by(kind, namespace, word))
    });
    workloads.collect()
}

// The labels by which what changed, or the Service it is about, selects pods.
fn selecting(cluster: &Cluster, change: &Change, name: &str) -> BTreeSet<String> {
    let namespace = change.namespace.as_str();
    match change.kind {
        Kind::Service => {
            let own = change.index_keys().into_iter().filter(|key| key.contains('='));
            own.chain(words_of(cluster, namespace, half_of(name))).collect()
        }
        Kind::EndpointSlice => {
            let services = change.index_keys();
            services
                .iter()
                .flat_map(|service| words_of(cluster, namespace, half_of(service)))
                .collect()
        }
        Kind::Route(_) => {
            let services = change.index_keys();
            let all = services
                .iter()
                .flat_map(|service| [Some(service.as_str()), half_of(service)]);
            all.flat_map(|service| words_of(cluster, namespace, service)).collect()
        }
        Kind::PodDisruptionBudget => change
            .index_keys()
            .into_iter()
            .filter(|word| word.contains('='))
            .collect(),
        _ => BTreeSet::new(),
    }
}

// Of what Service it may be a half.
fn half_of(service: &str) -> Option<&str> {
    service
        .strip_suffix("-primary")
        .or_else(|| service.strip_suffix("-canary"))
}

fn words_of(cluster: &Cluster, namespace: &str, service: Option<&str>) -> Vec<String> {
    let found = service.and_then(|name| cluster.cache.get(Kind::Service, namespace, name));
    let users = found.filter(pointing::is_users);
    users.as_ref().map(index_keys::of_selectors).unwrap_or_default()
}

impl Live {
    /// Leaves an apex to its author who has pointed it elsewhere: the pair goes on without it until it comes back.
    pub fn leave_apex(&mut self, blueprint: &mut Blueprint, selector: &Selector) {
        let pods = pointing::pods_of_pair(self.target.as_ref(), self.primary.as_ref(), selector);
        let halves = [&self.primary_service, &self.canary_service];
        if halves.into_iter().flatten().any(|half| is_a_rivals(half, &self.rivals)) {
            return;
        }
        let ours =
            |apex: &Value| label(apex, labels::GENERATED).is_some() || is_a_canarys(apex) || is_flaggers_orphan(apex);
        let apex = self.apex.as_ref().filter(|apex| !ours(apex));
        if blueprint.workload == Workload::Service
            || apex.is_none_or(|apex| pointing::is_own_apex(apex, selector, &pods))
        {
            return;
        }
        self.apex = None;
        self.left.extend(blueprint.names.take());
        blueprint.route = None;
    }
}

/// The uids of other Canaries that live and own any of `objects`: what is theirs is never written.
pub fn rivals<'a>(
    cluster: &Cluster,
    key: &Key,
    canary: &Canary,
    objects: impl Iterator<Item = &'a Value>,
) -> Vec<String> {
    let own = canary.uid();
    let of = objects
        .flat_map(owners)
        .filter(|owner| text(owner, "/kind") == "Canary");
    let lives = |owner: &&Value| {
        let uid = owner.get("uid").and_then(Value::as_str);
        let named = cluster.canary(&(key.0.clone(), text(owner, "/name").to_owned()));
        uid != own.as_deref() && named.is_some_and(|named| named.metadata.uid.as_deref() == uid)
    };
    let mut found: Vec<String> = of.filter(lives).map(|owner| text(owner, "/uid").to_owned()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether one of those Canaries owns an object.
pub fn is_a_rivals(object: &Value, rivals: &[String]) -> bool {
    rivals.iter().any(|uid| is_owned_by(object, uid))
}

#[cfg(test)]
mod tests;
