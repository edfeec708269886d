//! What the webhook knows besides the request: caches fed by watches, and the questions that are asked of them. What one request
//! needs to know is one value, its [`RequestFacts`].
//!
//! Nothing here calls the API server while a request waits. Before it, [`review`](super::review) has read the request; after it,
//! [`mutate`](super::mutate) and [`validate`](super::validate) decide by both.

mod advice;
mod caches;
mod enrolment;
mod outward;
mod request;
mod scaled;
mod services;

pub use caches::{Caches, Feeds};
pub use enrolment::{stage, target_canary};
pub use request::RequestFacts;
pub use services::pointing_at;

use super::review::Request;
use crate::api::canary::CanaryService;
use crate::api::{Canary, CanaryPolicy, labels};
use crate::plan::settings::{effective::Circumstances, rails};
use crate::plan::{self, Blueprint, Defaults, Selector, enrolment::generate::has_route, enrolment::pairing};
use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use serde_json::Value;
use std::cell::OnceCell;
use std::sync::Arc;

/// A controller whose Lease was renewed this long ago, in seconds, is taken to be there.
pub const LEASE_FRESH: i64 = 15;

/// The caches and the few fixed facts.
#[derive(Clone)]
pub struct View {
    /// What is known of the cluster.
    pub caches: Caches,
    /// User names of our own service accounts.
    pub ours: Vec<String>,
    /// What the command line decides for Canaries that leave it open.
    pub defaults: Defaults,
}

/// What lives beside a Deployment, as the API server has it now.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// The Services of its namespace; the caches' where nobody looked, or there are too many: what the same `kubectl apply` has
    /// brought a moment ago is not in them yet.
    pub services: Option<Vec<Value>>,
    /// The workloads, where a Service points at its pods: they may be behind that too.
    pub workloads: Vec<Value>,
}

/// What would be made for a Deployment, checked.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The Canary, generated or stored.
    pub canary: Canary,
    /// What the Canary says of its pair.
    pub blueprint: Blueprint,
    /// What tells the halves apart.
    pub selector: Selector,
}

impl View {
    /// The Canaries of a namespace, with what their policies add: what the controller does is what these say.
    pub fn canaries(&self, namespace: &str) -> Vec<Arc<Canary>> {
        let all = self.caches.canaries_of(namespace);
        // Read for all of them at once, and only if one asks: each is written out as JSON.
        let read = OnceCell::new();
        let routes = || read.get_or_init(|| self.caches.routes(namespace)).as_slice();
        all.into_iter().map(|canary| self.completed(canary, routes)).collect()
    }

