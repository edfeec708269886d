//! The objects of a namespace, read through the API.

use anyhow::Result;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::Value;

/// Typed access to one namespace.
#[derive(Clone)]
pub struct Objects {
    client: Client,
    namespace: String,
}

impl Objects {
    /// Those of `namespace`.
    pub fn of(client: Client, namespace: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
        }
    }

    /// The Deployments.
    pub fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The ReplicaSets.
    pub fn replica_sets(&self) -> Api<ReplicaSet> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The Services.
    pub fn services(&self) -> Api<Service> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The ConfigMaps.
    pub fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The Secrets.
    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The Pods.
    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The Events.
    pub fn events(&self) -> Api<Event> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The Canaries, untyped: what users see is what is stored, not what our types make of it.
    pub fn canaries(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &Self::canary_kind())
    }

    /// The kind of a Canary.
    pub fn canary_kind() -> ApiResource {
        let kind = GroupVersionKind::gvk("flagger.app", "v1beta1", "Canary");
        ApiResource::from_gvk_with_plural(&kind, "canaries")
    }

    /// The HTTPRoutes.
    pub fn routes(&self) -> Api<DynamicObject> {
        self.dynamic("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
    }

    /// The GRPCRoutes.
    pub fn grpc_routes(&self) -> Api<DynamicObject> {
        self.dynamic("gateway.networking.k8s.io", "v1", "GRPCRoute", "grpcroutes")
    }

    /// The TraefikServices.
    pub fn traefik_services(&self) -> Api<DynamicObject> {
        self.dynamic("traefik.io", "v1alpha1", "TraefikService", "traefikservices")
    }

    /// The Ingresses.
    pub fn ingresses(&self) -> Api<DynamicObject> {
        self.dynamic("networking.k8s.io", "v1", "Ingress", "ingresses")
    }

    /// The Canary of that name, if there is one.
    pub async fn canary(&self, name: &str) -> Result<Option<CanaryView>> {
        let found = self.canaries().get_opt(name).await?;
        found
            .map(|object| Ok(CanaryView(serde_json::to_value(object)?)))
            .transpose()
    }

    /// The weights of the route of that name, by backend.
    pub async fn weights(&self, route: &str) -> Result<Option<Vec<(String, u64)>>> {
        let Some(found) = self.routes().get_opt(route).await? else {
            return Ok(None);
        };
        Ok(weights_of(&found.data))
    }

    /// Names of the pods whose Deployment is `deployment`, also of those that are ending.
    pub async fn pods_of(&self, deployment: &str) -> Result<Vec<String>> {
        let sets = self.replica_sets().list(&ListParams::default()).await?;
        let sets: Vec<String> = sets
            .into_iter()
            .filter(|set| owned_by(&set.metadata, &[deployment.to_owned()]))
            .filter_map(|set| set.metadata.name)
            .collect();
        let pods = self.pods().list(&ListParams::default()).await?;
        Ok(pods
            .into_iter()
            .filter(|pod| owned_by(&pod.metadata, &sets))
            .filter_map(|pod| pod.metadata.name)
            .collect())
    }

    /// Pods that were ever created for the Deployment of that name, by the events its ReplicaSets left.
    pub async fn ever_created(&self, deployment: &str) -> Result<Vec<String>> {
        let created = ListParams::default().fields("involvedObject.kind=ReplicaSet,reason=SuccessfulCreate");
        let events = self.events().list(&created).await?;
        // A ReplicaSet is its Deployment's name and one more word; `NAME-primary` has two.
        let of = |set: &str| set.rsplit_once('-').is_some_and(|(owner, _)| owner == deployment);
        Ok(events
            .into_iter()
            .filter(|event| event.involved_object.name.as_deref().is_some_and(of))
            .filter_map(|event| event.message)
            .collect())
    }

    /// Messages of the events about the Canary of that name, oldest first.
    pub async fn told(&self, canary: &str) -> Result<Vec<String>> {
        let about = ListParams::default().fields(&format!("involvedObject.kind=Canary,involvedObject.name={canary}"));
        let mut events = self.events().list(&about).await?.items;
        events.sort_by_key(|event| event.metadata.creation_timestamp.clone());
        Ok(events.into_iter().filter_map(|event| event.message).collect())
    }

    /// The objects of any other kind.
    pub fn dynamic(&self, group: &str, version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }
}

fn owned_by(object: &ObjectMeta, owners: &[String]) -> bool {
    let known = object.owner_references.iter().flatten();
    known.into_iter().any(|owner| owners.contains(&owner.name))
}

/// The backends of a route's first rule with their weights.
pub(super) fn weights_of(route: &Value) -> Option<Vec<(String, u64)>> {
    let refs = route.pointer("/spec/rules/0/backendRefs")?.as_array()?;
    let weight = |backend: &Value| {
        let name = backend["name"].as_str().unwrap_or_default().to_owned();
        (name, backend["weight"].as_u64().unwrap_or(1))
    };
    Some(refs.iter().map(weight).collect())
}

/// A Canary as it is stored.
#[derive(Clone, Debug)]
pub struct CanaryView(pub Value);

impl CanaryView {
    /// `status.phase`, empty before the first.
    pub fn phase(&self) -> &str {
        self.0["status"]["phase"].as_str().unwrap_or_default()
    }

    /// The name of the Deployment it targets, if it targets one.
    pub fn target(&self) -> Option<&str> {
        let target = &self.0["spec"]["targetRef"];
        target["name"].as_str().filter(|_| target["kind"] == "Deployment")
    }

    /// `status.run.stage`: where it stands, finer than its phase.
    pub fn stage(&self) -> &str {
        self.0["status"]["run"]["stage"].as_str().unwrap_or_default()
    }

    /// The reason and the message of every condition, a line each.
    pub fn conditions(&self) -> Vec<String> {
        let all = self.0["status"]["conditions"].as_array().into_iter().flatten();
        let text = |condition: &Value, member: &str| condition[member].as_str().unwrap_or_default().to_owned();
        all.map(|one| format!("{}: {}", text(one, "reason"), text(one, "message")))
            .collect()
    }

    /// `status.canaryWeight`.
    pub fn weight(&self) -> u64 {
        self.0["status"]["canaryWeight"].as_u64().unwrap_or_default()
    }

    /// `status.failedChecks`.
    pub fn failed_checks(&self) -> u64 {
        self.0["status"]["failedChecks"].as_u64().unwrap_or_default()
    }

    /// The status of the condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&Value> {
        self.0["status"]["conditions"]
            .as_array()?
            .iter()
            .find(|condition| condition["type"] == kind)
    }
}
