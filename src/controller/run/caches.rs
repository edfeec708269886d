//! The watches of the whole cluster, and what they keep.

use super::cluster_change::{ChangeSender, ClusterChange};
use crate::controller::{
    context::Context,
    queue::key,
    watch::{
        cluster::{Cluster, index::Index},
        informers::{
            cache::Cache,
            elsewhere::Elsewhere,
            network_policies::{self, NetworkPolicies},
            relist::{Relist, Telling},
            served::{self, Definition, Served},
        },
    },
};
use crate::{
    api::{Canary, CanaryPolicy, MetricTemplate, labels::LAST_APPLIED},
    orders::Standing,
    requests::pages::{CANARIES, NAMESPACES, PAGE},
    telemetry::WatchFailures,
};
use futures::StreamExt;
use k8s_openapi::api::{
    core::v1::{Namespace, PersistentVolumeClaim, PersistentVolumeClaimSpec},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{
        WatchStreamExt, reflector,
        reflector::{Store, store::Writer},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, sync::Arc, time::Duration};

/// How long the first look at what is ordered may take.
const ORDERS: Duration = Duration::from_secs(10);

/// How long the first look at what may keep apps from being paired may take.
const AROUND: Duration = Duration::from_secs(10);

/// Empty caches, and the watches that fill them; each change is sent by `sender`, and what fails counted. With `only`, nothing
/// is known of other namespaces, so nothing is worked on there.
pub fn cluster(client: &Client, only: Option<&str>, sender: &ChangeSender, failures: WatchFailures) -> Cluster {
    let only = |field| selected(field, only);
    let to = To {
        client,
        sender,
        failures: &failures,
    };
    Cluster {
        cache: Arc::new(Cache::counting(failures.clone())),
        canaries: to.watched(only("metadata.namespace").page_size(CANARIES), |canary: &Canary| {
            Telling::always(ClusterChange::Canary(key(canary)))
        }),
        index: Index::default(),
        policies: to.watched(all(), |policy: &CanaryPolicy| {
            Telling::when_changed(ClusterChange::Policy(policy.name_any()), &policy.spec)
        }),
        templates: to.watched(all(), |template: &MetricTemplate| {
            let named = (template.namespace().unwrap_or_default(), template.name_any());
            Telling::when_changed(ClusterChange::Template(named), &template.spec)
        }),
        claims: claims(to, only("metadata.namespace")),
        network_policies: NetworkPolicies::new(to.watched_as(
            all(),
            |policy: &NetworkPolicy| {
                Telling::when_changed(
                    ClusterChange::NetworkPolicy(network_policies::reach(policy)),
                    &policy.spec,
                )
            },
            |policy: &mut NetworkPolicy| {
                bare(policy);
                network_policies::slim(policy);
            },
        )),
        namespaces: to.watched(only("metadata.name").page_size(NAMESPACES), |ns: &Namespace| {
            Telling::always(ClusterChange::Namespace(ns.name_any()))
        }),
        served: Served::new(|name| {
            let this = selected("metadata.name", Some(name));
            let lean = |definition: &mut Definition| {
                slim(definition);
                served::slim(definition);
            };
            to.watched_as(this, |_: &Definition| Telling::always(ClusterChange::Kinds), lean)
        }),
        elsewhere: Elsewhere::counting(failures.clone()),
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

fn claims(to: To<'_>, which: watcher::Config) -> Store<PersistentVolumeClaim> {
    let tell = |claim: &PersistentVolumeClaim| {
        let namespace = claim.namespace().unwrap_or_default();
        Telling::when_changed(ClusterChange::Claim(namespace), &claim.spec)
    };
    let lean = |claim: &mut PersistentVolumeClaim| {
        bare(claim);
        claim.status = None;
        // How it may be mounted is all that is asked of one.
        claim.spec = claim.spec.take().map(|spec| PersistentVolumeClaimSpec {
            access_modes: spec.access_modes,
            ..PersistentVolumeClaimSpec::default()
        });
    };
    to.watched_as(which, tell, lean)
}

// Of what is only looked at for its spec.
fn bare<K: Resource<DynamicType = ()>>(object: &mut K) {
    slim(object);
    object.meta_mut().annotations = None;
    object.meta_mut().labels = None;
}

// All there are, a few at once: each may have more than a megabyte.
fn all() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

// Those whose field has that value; all without one.
fn selected(field: &str, value: Option<&str>) -> watcher::Config {
    match value {
        Some(value) => all().fields(&format!("{field}={value}")),
        None => all(),
    }
}

// Of whom the cluster is asked, and where changes are sent.
#[derive(Clone, Copy)]
struct To<'a> {
    client: &'a Client,
    sender: &'a ChangeSender,
    failures: &'a WatchFailures,
}

impl To<'_> {
    fn watched<K>(
        self,
        which: watcher::Config,
        tell: impl Fn(&K) -> Telling<ClusterChange> + Send + 'static,
    ) -> Store<K>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        self.watched_as(which, tell, slim)
    }

    fn watched_as<K>(
        self,
        which: watcher::Config,
        tell: impl Fn(&K) -> Telling<ClusterChange> + Send + 'static,
        slim: impl Fn(&mut K) + Send + 'static,
    ) -> Store<K>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        let writer = Writer::default();
        let store = writer.as_reader();
        // What is kept is what is left.
        let lean = watcher(Api::<K>::all(self.client.clone()), which)
            .default_backoff()
            .modify(slim);
        let events = reflector(writer, lean);
        let (sender, failures) = (self.sender.clone(), self.failures.clone());
        tokio::spawn(async move {
            let mut events = Box::pin(events);
            let mut relist = Relist::default();
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => relist.told(event, &tell).into_iter().for_each(|one| sender.send(one)),
                    Err(error) => {
                        let kind = K::kind(&());
                        tracing::warn!(%error, %kind, "watch failed, trying again");
                        failures.count(&kind);
                    }
                }
            }
        });
        store
    }
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
