//! What a step looks at: the pair's own objects, what follows them, and what is in their way.

use super::left::{abandoned, leave_apex};
use crate::controller::{
    queue::Key,
    watch::{
        cluster::Cluster,
        informers::cache::{Cache, Kind, index_keys},
        pair::{
            authored::Read,
            configs::Configs,
            live::Live,
            owners::{is_a_canarys, is_owned},
            pointing::{self, Pointing},
            rivals,
        },
    },
};
use crate::object::text;
use crate::{
    api::Canary,
    plan::{
        self, Blueprint, Selector, SelectorError, Workload,
        primary::autoscaler,
        services::pointing::{is_generated, pods as pods_of},
        settings::alien_hosts,
    },
    routing::{self, Names},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The pair's own objects, and what people keep beside them.
pub fn gather(cache: &Cache, canary: &Canary, blueprint: &Blueprint) -> Live {
    let mut live = own(cache, canary, blueprint);
    let names = blueprint.names.as_ref();
    if let Some(names) = names {
        let own = Live::concerned(pointing::routes(cache, &blueprint.namespace, names), names);
        routing::add_each_once(&mut live.routes, own, blueprint.provider);
    }
    companions(cache, blueprint, &mut live, names.into_iter());
    live
}

// Those that are found by the names and owners of the pair. Its routes, and what takes more than that, are found later.
fn own(cache: &Cache, canary: &Canary, blueprint: &Blueprint) -> Live {
    let namespace = blueprint.namespace.as_str();
    let kind = Kind::of(blueprint.workload);
    let target = cache.get(kind, namespace, canary.target_name());
    let beside = blueprint.workload.has_primary_beside();
    let named = beside.then(|| blueprint.primary_name());
    let primary = named.and_then(|name| cache.get(kind, namespace, &name));
    let owned = |kind| {
        let uid = blueprint.owner.uid.as_deref();
        uid.map(|uid| cache.indexed(kind, namespace, uid)).unwrap_or_default()
    };
    let names = blueprint.names.as_ref();
    // Of what is copied, the canary's copy is one of them; users call the target itself.
    let paired = names.filter(|_| blueprint.workload.rolls());
    let copied = names.filter(|_| beside);
    let service = |name: Option<&String>| name.and_then(|name| cache.get(Kind::Service, namespace, name));
    let halves = [target.as_ref(), primary.as_ref()];
    Live {
        revisions: revisions(cache, blueprint, halves),
        budgets: budgets(cache, blueprint, halves),
        history: owned(Kind::ControllerRevision),
        apex: service(paired.map(|n| &n.apex)),
        primary_service: service(paired.map(|n| &n.primary)),
        canary_service: service(copied.map(|n| &n.canary)),
        slices: slices(cache, namespace, names),
        made: owned(Kind::Service),
        scaler: scaler(cache, blueprint),
        primary_autoscalers: primary_autoscalers(cache, blueprint),
        target_scaled_objects: cache.indexed(Kind::ScaledObject, namespace, &blueprint.target),
        primary_scaler: primary_scaler(cache, blueprint),
        asked: canary.asked_replicas(),
        target,
        primary,
        routes: Vec::new(),
        route_is_unread: blueprint
            .route
            .as_ref()
            .and_then(Kind::of_route)
            .is_some_and(|kind| !cache.reads(kind, namespace)),
        source: None,
        pointing: Pointing::default(),
        left: Vec::new(),
        rivals: Vec::new(),
        configs: Configs::default(),
        pods: BTreeMap::new(),
        read: Read::default(),
    }
}

// What the API server stores of revisions of both.
fn revisions(cache: &Cache, blueprint: &Blueprint, halves: [Option<&Value>; 2]) -> Vec<Value> {
    // Of what rolls no pods there are none of either.
    let kind = match blueprint.workload == Workload::DaemonSet {
        true => Kind::ControllerRevision,
        false => Kind::ReplicaSet,
    };
    let uids = halves.into_iter().flatten().map(|half| text(half, "/metadata/uid"));
    uids.flat_map(|uid| cache.indexed(kind, &blueprint.namespace, uid))
        .collect()
}

// The endpoints of the halves of Services.
fn slices<'a>(cache: &Cache, namespace: &str, pairs: impl IntoIterator<Item = &'a Names>) -> Vec<Value> {
    let halves = pairs.into_iter().flat_map(|names| [&names.primary, &names.canary]);
    halves
        .flat_map(|half| cache.indexed(Kind::EndpointSlice, namespace, half))
        .collect()
}

