//! The write side of the caches, and the watches of what must be known before requests are answered.

use super::canaries::CanaryFeed;
use super::feed::{self, Feed, config, feed, slim_service};
use super::service_resource;
use super::waiting::Waiting;
use crate::admission::facts::outward::RouteFeed;
use crate::api::{AlertProvider, Canary, CanaryPolicy, MetricTemplate, labels};
use crate::orders::Standing;
use futures::future::BoxFuture;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DynamicObject, PartialObjectMeta};
use kube::runtime::reflector::Lookup;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use tokio::sync::watch;

/// Write side of every cache; tests feed it by hand, [`Feeds::run`] feeds it from watches.
pub struct Feeds {
    /// See [`super::Caches::canaries`].
    pub canaries: CanaryFeed,
    /// See [`super::Caches::policies`].
    pub policies: Writer<CanaryPolicy>,
    /// See [`super::Caches::templates`].
    pub templates: Writer<MetricTemplate>,
    /// See [`super::Caches::providers`].
    pub providers: Writer<AlertProvider>,
    /// See [`super::Caches::namespaces`].
    pub namespaces: Writer<PartialObjectMeta<Namespace>>,
    /// See [`super::Caches::targets`].
    pub targets: Writer<PartialObjectMeta<Deployment>>,
    /// See [`super::Caches::lease`].
    pub lease: Writer<Lease>,
    /// See [`super::Caches::standing`]; fed by [`crate::orders::follow`].
    pub standing: watch::Sender<Standing>,
    /// Services, cut down to what selects and names ports.
    pub services: Writer<DynamicObject>,
    /// The kinds that carry traffic for any provider.
    pub routes: Vec<RouteFeed>,
    pub(super) waiting: Waiting,
}

impl Feeds {
    /// What the watches do when their first lists are complete; for those who feed by hand (tests, benches).
    pub fn mark_filled(&self) {
        self.waiting.is_over();
    }

    /// Watches for ever. `lease` is the namespace and name of the controller's Lease.
    pub async fn run(self, client: Client, lease: (&str, &str)) {
        let managed = feed::metadata().labels(&format!("{}={}", labels::MANAGED, labels::TRUE));
        let managed = (Api::<PartialObjectMeta<Deployment>>::all(client.clone()), managed);
        let one_lease = config().fields(&format!("metadata.name={}", lease.1));
        let one_lease = (Api::<Lease>::namespaced(client.clone(), lease.0), one_lease);
        let services = Api::<DynamicObject>::all_with(client.clone(), &service_resource());
        let services = watcher(services, feed::services());
        let canaries = (Api::<Canary>::all(client.clone()), feed::canaries());
        let namespaces = Api::<PartialObjectMeta<Namespace>>::all(client.clone());
        let namespaces = (namespaces, feed::namespaces());
        let watches = Watches {
            client,
            waiting: self.waiting,
        };
        let mut feeds = vec![
            watches.some(self.canaries, canaries, "canaries"),
            watches.all(self.policies, "policies"),
            watches.all(self.templates, "templates"),
            watches.all(self.providers, "providers"),
            watches.some(self.namespaces, namespaces, "namespaces"),
            watches.some(self.targets, managed, "targets"),
            watches.some(self.lease, one_lease, "lease"),
            feed(
                self.services,
                services,
                slim_service,
                watches.waiting.progress("services"),
                None,
            ),
        ];
        let routes = self.routes.into_iter();
        feeds.extend(routes.map(|feed| feed.watch(&watches.client, &watches.waiting)));
        futures::future::join_all(feeds).await;
    }
}

/// Makes the watches of what must be known before requests are answered.
struct Watches {
    client: Client,
    waiting: Waiting,
}

impl Watches {
    /// Feeds a cache with all objects of a kind.
    fn all<K>(&self, cache: impl Feed<K>, what: &'static str) -> BoxFuture<'static, ()>
    where
        K: Resource + Lookup + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
        <K as Resource>::DynamicType: Default,
    {
        self.some(cache, (Api::all(self.client.clone()), config()), what)
    }

    /// Feeds a cache with some of them.
    fn some<K>(
        &self,
        cache: impl Feed<K>,
        (api, config): (Api<K>, watcher::Config),
        what: &'static str,
    ) -> BoxFuture<'static, ()>
    where
        K: Resource + Lookup + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        feed(cache, watcher(api, config), |_| (), self.waiting.progress(what), None)
    }
}
