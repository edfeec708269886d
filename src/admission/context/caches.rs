//! The caches and the watches that feed them.

use crate::api::{AlertProvider, Canary, CanaryPolicy, MetricTemplate, labels};
use crate::plan::generate::ORIGINAL_SELECTOR;
use crate::plan::ports::DECLARED_PORTS;
use futures::StreamExt;
use futures::future::BoxFuture;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::core::GroupVersionKind;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{Lookup, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Read side of every cache.
#[derive(Clone)]
pub struct Caches {
    /// All Canaries.
    pub canaries: Store<Canary>,
    /// All policies.
    pub policies: Store<CanaryPolicy>,
    /// All MetricTemplates.
    pub templates: Store<MetricTemplate>,
    /// All AlertProviders.
    pub providers: Store<AlertProvider>,
    /// Metadata of all namespaces.
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
    /// Metadata of the Deployments that carry our label.
    pub targets: Store<PartialObjectMeta<Deployment>>,
    /// The controller's Lease.
    pub lease: Store<Lease>,
    services: Store<DynamicObject>,
    routes: Store<DynamicObject>,
    waiting: Arc<AtomicU32>,
}

/// Write side of every cache; tests feed it by hand, [`Feeds::run`] feeds it from watches.
pub struct Feeds {
    /// See [`Caches::canaries`].
    pub canaries: Writer<Canary>,
    /// See [`Caches::policies`].
    pub policies: Writer<CanaryPolicy>,
    /// See [`Caches::templates`].
    pub templates: Writer<MetricTemplate>,
    /// See [`Caches::providers`].
    pub providers: Writer<AlertProvider>,
    /// See [`Caches::namespaces`].
    pub namespaces: Writer<PartialObjectMeta<Namespace>>,
    /// See [`Caches::targets`].
    pub targets: Writer<PartialObjectMeta<Deployment>>,
    /// See [`Caches::lease`].
    pub lease: Writer<Lease>,
    /// Services, cut down to what selects and names ports.
    pub services: Writer<DynamicObject>,
    /// HTTPRoutes.
    pub routes: Writer<DynamicObject>,
    waiting: Arc<AtomicU32>,
}

/// Caches that must be complete before requests are answered. Not the HTTPRoutes, whose kind may not be installed.
const NEEDED: u32 = 8;

fn service_resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Service"))
}

fn route_resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute"))
}

impl Caches {
    /// Empty caches and their write side.
    pub fn new() -> (Self, Feeds) {
        let waiting = Arc::new(AtomicU32::new(NEEDED));
        let feeds = Feeds {
            canaries: Writer::default(),
            policies: Writer::default(),
            templates: Writer::default(),
            providers: Writer::default(),
            namespaces: Writer::default(),
            targets: Writer::default(),
            lease: Writer::default(),
            services: Writer::new(service_resource()),
            routes: Writer::new(route_resource()),
            waiting: Arc::clone(&waiting),
        };
        let caches = Self {
            canaries: feeds.canaries.as_reader(),
            policies: feeds.policies.as_reader(),
            templates: feeds.templates.as_reader(),
            providers: feeds.providers.as_reader(),
            namespaces: feeds.namespaces.as_reader(),
            targets: feeds.targets.as_reader(),
            lease: feeds.lease.as_reader(),
            services: feeds.services.as_reader(),
            routes: feeds.routes.as_reader(),
            waiting,
        };
        (caches, feeds)
    }

    /// How many caches are still being filled for the first time.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The Services of a namespace.
    pub fn services(&self, namespace: &str) -> Vec<Value> {
        values(&self.services, namespace)
    }

    /// One Service of a namespace.
    pub fn service(&self, namespace: &str, name: &str) -> Option<Arc<DynamicObject>> {
        let named = |service: &DynamicObject| {
            service.metadata.namespace.as_deref() == Some(namespace) && service.metadata.name.as_deref() == Some(name)
        };
        self.services.find(named)
    }

    /// The HTTPRoutes of a namespace.
    pub fn routes(&self, namespace: &str) -> Vec<Value> {
        values(&self.routes, namespace)
    }

    /// Namespace and name of the HTTPRoutes of other namespaces that fit.
    pub fn routes_elsewhere(&self, namespace: &str, fits: impl Fn(&DynamicObject) -> bool) -> Vec<String> {
        let other = |route: &DynamicObject| route.metadata.namespace.as_deref() != Some(namespace);
        let found = self.routes.state_filter(|route| other(route) && fits(route));
        let name = |route: &DynamicObject| {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("{}/{}", part(&route.metadata.namespace), part(&route.metadata.name))
        };
        found.iter().map(|route| name(route)).collect()
    }
}