/// Which pods are the target's and which are primary's. Of a Service that is the target nobody here selects any. A primary
/// that is not ours says nothing about our pods.
///
/// # Errors
/// Why they cannot be told apart.
pub fn selector(live: &Live, blueprint: &Blueprint, keys: &[String]) -> Result<Selector, SelectorError> {
    if !blueprint.workload.rolls() {
        return Ok(Selector::by_name(&blueprint.target));
    }
    let ours = |primary: &&Value| plan::primary_revision(primary).is_some() || is_a_canarys(primary);
    Selector::of_pair(live.target.as_ref(), live.primary.as_ref().filter(ours), keys)
}

// One that is being deleted decides nothing any more.
fn scaler(cache: &Cache, blueprint: &Blueprint) -> Option<Value> {
    let named = blueprint.autoscaler.as_ref()?;
    let object = cache.get(named.kind.into(), &blueprint.namespace, &named.name)?;
    let gone = object.pointer("/metadata/deletionTimestamp").is_some();
    (!gone).then_some(object)
}

// An autoscaler that somebody pointed at primary, and that is not on its way out. A ScaledObject comes before an HPA: KEDA
// makes one of its own for it.
fn primary_scaler(cache: &Cache, blueprint: &Blueprint) -> Option<Value> {
    let (namespace, primary) = (&blueprint.namespace, blueprint.primary_name());
    let kinds = [Kind::ScaledObject, Kind::HorizontalPodAutoscaler];
    let mut all = kinds
        .into_iter()
        .flat_map(|kind| cache.indexed(kind, namespace, &primary));
    all.find(|scaler| autoscaler::scales(scaler, &primary) && !is_owned(scaler, blueprint))
}

// Those this Canary owns, and whatever has the name of primary's.
fn primary_autoscalers(cache: &Cache, blueprint: &Blueprint) -> Vec<Value> {
    let named = blueprint.autoscaler.as_ref().map(plan::Autoscaler::primary_name);
    let keys = [blueprint.owner.uid.as_deref(), named.as_deref()];
    let found = keys.into_iter().flatten().flat_map(|key| {
        let kinds = [Kind::HorizontalPodAutoscaler, Kind::ScaledObject];
        kinds
            .into_iter()
            .flat_map(move |kind| cache.indexed(kind, &blueprint.namespace, key))
    });
    let is_one =
        |object: &Value| is_owned(object, blueprint) || named.as_deref() == Some(text(object, "/metadata/name"));
    let all: BTreeMap<String, Value> = found
        .filter(is_one)
        .map(|object| (text(&object, "/metadata/uid").to_owned(), object))
        .collect();
    all.into_values().collect()
}

// Those this Canary owns, those that name a label of the target's pods or of primary's, and whatever has primary's name.
fn budgets(cache: &Cache, blueprint: &Blueprint, halves: [Option<&Value>; 2]) -> Vec<Value> {
    let (kind, namespace) = (Kind::PodDisruptionBudget, &blueprint.namespace);
    let labels = halves.into_iter().flatten().filter_map(pods_of);
    let named = labels.flat_map(index_keys::of_labels);
    let keys = named.chain(blueprint.owner.uid.clone());
    let found = keys.flat_map(|key| cache.indexed(kind, namespace, &key));
    let found = found.chain(cache.get(kind, namespace, &blueprint.primary_name()));
    let all: BTreeMap<String, Value> = found
        .map(|budget| (text(&budget, "/metadata/name").to_owned(), budget))
        .collect();
    all.into_values().collect()
}

