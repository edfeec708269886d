//! The watches of the whole cluster, and what they keep.

use super::Told;
use crate::controller::{
    context::Context,
    queue::key,
    watch::{
        cache::{Cache, PAGE},
        cluster::Cluster,
        elsewhere::Elsewhere,
        index::Index,
        relist::Relist,
        served::{self, Definition, Served},
    },
};
use crate::{
    api::{Canary, CanaryPolicy, MetricTemplate, labels::LAST_APPLIED},
    orders::Standing,
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt, reflector,
        reflector::{Store, store::Writer},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, hash::Hash, sync::Arc, time::Duration};
use tokio::sync::mpsc::UnboundedSender;

/// How long the first look at what is ordered may take.
const ORDERS: Duration = Duration::from_secs(10);

/// How long the first look at what may keep apps from being paired may take.
const AROUND: Duration = Duration::from_secs(10);

/// Empty caches, and the watches that fill them; each change is `told`. With `only`, nothing is known of other namespaces,
/// so nothing is worked on there.
pub fn cluster(client: &Client, only: Option<&str>, told: &UnboundedSender<Told>) -> Cluster {
    let only = |field| selected(field, only);
    Cluster {
        cache: Arc::<Cache>::default(),
        canaries: watched(client, only("metadata.namespace"), told.clone(), |c: &Canary| {
            Told::Canary(key(c))
        }),
        index: Index::default(),
        policies: reflected(client, told.clone(), |_: &CanaryPolicy| Told::Policy),
        templates: reflected(client, told.clone(), |_: &MetricTemplate| Told::Policy),
        claims: around(client, only("metadata.namespace"), told.clone(), false, |claim| {
            claim.status = None
        }),
        network_policies: around(client, watcher::Config::default(), told.clone(), true, |_| ()),
        namespaces: watched(client, only("metadata.name"), told.clone(), |ns: &Namespace| {
            Told::Namespace(ns.metadata.name.clone().unwrap_or_default())
        }),
        served: Served::new(|name| {
            let this = selected("metadata.name", Some(name));
            let lean = |definition: &mut Definition| {
                slim(definition);
                served::slim(definition);
            };
            watched_as(client, this, told.clone(), |_: &Definition| Told::Kinds, lean)
        }),
        elsewhere: Elsewhere::default(),
    }
}

/// Waits until the caches have what there is, or cannot have it.
///
/// # Errors
/// A watch has ended.
pub async fn ready(context: &Context) -> anyhow::Result<()> {
    let cluster = &context.cluster;
    cluster.canaries.wait_until_ready().await?;
    cluster.policies.wait_until_ready().await?;
    cluster.templates.wait_until_ready().await?;
    cluster.namespaces.wait_until_ready().await?;
    if let Ok(known) = tokio::time::timeout(AROUND, cluster.served.ready()).await {
        known?;
    } else {
        tracing::warn!("cannot read which definitions are installed; going on as if those of routes were");
    }
    // Without them, apps that name claims are left alone, and policies are told of afterwards.
    let around = async {
        cluster.claims.wait_until_ready().await?;
        cluster.network_policies.wait_until_ready().await
    };
    if tokio::time::timeout(AROUND, around).await.is_err() {
        tracing::warn!("cannot read all PersistentVolumeClaims and NetworkPolicies; going on");
    }
    // A version of routes that cannot be converted hides them; nobody's release waits for that.
    if tokio::time::timeout(AROUND, cluster.elsewhere.ready()).await.is_err() {
        tracing::warn!("cannot read the routes of other namespaces; going on");
    }
    // Whoever is on the way out must not turn round after a restart. Where orders may not be read there are none.
    let mut standing = context.options.standing.clone();
    if tokio::time::timeout(ORDERS, standing.wait_for(Standing::is_known))
        .await
        .is_err()
    {
        tracing::warn!("cannot read whether anybody ordered apps to be given back; going on");
    }
    Ok(())
}

fn reflected<K>(client: &Client, told: UnboundedSender<Told>, tell: impl Fn(&K) -> Told + Send + 'static) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    watched(client, watcher::Config::default().page_size(PAGE), told, tell)
}

// What may keep an app from being paired. A policy of another namespace may name its pods as peers.
fn around<K>(
    client: &Client,
    which: watcher::Config,
    told: UnboundedSender<Told>,
    of_any: bool,
    lean: fn(&mut K),
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let tell = move |object: &K| {
        let namespace = object.meta().namespace.clone().filter(|_| !of_any);
        Told::Surroundings(namespace.unwrap_or_default())
    };
    let slim = move |object: &mut K| {
        slim(object);
        object.meta_mut().annotations = None;
        object.meta_mut().labels = None;
        lean(object);
    };
    watched_as(client, which.page_size(PAGE), told, tell, slim)
}

// Those whose field has that value; all without one.
fn selected(field: &str, value: Option<&str>) -> watcher::Config {
    let all = watcher::Config::default();
    match value {
        Some(value) => all.fields(&format!("{field}={value}")),
        None => all,
    }
}

fn watched<K>(
    client: &Client,
    which: watcher::Config,
    told: UnboundedSender<Told>,
    tell: impl Fn(&K) -> Told + Send + 'static,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    watched_as(client, which, told, tell, slim)
}

fn watched_as<K>(
    client: &Client,
    which: watcher::Config,
    told: UnboundedSender<Told>,
    tell: impl Fn(&K) -> Told + Send + 'static,
    slim: impl Fn(&mut K) + Send + 'static,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    let writer = Writer::default();
    let store = writer.as_reader();
    // What is kept is what is left.
    let lean = watcher(Api::<K>::all(client.clone()), which)
        .default_backoff()
        .modify(slim);
    let events = reflector(writer, lean);
    tokio::spawn(async move {
        let mut events = Box::pin(events);
        let mut relist = Relist::default();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    for one in relist.told(event, &tell) {
                        drop(told.send(one));
                    }
                }
                Err(error) => tracing::warn!(%error, kind = %K::kind(&()), "watch failed, trying again"),
            }
        }
    });
    store
}

// What nobody here reads, and what may be large. A Canary is written back as it was read, so it keeps its annotations.
fn slim<K: Resource<DynamicType = ()>>(object: &mut K) {
    let canary = K::kind(&()) == Canary::kind(&());
    let meta = object.meta_mut();
    meta.managed_fields = None;
    if let Some(annotations) = meta.annotations.as_mut().filter(|_| !canary) {
        annotations.remove(LAST_APPLIED);
    }
}

#[cfg(test)]
mod tests;