    fn completed<'r>(&self, canary: Arc<Canary>, routes: impl FnOnce() -> &'r [Value]) -> Arc<Canary> {
        if canary.labels().contains_key(labels::GENERATED) {
            return canary;
        }
        let Some(policy) = self.policy_of(&canary, None) else {
            return canary;
        };
        let around = Circumstances {
            default_provider: &self.defaults.provider,
            user_route: policy.spec.gateway_refs.is_some() && self.has_route(&canary, routes),
        };
        rails::governed(&canary, &policy.spec, around).map_or(canary, |governed| Arc::new(governed.canary))
    }

    // Whether the user has a route for the Service of a Canary that names no gateway.
    fn has_route<'r>(&self, canary: &Canary, routes: impl FnOnce() -> &'r [Value]) -> bool {
        let open = |service: &CanaryService| service.gateway_refs.as_ref().is_none_or(Vec::is_empty);
        let provider = canary.provider(&self.defaults.provider);
        canary.spec.service.as_ref().is_some_and(open) && has_route(canary, provider, routes())
    }

    /// The policy that completes a hand-written Canary: the one it names, else its target, else its namespace. A name that
    /// names nothing is ignored: nobody leaves the policy of a namespace by it. Where nobody opted in and none is named,
    /// there is none. `target` is the target where it is known better than by caches.
    pub fn policy_of(&self, canary: &Canary, target: Option<&Value>) -> Option<Arc<CanaryPolicy>> {
        let named = self.named_by(canary, target).and_then(|name| self.policy(&name));
        named.or_else(|| self.policy_in(canary.namespace_name()))
    }

    /// What is told of a Canary whose policy does not exist.
    pub fn misnamed(&self, canary: &Canary, target: Option<&Value>) -> Option<String> {
        let name = self
            .named_by(canary, target)
            .filter(|name| self.policy(name).is_none())?;
        let instead = self.policy_in(canary.namespace_name()).map(|policy| policy.name_any());
        Some(rails::no_such_policy(&name, instead.as_deref()))
    }

    // The policy of a namespace that opted in.
    fn policy_in(&self, namespace: &str) -> Option<Arc<CanaryPolicy>> {
        let named = self
            .is_enabled(namespace)
            .then(|| self.policy_of_namespace(namespace))?;
        self.policy(&named)
    }

    // The name of the policy that a Canary says, or its target, whether there is one or not.
    fn named_by(&self, canary: &Canary, target: Option<&Value>) -> Option<String> {
        let namespace = canary.namespace_name();
        let known = self
            .caches
            .targets
            .get(&ObjectRef::new(canary.target_name()).within(namespace));
        let cached = known
            .as_ref()
            .and_then(|target| target.annotations().get(labels::POLICY));
        let sent = target.and_then(|target| target.pointer("/metadata/annotations")?.get(labels::POLICY)?.as_str());
        let own = canary.annotations().get(labels::POLICY).map(String::as_str);
        own.or(sent).or(cached.map(String::as_str)).map(str::to_owned)
    }

    fn is_enabled(&self, namespace: &str) -> bool {
        let namespace = self.caches.namespaces.get(&ObjectRef::new(namespace));
        namespace.is_some_and(|ns| {
            ns.labels()
                .get(labels::ENABLED)
                .is_some_and(|value| value == labels::TRUE)
        })
    }

    fn policy_of_namespace(&self, namespace: &str) -> String {
        let namespace = self.caches.namespaces.get(&ObjectRef::new(namespace));
        let named = namespace.and_then(|namespace| {
            let annotation = namespace.annotations().get(labels::POLICY);
            annotation.or_else(|| namespace.labels().get(labels::POLICY)).cloned()
        });
        named.unwrap_or_else(|| crate::api::policy::DEFAULT_POLICY.to_owned())
    }

    /// Whether `request` was made by us.
    pub fn is_ours(&self, request: &Request) -> bool {
        self.ours.contains(&request.user_info.username)
    }

    /// What `canary` makes for its `target`.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn plan(&self, target: &Value, canary: Canary) -> Result<Plan, String> {
        let selector = Selector::of(target, &self.defaults.selector_labels).map_err(|error| error.to_string())?;
        let mut blueprint = plan::blueprint(&canary, &self.defaults)?;
        blueprint.helm = plan::marks::of_helm(target);
        pairing::names(&blueprint).map_err(|why| why.to_string())?;
        Ok(Plan {
            canary,
            blueprint,
            selector,
        })
    }

    /// What the caches know of what is around `target`: the Services that have the names of the halves', and the labels of
    /// its namespace.
    pub fn surroundings(&self, namespace: &str, pair: &Blueprint) -> pairing::Surroundings {
        let names = pair.names.iter().flat_map(|names| [&names.primary, &names.canary]);
        let found = names.filter_map(|name| self.caches.service(namespace, name));
        let labels = self.caches.namespaces.get(&ObjectRef::new(namespace));
        let labels = labels.map(|namespace| namespace.labels().clone()).unwrap_or_default();
        pairing::Surroundings {
            halves: found
                .filter_map(|service| serde_json::to_value(service.as_ref()).ok())
                .collect(),
            namespace_labels: labels
                .into_iter()
                .map(|(key, value)| (key, Value::from(value)))
                .collect(),
            ..pairing::Surroundings::default()
        }
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Option<Arc<CanaryPolicy>> {
        self.caches.policies.get(&ObjectRef::new(name))
    }

    /// The name in the Deployment's annotation, and that of the namespace's policy, which governs where the first names nothing:
    /// the namespace's annotation (or its label), else `default`.
    pub fn policy_names(&self, request: &Request) -> (Option<String>, String) {
        let own = request
            .object
            .pointer("/metadata/annotations")
            .and_then(|all| all.get(labels::POLICY)?.as_str());
        (own.map(str::to_owned), self.policy_of_namespace(&request.namespace))
    }

    /// Whether the controller's Lease was renewed lately.
    pub fn controller_alive(&self, now: i64) -> bool {
        self.caches.lease.state().iter().any(|lease| is_fresh(lease, now))
    }

    /// A label of the managed Deployment `name`; nothing when it is not managed or not known yet.
    pub fn target_label(&self, namespace: &str, name: &str, label: &str) -> Option<String> {
        let target = self.caches.targets.get(&ObjectRef::new(name).within(namespace))?;
        target.labels().get(label).cloned()
    }
}

/// The target with its namespace, which the object of a CREATE may leave to the request.
fn located(object: &Value, request: &Request) -> Value {
    let mut target = object.clone();
    if let Some(metadata) = target.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("namespace".to_owned(), Value::from(request.namespace.as_str()));
    }
    target
}

fn is_fresh(lease: &Lease, now: i64) -> bool {
    let Some(spec) = &lease.spec else { return false };
    let held = spec.holder_identity.as_deref().is_some_and(|holder| !holder.is_empty());
    let renewed = spec.renew_time.as_ref().map(|time| time.0.as_second());
    held && renewed.is_some_and(|renewed| now.saturating_sub(renewed) < LEASE_FRESH)
}