/// What else points at the pods, and what of the pair's names is somebody else's; answers why there can be no pair.
pub fn surroundings(
    cluster: &Cluster,
    key: &Key,
    (canary, blueprint): (&Canary, &mut Blueprint),
    live: &mut Live,
    selector: &Selector,
    (built, leaving): (bool, bool),
) -> Option<String> {
    let cache = &cluster.cache;
    // What has a primary already, of Flagger's perhaps, has shared its Services so far.
    let target = live
        .target
        .as_ref()
        .filter(|_| !built && !leaving && live.primary.is_none() && blueprint.workload.rolls());
    if let Some(shared) = target.and_then(|target| pointing::shared(cache, target, selector)) {
        return Some(shared.to_string());
    }
    let services = [&live.apex, &live.primary_service, &live.canary_service];
    let halves = services.into_iter().chain([&live.primary]).flatten();
    live.rivals = rivals::rivals(cluster, key, canary, halves.chain(&live.routes));
    if built {
        leave_apex(live, blueprint, selector);
    }
    followers(cache, &key.0, blueprint, live, selector);
    None
}

/// A host of another namespace's Services for which a route would be made now, and why that is not done. A route that was made
/// for it before stays, as does what the user's own route says.
pub fn alien_host(blueprint: &Blueprint, live: &Live) -> Option<String> {
    let names = blueprint.names.as_ref().filter(|_| blueprint.route.is_some())?;
    let leading: Vec<&Value> = live.refers_to(blueprint, names).collect();
    if !leading.iter().all(|route| is_generated(route)) {
        return None;
    }
    let published = |route| {
        routing::kind_of(route)
            .map(|kind| kind.hosts(route))
            .unwrap_or_default()
    };
    let known: Vec<String> = leading.into_iter().flat_map(published).collect();
    let (host, owner) = blueprint.alien_hosts.iter().find(|(host, _)| !known.contains(host))?;
    Some(format!("host {host} {}", alien_hosts::why(owner)))
}

// Whether a route is about Services of these names.
type Leads = fn(&Value, &Names) -> bool;

/// What points at the pair beside its own Services, with its routes and endpoints.
pub fn followers(cache: &Cache, namespace: &str, blueprint: &Blueprint, live: &mut Live, selector: &Selector) {
    let pair = (live.target.as_ref(), live.primary.as_ref());
    live.pointing = pointing::pointing(cache, blueprint, pair, selector);
    let routed: Vec<Names> = live
        .pointing
        .followers
        .iter()
        .filter(|follower| follower.routed)
        .map(|follower| follower.names.clone())
        .collect();
    live.slices.extend(slices(cache, namespace, &routed));
    live.left.extend(abandoned(live, blueprint));
    let follows = routed.iter().map(|names| (names, routing::refers_to as Leads));
    let left = live.left.iter().map(|names| (names, routing::names_a_half as Leads));
    for (names, leads) in follows.chain(left) {
        let all = pointing::routes(cache, namespace, names).into_iter();
        let leading = all.filter(|route| leads(route, names));
        routing::add_each_once(&mut live.routes, leading, blueprint.provider);
    }
    companions(cache, blueprint, live, routed.iter());
}

// Whatever has the name of what would be made beside a route: perhaps somebody's own, of which nothing else tells.
fn companions<'a>(
    cache: &Cache,
    blueprint: &Blueprint,
    live: &mut Live,
    pairs: impl Iterator<Item = &'a Names> + Clone,
) {
    // Of the route that is to be made as well.
    let carrying = live.routes.iter().chain(&blueprint.route);
    let carrying = carrying.filter(|route| blueprint.carries_by(route));
    let carrying = carrying.filter_map(|route| Some((route, blueprint.provider.kind_of(route)?)));
    let named = carrying.flat_map(|(route, of)| pairs.clone().flat_map(move |names| of.companions(route, names)));
    let found: Vec<Value> = named
        .filter_map(|(kind, name)| cache.get(Kind::Route(kind), &blueprint.namespace, &name))
        .collect();
    routing::add_each_once(&mut live.routes, found, blueprint.provider);
}
