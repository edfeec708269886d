//! The caches and the watches that feed them.

use super::outward::{Outward, RouteFeed};
use crate::api::{AlertProvider, Canary, CanaryPolicy, MetricTemplate, labels};
use crate::orders::Standing;
use crate::plan::{
    enrolment::generate::Elsewhere,
    services::{pointing::ORIGINAL_SELECTOR, ports::DECLARED_PORTS},
};
use crate::routing::{self, RouteKind, registry};
use crate::watched::{Absent, is_nothing_to_us};
use futures::StreamExt;
use futures::future::BoxFuture;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, PartialObjectMeta, TypeMeta};
use kube::core::GroupVersionKind;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{Lookup, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::watch;

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
    /// What an admin ordered.
    pub standing: watch::Receiver<Standing>,
    services: Store<DynamicObject>,
    routes: Vec<(Store<DynamicObject>, Outward)>,
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
    /// See [`Caches::standing`]; fed by [`crate::orders::follow`].
    pub standing: watch::Sender<Standing>,
    /// Services, cut down to what selects and names ports.
    pub services: Writer<DynamicObject>,
    /// The kinds that carry traffic for any provider.
    pub routes: Vec<RouteFeed>,
    waiting: Arc<AtomicU32>,
}

/// Caches that must be complete before requests are answered. Not the routes, whose kinds may not be installed.
const NEEDED: u32 = 8;

fn service_resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Service"))
}

fn route_resource(of: routing::Resource) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(of.group, of.version, of.kind), of.plural)
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
            standing: watch::Sender::default(),
            services: Writer::new(service_resource()),
            routes: registry::kinds()
                .map(|kind| RouteFeed::new(kind, Writer::new(route_resource(kind.resource()))))
                .collect(),
            waiting: Arc::clone(&waiting),
        };
        let routes = feeds.routes.iter().map(RouteFeed::as_readers).collect();
        let caches = Self {
            canaries: feeds.canaries.as_reader(),
            policies: feeds.policies.as_reader(),
            templates: feeds.templates.as_reader(),
            providers: feeds.providers.as_reader(),
            namespaces: feeds.namespaces.as_reader(),
            targets: feeds.targets.as_reader(),
            lease: feeds.lease.as_reader(),
            standing: feeds.standing.subscribe(),
            services: feeds.services.as_reader(),
            routes,
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
        let named = ObjectRef::new_with(name, service_resource()).within(namespace);
        self.services.get(&named)
    }

    /// The Services of a namespace that fit.
    pub fn services_like(&self, namespace: &str, fits: impl Fn(&DynamicObject) -> bool) -> Vec<Arc<DynamicObject>> {
        let own = |service: &DynamicObject| service.metadata.namespace.as_deref() == Some(namespace);
        self.services.state_filter(|service| own(service) && fits(service))
    }

    /// The routes of a namespace, of every kind.
    pub fn routes(&self, namespace: &str) -> Vec<Value> {
        let all = self.routes.iter().flat_map(|(routes, _)| values(routes, namespace));
        all.collect()
    }

    /// What routes of other namespaces lead to in this one.
    pub fn elsewhere(&self, namespace: &str) -> Arc<Vec<Elsewhere>> {
        let mut led = self.routes.iter().map(|(_, outward)| outward.leading_to(namespace));
        let first = led.next().unwrap_or_default();
        led.fold(first, |all, more| match (all.is_empty(), more.is_empty()) {
            (_, true) => all,
            (true, false) => more,
            (false, false) => Arc::new(all.iter().chain(more.iter()).cloned().collect()),
        })
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
        let managed = config().labels(&format!("{}={}", labels::MANAGED, labels::TRUE));
        let managed = (Api::<PartialObjectMeta<Deployment>>::all(client.clone()), managed);
        let one_lease = config().fields(&format!("metadata.name={}", lease.1));
        let one_lease = (Api::<Lease>::namespaced(client.clone(), lease.0), one_lease);
        let services = Api::<DynamicObject>::all_with(client.clone(), &service_resource());
        let services = watcher(services, config());
        let watches = Watches {
            client,
            waiting: self.waiting,
        };
        let mut feeds = vec![
            watches.all(self.canaries, "canaries"),
            watches.all(self.policies, "policies"),
            watches.all(self.templates, "templates"),
            watches.all(self.providers, "providers"),
            watches.all(self.namespaces, "namespaces"),
            watches.some(self.targets, managed, "targets"),
            watches.some(self.lease, one_lease, "lease"),
            feed(self.services, services, slim_service, watches.filled("services"), None),
        ];
        let routes = self.routes.into_iter();
        feeds.extend(routes.map(|feed| feed.watch(&watches.client)));
        futures::future::join_all(feeds).await;
    }
}

