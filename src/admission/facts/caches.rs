//! The caches and the watches that feed them.

mod canaries;
mod feed;
mod feeds;
mod waiting;

use self::canaries::{ByNamespace, CanaryFeed};
use super::outward::{Outward, RouteFeed};
use crate::api::{AlertProvider, Canary, CanaryPolicy, MetricTemplate};
use crate::orders::Standing;
use crate::plan::enrolment::generate::Elsewhere;
use crate::requests::resource;
use crate::routing::{self, registry};
pub use feeds::Feeds;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::core::GroupVersionKind;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::watch;
use waiting::Waiting;

/// Read side of every cache.
#[derive(Clone)]
pub struct Caches {
    /// Canaries of all namespaces.
    pub canaries: Store<Canary>,
    /// CanaryPolicies by name.
    pub policies: Store<CanaryPolicy>,
    /// MetricTemplates of all namespaces.
    pub templates: Store<MetricTemplate>,
    /// AlertProviders of all namespaces.
    pub providers: Store<AlertProvider>,
    /// Metadata of all namespaces.
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
    /// Metadata of the Deployments that carry our label.
    pub targets: Store<PartialObjectMeta<Deployment>>,
    /// The controller's Lease.
    pub lease: Store<Lease>,
    /// What an admin ordered.
    pub standing: watch::Receiver<Standing>,
    by_namespace: ByNamespace,
    services: Store<DynamicObject>,
    routes: Vec<(Store<DynamicObject>, Outward)>,
    waiting: Waiting,
}

fn service_resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Service"))
}

fn route_resource(of: routing::Resource) -> ApiResource {
    resource((of.group, of.version, of.kind), of.plural)
}

impl Caches {
    /// Empty caches and their write side.
    pub fn new() -> (Self, Feeds) {
        let waiting = Waiting::for_all();
        let feeds = Feeds {
            canaries: CanaryFeed::new(),
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
            waiting: waiting.clone(),
        };
        let routes = feeds.routes.iter().map(RouteFeed::as_readers).collect();
        let (canaries, by_namespace) = feeds.canaries.as_readers();
        let caches = Self {
            canaries,
            by_namespace,
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

    /// The caches that are still being filled for the first time, and what keeps them; nothing when none is.
    pub fn waiting(&self) -> Option<String> {
        self.waiting.told()
    }

    /// The Canaries of a namespace, by name.
    pub fn canaries_of(&self, namespace: &str) -> Vec<Arc<Canary>> {
        self.by_namespace.of(namespace, &self.canaries)
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
