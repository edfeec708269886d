//! What is known of the cluster: all that watches keep, and what is looked up in it, Canaries by the objects that concern them
//! ([`index`]). Nothing here asks the API server.

pub mod index;

use self::index::Index;
use super::informers::{
    cache::{Cache, Kind, Unlisted},
    elsewhere::Elsewhere,
    network_policies::NetworkPolicies,
    served::Served,
};
use crate::object::annotation;
use crate::{
    api::{
        Canary, CanaryPolicy, MetricTemplate,
        canary::status::conditions::{NOT_RELEASED, READY},
        labels,
        policy::DEFAULT_POLICY,
    },
    controller::queue::{Key, key},
    plan::{
        Blueprint, Workload,
        enrolment::pairing::{self, Claim, Surroundings},
        settings::{
            effective::Circumstances,
            rails::{self, GovernedCanary},
        },
    },
};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim};
use kube::{
    Resource, ResourceExt,
    runtime::reflector::{ObjectRef, Store},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The caches of the controller.
pub struct Cluster {
    /// Objects of the namespaces we work in.
    pub cache: Arc<Cache>,
    /// Canaries of all namespaces, or of the only one that Coalmine works in.
    pub canaries: Store<Canary>,
    /// Which of them an object concerns.
    pub index: Index,
    /// CanaryPolicies by name.
    pub policies: Store<CanaryPolicy>,
    /// MetricTemplates of all namespaces.
    pub templates: Store<MetricTemplate>,
    /// All PersistentVolumeClaims, which may keep an app from being paired.
    pub claims: Store<PersistentVolumeClaim>,
    /// All NetworkPolicies, which may too.
    pub network_policies: NetworkPolicies,
    /// All namespaces, or the only one that Coalmine works in.
    pub namespaces: Store<Namespace>,
    /// Kinds that not every cluster has.
    pub served: Served,
    /// Routes that lead from one namespace into another.
    pub elsewhere: Elsewhere,
}

impl Cluster {
    /// The Canary of a key.
    pub fn canary(&self, (namespace, name): &Key) -> Option<Arc<Canary>> {
        self.canaries.get(&ObjectRef::new(name).within(namespace))
    }

    /// Whether the namespace is opted in: its changes pass the webhook.
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

    /// The policy that governs an object: named by it, else by its namespace, else `default`. A name that names nothing counts
    /// for nothing: nobody leaves the policy of a namespace by it.
    pub fn policy(&self, namespace: &str, named: Option<&str>) -> Option<Arc<CanaryPolicy>> {
        self.policies.get(&ObjectRef::new(&self.policy_name(namespace, named)))
    }

    /// Whether this names a policy that does not exist, or not yet.
    pub fn names_nothing(&self, named: Option<&str>) -> bool {
        named.is_some_and(|name| self.policies.get(&ObjectRef::new(name)).is_none())
    }

    /// What that policy is called, whether there is one of its name or not.
    pub fn policy_name(&self, namespace: &str, named: Option<&str>) -> String {
        let of_namespace = || {
            let ns = self.namespaces.get(&ObjectRef::new(namespace))?;
            ns.annotations()
                .get(labels::POLICY)
                .or_else(|| ns.labels().get(labels::POLICY))
                .cloned()
        };
        let exists = |name: &&str| self.policies.get(&ObjectRef::new(name)).is_some();
        named
            .filter(exists)
            .map(str::to_owned)
            .or_else(of_namespace)
            .unwrap_or_else(|| DEFAULT_POLICY.to_owned())
    }

    /// The policy that governs a Canary and its target, which the Canary names, else the target, else their namespace.
    /// A generated Canary only remembers what its target named.
    pub fn policy_of(&self, canary: &Canary, target: Option<&Value>) -> Option<Arc<CanaryPolicy>> {
        self.policy(canary.namespace_name(), named_policy(canary, target))
    }

    /// The Canary with what its policy adds, within the guard rails of that, and what is to be said of what exceeded them. Where
    /// nobody opted in and none is named, a Canary is what it says, as in Flagger.
    pub fn completed(&self, canary: Arc<Canary>, default_provider: &str) -> (Arc<Canary>, Vec<String>) {
        let target = self.target(&canary);
        let mut told: Vec<String> = self.misnamed(&canary, target.as_ref()).into_iter().collect();
        let governing = self.governing(&canary, target.as_ref());
        let Some(policy) = governing.filter(|_| !canary.is_generated()) else {
            return (canary, told);
        };
        let around = Circumstances {
            default_provider,
            user_route: false, // a live one is used, and no other is made
        };
        match rails::governed(&canary, &policy.spec, around) {
            Some(GovernedCanary { canary, exceeded }) => {
                told.extend(exceeded);
                (Arc::new(canary), told)
            }
            None => (canary, told),
        }
    }

    /// Whether the policy of a Canary demands that its releases are analysed.
    pub fn demands_analysis(&self, canary: &Canary, target: Option<&Value>) -> bool {
        self.governing(canary, target)
            .is_some_and(|policy| rails::demands_analysis(&policy.spec))
    }

    // The policy whose word counts for a Canary: one that is named, else that of a namespace that opted in.
    fn governing(&self, canary: &Canary, target: Option<&Value>) -> Option<Arc<CanaryPolicy>> {
        let named = named_policy(canary, target).and_then(|name| self.policies.get(&ObjectRef::new(name)));
        let namespace = canary.namespace_name();
        named.or_else(|| self.policy(namespace, None).filter(|_| self.enabled(namespace)))
    }

    // What is said of a name that names nothing.
    fn misnamed(&self, canary: &Canary, target: Option<&Value>) -> Option<String> {
        let name = named_policy(canary, target).filter(|name| self.names_nothing(Some(*name)))?;
        let instead = self.governing(canary, target).map(|policy| policy.name_any());
        Some(rails::no_such_policy(name, instead.as_deref()))
    }

    /// The target of a Canary.
    pub fn target(&self, canary: &Canary) -> Option<Value> {
        let kind = Kind::of(Workload::of(canary)?);
        self.cache.get(kind, canary.namespace_name(), canary.target_name())
    }

    /// A kind that `canary`, as its policy completes it, needs to know and that could not be listed yet.
    pub fn unread_by(&self, canary: &Canary, default_provider: &str) -> Option<Unlisted> {
        let mut all = self.cache.unlisted(canary.namespace_name()).into_iter();
        all.find(|unlisted| unlisted.kind.is_needed_by(canary, default_provider))
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

    /// The claims that the pods of a workload mount.
    pub fn claims_of(&self, namespace: &str, target: &Value) -> BTreeMap<String, Claim> {
        let claim = |name: String| {
            let found = self.claims.get(&ObjectRef::new(&name).within(namespace));
            let found = found.and_then(|claim| serde_json::to_value(claim.as_ref()).ok());
            (name, found.map_or(Claim::Missing, |claim| Claim::of(&claim)))
        };
        pairing::claims(target).into_iter().map(claim).collect()
    }

    /// What is around a Deployment that is to be paired.
    pub fn surroundings(&self, target: &Value, pair: &Blueprint) -> Surroundings {
        let namespace = pair.namespace.as_str();
        let names = pair.names.iter().flat_map(|names| [&names.primary, &names.canary]);
        let labels = self.namespaces.get(&ObjectRef::new(namespace));
        let labels = labels.map(|namespace| namespace.labels().clone()).unwrap_or_default();
        Surroundings {
            claims: self.claims_of(namespace, target),
            policies: self.network_policies.all(),
            namespace_labels: labels.into_iter().map(|(key, value)| (key, value.into())).collect(),
            primary: self.cache.get(Kind::Deployment, namespace, &pair.primary_name()),
            halves: names
                .filter_map(|name| self.cache.get(Kind::Service, namespace, name))
                .collect(),
            ..Surroundings::default()
        }
    }

    /// The targets in the namespace whose pairs are still being built.
    pub fn building(&self, namespace: &str) -> BTreeSet<String> {
        let building = |canary: &&Arc<Canary>| canary.status.as_ref().is_none_or(|status| status.phase.is_building());
        let all = self.canaries_of(namespace);
        let targets = all
            .iter()
            .filter(building)
            .map(|canary| canary.target_name().to_owned());
        targets.collect()
    }

    /// The text of the query of a MetricTemplate.
    pub fn query(&self, namespace: &str, name: &str) -> Option<String> {
        let template = self.templates.get(&ObjectRef::new(name).within(namespace))?;
        Some(template.spec.query.clone())
    }

    /// The Canaries of a namespace whose target's revision, or the target, is not released because of what is around it.
    pub fn waiting_for_surroundings(&self, namespace: &str) -> impl Iterator<Item = Key> {
        let waits = |canary: &Arc<Canary>| {
            let ready = canary.status.as_ref().and_then(|status| status.condition(READY));
            ready.is_some_and(|ready| ready.reason == NOT_RELEASED)
        };
        let all = self.canaries_of(namespace).into_iter().filter(waits);
        all.map(|canary| key(&canary))
    }
}

fn named_policy<'a>(canary: &'a Canary, target: Option<&'a Value>) -> Option<&'a str> {
    let own = canary.annotations().get(labels::POLICY).map(String::as_str);
    match target {
        Some(target) if canary.is_generated() => annotation(target, labels::POLICY),
        Some(target) => own.or_else(|| annotation(target, labels::POLICY)),
        None => own,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canary(generated: bool, policy: Option<&str>) -> Canary {
        let mut canary = Canary::new("web", Default::default());
        if generated {
            canary
                .labels_mut()
                .insert(labels::GENERATED.to_owned(), labels::TRUE.to_owned());
        }
        let named = policy.map(|policy| (labels::POLICY.to_owned(), policy.to_owned()));
        canary.annotations_mut().extend(named);
        canary
    }

    #[test]
    fn the_nearest_word_on_the_policy_counts() {
        let target = |policy: Option<&str>| json!({"metadata": {"annotations": {labels::POLICY: policy}}});
        for (generated, own, targets, expected) in [
            (false, None, Some(Some("app")), Some("app")),
            (false, Some("mine"), Some(Some("app")), Some("mine")),
            (false, None, Some(None), None),
            // What a generated one remembers is for when its target is gone.
            (true, Some("old"), Some(Some("new")), Some("new")),
            (true, Some("old"), Some(None), None),
            (true, Some("old"), None, Some("old")),
        ] {
            let (canary, target) = (canary(generated, own), targets.map(target));
            assert_eq!(
                named_policy(&canary, target.as_ref()),
                expected,
                "{generated} {own:?} {targets:?}"
            );
        }
    }
}