fn values(store: &Store<DynamicObject>, namespace: &str) -> Vec<Value> {
    let found = store.state_filter(|object| object.metadata.namespace.as_deref() == Some(namespace));
    found
        .iter()
        .filter_map(|object| serde_json::to_value(object.as_ref()).ok())
        .collect()
}

impl Feeds {
    /// What the watches do when their first lists are complete; for those who feed by hand (tests, benches).
    pub fn mark_filled(&self) {
        self.waiting.store(0, Ordering::Relaxed);
    }

    /// Watches for ever. `lease` is the namespace and name of the controller's Lease.
    pub async fn run(self, client: Client, lease: (&str, &str)) {
        let Self {
            canaries,
            policies,
            templates,
            providers,
            namespaces,
            targets,
            services,
            routes,
            ..
        } = self;
        let (leases, waiting) = (self.lease, self.waiting);
        let all = watcher::Config::default;
        let managed = all().labels(&format!("{}={}", labels::MANAGED, labels::TRUE));
        let one_lease = all().fields(&format!("metadata.name={}", lease.1));
        let service_api = Api::<DynamicObject>::all_with(client.clone(), &service_resource());
        let route_api = Api::<DynamicObject>::all_with(client.clone(), &route_resource());
        let done = |what: &'static str| {
            let waiting = Arc::clone(&waiting);
            move || {
                let left = waiting.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
                tracing::debug!(what, left, "cache filled");
            }
        };
        let feeds: Vec<BoxFuture<'static, ()>> = vec![
            feed(
                canaries,
                watcher(Api::<Canary>::all(client.clone()), all()),
                whole,
                done("canaries"),
            ),
            feed(
                policies,
                watcher(Api::<CanaryPolicy>::all(client.clone()), all()),
                whole,
                done("policies"),
            ),
            feed(
                templates,
                watcher(Api::<MetricTemplate>::all(client.clone()), all()),
                whole,
                done("templates"),
            ),
            feed(
                providers,
                watcher(Api::<AlertProvider>::all(client.clone()), all()),
                whole,
                done("providers"),
            ),
            feed(
                namespaces,
                watcher(Api::<PartialObjectMeta<Namespace>>::all(client.clone()), all()),
                whole,
                done("namespaces"),
            ),
            feed(
                targets,
                watcher(Api::<PartialObjectMeta<Deployment>>::all(client.clone()), managed),
                whole,
                done("targets"),
            ),
            feed(
                leases,
                watcher(Api::<Lease>::namespaced(client, lease.0), one_lease),
                whole,
                done("lease"),
            ),
            feed(services, watcher(service_api, all()), slim_service, done("services")),
            feed(routes, watcher(route_api, all()), whole, || {}),
        ];
        futures::future::join_all(feeds).await;
    }
}

/// Feeds one cache, cut down by `slim`; calls `filled` once, when the first list is complete.
fn feed<K>(
    mut writer: Writer<K>,
    events: impl futures::Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
    slim: fn(&mut K),
    filled: impl FnOnce() + Send + 'static,
) -> BoxFuture<'static, ()>
where
    K: Resource + Lookup + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    <K as Lookup>::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    let mut filled = Some(filled);
    Box::pin(async move {
        let events = events.default_backoff();
        futures::pin_mut!(events);
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event.modify(|object| {
                    object.meta_mut().managed_fields = None;
                    slim(object);
                }),
                Err(error) => {
                    tracing::debug!(%error, "watch");
                    continue;
                }
            };
            writer.apply_watcher_event(&event);
            if matches!(event, watcher::Event::InitDone)
                && let Some(filled) = filled.take()
            {
                filled();
            }
        }
    })
}

fn whole<K>(_: &mut K) {}

/// What is left of a Service: what it selects and its ports, and what we noted of both.
fn slim_service(service: &mut DynamicObject) {
    let ours = |key: &String| key == ORIGINAL_SELECTOR || key == DECLARED_PORTS;
    if let Some(annotations) = &mut service.metadata.annotations {
        annotations.retain(|key, _| ours(key));
    }
    let keep = |field: &str| {
        service
            .data
            .pointer(&format!("/spec/{field}"))
            .cloned()
            .unwrap_or_default()
    };
    let spec = json!({"selector": keep("selector"), "ports": keep("ports"), "clusterIP": keep("clusterIP")});
    service.data = json!({"spec": spec});
}