// Each object may have a megabyte, and a page is in memory as a whole.
fn config() -> watcher::Config {
    watcher::Config::default().page_size(16)
}

/// Makes the watches of what must be known before requests are answered.
struct Watches {
    client: Client,
    waiting: Arc<AtomicU32>,
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
        feed(cache, watcher(api, config), |_| (), self.filled(what), None)
    }

    /// What is called when the first list of a cache is complete.
    fn filled(&self, what: &'static str) -> impl FnOnce() + Send + 'static + use<> {
        let waiting = Arc::clone(&self.waiting);
        move || {
            let left = waiting.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
            tracing::debug!(what, left, "cache filled");
        }
    }
}

/// What takes the events of a watch in.
trait Feed<K: Lookup>: Send + 'static {
    fn take(&mut self, event: &watcher::Event<K>);
}

impl<K> Feed<K> for Writer<K>
where
    K: Lookup + Clone + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    fn take(&mut self, event: &watcher::Event<K>) {
        self.apply_watcher_event(event);
    }
}

impl Feed<DynamicObject> for RouteFeed {
    fn take(&mut self, event: &watcher::Event<DynamicObject>) {
        self.apply_watcher_event(event);
    }
}

/// Feeds one cache, cut down by `slim`; calls `filled` once, when the first list is complete. A kind that may be absent is
/// empty while it is, and looked for again when it appears.
fn feed<K>(
    mut cache: impl Feed<K>,
    events: impl futures::Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
    slim: impl Fn(&mut K) + Send + 'static,
    filled: impl FnOnce() + Send + 'static,
    mut absent: Option<Absent>,
) -> BoxFuture<'static, ()>
where
    K: Resource + Lookup + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let mut filled = Some(filled);
    Box::pin(async move {
        let events = events.default_backoff();
        futures::pin_mut!(events);
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event.modify(|object| {
                    let meta = object.meta_mut();
                    meta.managed_fields = None;
                    if let Some(annotations) = &mut meta.annotations {
                        annotations.remove(labels::LAST_APPLIED);
                    }
                    slim(object);
                }),
                Err(error) => {
                    tracing::debug!(%error, "watch");
                    if let Some(absent) = absent.as_mut().filter(|_| is_nothing_to_us(&error)) {
                        cache.take(&watcher::Event::Init);
                        cache.take(&watcher::Event::InitDone);
                        absent.appears().await;
                    }
                    continue;
                }
            };
            cache.take(&event);
            if matches!(event, watcher::Event::InitDone) {
                absent.iter_mut().for_each(Absent::found);
                if let Some(filled) = filled.take() {
                    filled();
                }
            }
        }
    })
}

impl RouteFeed {
    fn watch(self, client: &Client) -> BoxFuture<'static, ()> {
        let kind = self.kind;
        let resource = route_resource(kind.resource());
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
        feed(
            self,
            watcher(api, config()),
            move |route| slim_route(kind, route),
            || {},
            Some(Absent::new(client.clone(), kind.resource())),
        )
    }
}

/// What is left of a route's status: by which it is known what its data plane cannot do.
fn slim_route(kind: &'static dyn RouteKind, route: &mut DynamicObject) {
    let told = kind.told(&route.data);
    if let Some(members) = route.data.as_object_mut() {
        members.insert("status".to_owned(), told);
    }
    // Items of a list carry no type of their own.
    let resource = kind.resource();
    route.types = Some(TypeMeta {
        api_version: resource.api_version(),
        kind: resource.kind.to_owned(),
    });
}

/// What is left of a Service: what it is, what it selects and its ports, and what is noted of both.
fn slim_service(service: &mut DynamicObject) {
    let ours = |key: &String| [ORIGINAL_SELECTOR, DECLARED_PORTS, labels::ENABLED].contains(&key.as_str());
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
    let spec = json!({
        "selector": keep("selector"), "ports": keep("ports"), "clusterIP": keep("clusterIP"), "type": keep("type")});
    service.data = json!({"spec": spec});
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_routes_status_it_is_kept_which_gateway_cannot_copy_requests() {
        let controller = "traefik.io/gateway-controller";
        let conditions = json!([{"type": "Accepted", "status": "True", "message": "long"}]);
        let mut route: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "shop"},
            "spec": {"rules": []},
            "status": {"parents": [{"parentRef": {"name": "gateway"}, "controllerName": controller, "conditions": conditions}]},
        }))
        .unwrap();
        let kind = registry::kinds().next().unwrap();
        slim_route(kind, &mut route);
        assert!(!route.data.to_string().contains("Accepted"));
        assert_eq!(
            kind.unmirrored(&route.data),
            [(&json!({"name": "gateway"}), controller)]
        );
    }
}
