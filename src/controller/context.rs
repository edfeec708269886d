//! What every step shares: the client, the caches and what was learnt on the way.

use super::{
    cache::{Cache, Kind},
    checks::Finished,
    queue::{Key, Sender},
    served::Served,
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
    /// All policies.
    pub policies: Store<CanaryPolicy>,
    /// All MetricTemplates.
    pub templates: Store<MetricTemplate>,
    /// All namespaces.
    pub namespaces: Store<Namespace>,
    /// Kinds that not every cluster has.
    pub served: Served,
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
        self.canaries
            .state_filter(|canary| canary.namespace_name() == namespace)
    }

    /// Asks for a step of every Canary that an object of this kind and name concerns.
    pub fn concern(&self, kind: Kind, namespace: &str, name: &str) {
        for canary in self.canaries_of(namespace) {
            if concerns(&canary, kind, name) {
                self.queue.send(key(&canary));
            }
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

// Names tell; a route may name any Service, so it concerns all Canaries of its namespace.
fn concerns(canary: &Canary, kind: Kind, name: &str) -> bool {
    let target = canary.target_name();
    let is_half = |of: &str| of == target || of.strip_suffix("-primary") == Some(target);
    match kind {
        Kind::Deployment | Kind::DaemonSet => is_half(name),
        Kind::ReplicaSet | Kind::ControllerRevision => name.rsplit_once('-').is_some_and(|(owner, _)| is_half(owner)),
        Kind::Service => canary.service_names().iter().any(|service| service == name),
        Kind::EndpointSlice => name
            .rsplit_once('-')
            .is_some_and(|(service, _)| canary.service_names().iter().any(|s| s == service)),
        Kind::HttpRoute => true,
        Kind::HorizontalPodAutoscaler | Kind::ScaledObject => {
            let named = canary.spec.autoscaler_ref.as_ref().map_or(target, |r| r.name.as_str());
            name == named || name.strip_suffix("-primary") == Some(named)
        }
    }
}
