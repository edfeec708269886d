//! What every step shares: the client, the caches and what was learnt on the way.

use super::{
    cache::{Cache, Change},
    checks::Finished,
    index::Index,
    queue::{Key, Sender},
};
use crate::{
    api::{Canary, CanaryPolicy, MetricTemplate, labels, policy::DEFAULT_POLICY},
    outbound::{Clients, Egress},
    plan::Defaults,
    telemetry::{Metrics, Recorder},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Client, Resource, ResourceExt,
    runtime::reflector::{ObjectRef, Store},
};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};

/// Shared by all steps.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// Objects of the namespaces we work in.
    pub cache: Arc<Cache>,
    /// All Canaries.
    pub canaries: Store<Canary>,
    /// Which of them an object concerns.
    pub index: Index,
    /// All policies.
    pub policies: Store<CanaryPolicy>,
    /// All MetricTemplates.
    pub templates: Store<MetricTemplate>,
    /// All namespaces.
    pub namespaces: Store<Namespace>,
    /// What flags decide.
    pub defaults: Defaults,
    /// Events.
    pub events: Recorder,
    /// Prometheus metrics.
    pub metrics: Metrics,
    /// HTTP clients of metric providers.
    pub http: Clients,
    /// Where URLs of users must not lead.
    pub egress: Egress,
    /// Asks for steps.
    pub queue: Sender,
    /// Checks that are running, or whose answer waits for its step.
    pub checks: Mutex<HashMap<Key, Finished>>,
    /// The version of the status we wrote last; a cache that has an older one would repeat a step.
    pub written: Mutex<HashMap<Key, u64>>,
}

impl Context {
    /// The Canary of a key.
    pub fn canary(&self, (namespace, name): &Key) -> Option<Arc<Canary>> {
        self.canaries.get(&ObjectRef::new(name).within(namespace))
    }

    /// Whether the namespace is opted in: its changes pass the door.
    pub fn enabled(&self, namespace: &str) -> bool {
        self.namespaces
            .get(&ObjectRef::new(namespace))
            .is_some_and(|ns| is_enabled(&ns))
    }

    /// Whether the namespace is being deleted.
    pub fn terminating(&self, namespace: &str) -> bool {
        self.namespaces
            .get(&ObjectRef::new(namespace))
            .is_some_and(|ns| ns.metadata.deletion_timestamp.is_some())
    }

    /// The policy that governs an object: named by it, else by its namespace, else `default`.
    pub fn policy(&self, namespace: &str, named: Option<&str>) -> Option<Arc<CanaryPolicy>> {
        let of_namespace = || {
            let ns = self.namespaces.get(&ObjectRef::new(namespace))?;
            ns.annotations()
                .get(labels::POLICY)
                .or_else(|| ns.labels().get(labels::POLICY))
                .cloned()
        };
        let name = named
            .map(str::to_owned)
            .or_else(of_namespace)
            .unwrap_or_else(|| DEFAULT_POLICY.to_owned());
        self.policies.get(&ObjectRef::new(&name))
    }

    /// The Canaries of a namespace.
    pub fn canaries_of(&self, namespace: &str) -> Vec<Arc<Canary>> {
        self.named(namespace, self.index.of_namespace(namespace))
    }

    /// The Canaries whose target is that Deployment, or whose primary it is.
    pub fn canaries_for(&self, namespace: &str, deployment: &str) -> Vec<Arc<Canary>> {
        self.named(namespace, self.index.of_deployment(namespace, deployment))
    }

    fn named(&self, namespace: &str, names: Vec<String>) -> Vec<Arc<Canary>> {
        names
            .into_iter()
            .filter_map(|name| self.canary(&(namespace.to_owned(), name)))
            .collect()
    }

    /// Asks for a step of every Canary that a change of the object of this name concerns.
    pub fn concern(&self, change: &Change, name: &str) {
        let concerned = self
            .index
            .concerned(change.kind, &change.namespace, name, &change.ties());
        for canary in concerned {
            self.queue.send((change.namespace.clone(), canary));
        }
    }
}

/// The key of a Canary.
pub fn key(canary: &Canary) -> Key {
    (canary.namespace_name().to_owned(), canary.name_any())
}

/// Whether a namespace opted in by its label.
pub fn is_enabled(namespace: &Namespace) -> bool {
    namespace
        .meta()
        .labels
        .as_ref()
        .and_then(|l| l.get(labels::ENABLED))
        .is_some_and(|v| v == labels::TRUE)
}
