//! The objects of the namespaces we work in, kept by watches, looked up by namespace and name.
//!
//! Everything is JSON: unknown fields of a target must reach primary. managedFields are dropped on arrival, they are
//! the larger part of many objects and nobody here reads them.

use crate::plan::{ScalerKind, Workload};
use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client, ResourceExt,
    core::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::RwLock;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use tokio::sync::mpsc::UnboundedSender;

/// The kinds that are watched in a namespace we work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// apps/v1 Deployment: targets and primaries.
    Deployment,
    /// apps/v1 ReplicaSet: the revisions of both.
    ReplicaSet,
    /// apps/v1 DaemonSet: targets and primaries too.
    DaemonSet,
    /// apps/v1 ControllerRevision: the revisions of DaemonSets.
    ControllerRevision,
    /// v1 Service.
    Service,
    /// discovery.k8s.io/v1 EndpointSlice: what data planes route to.
    EndpointSlice,
    /// gateway.networking.k8s.io/v1 HTTPRoute.
    HttpRoute,
    /// autoscaling/v2 HorizontalPodAutoscaler: the user's and primary's.
    HorizontalPodAutoscaler,
    /// keda.sh/v1alpha1 ScaledObject, where KEDA is installed.
    ScaledObject,
}

impl Kind {
    /// Those that every cluster has.
    pub const ALL: [Self; 8] = [
        Self::Deployment,
        Self::ReplicaSet,
        Self::DaemonSet,
        Self::ControllerRevision,
        Self::Service,
        Self::EndpointSlice,
        Self::HttpRoute,
        Self::HorizontalPodAutoscaler,
    ];

    /// What a target of that kind and its primary are.
    pub fn of(workload: Workload) -> Self {
        match workload {
            Workload::Deployment => Self::Deployment,
            Workload::DaemonSet => Self::DaemonSet,
            Workload::Service => Self::Service,
        }
    }

    /// Its API resource.
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = match self {
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::ReplicaSet => ("apps", "v1", "ReplicaSet", "replicasets"),
            Self::DaemonSet => ("apps", "v1", "DaemonSet", "daemonsets"),
            Self::ControllerRevision => ("apps", "v1", "ControllerRevision", "controllerrevisions"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::EndpointSlice => ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
            Self::HttpRoute => ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
            Self::HorizontalPodAutoscaler => (
                "autoscaling",
                "v2",
                "HorizontalPodAutoscaler",
                "horizontalpodautoscalers",
            ),
            Self::ScaledObject => ("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    /// The kind of an autoscaler; `None` for any other object.
    pub fn of_scaler(object: &Value) -> Option<Self> {
        let kind = object.get("kind").and_then(Value::as_str)?;
        [Self::HorizontalPodAutoscaler, Self::ScaledObject]
            .into_iter()
            .find(|known| known.resource().kind == kind)
    }

    // Their status and version change with every look at the metrics, and nobody here reads either.
    fn changes_by_itself(self) -> bool {
        matches!(self, Self::HorizontalPodAutoscaler | Self::ScaledObject)
    }
}

impl From<ScalerKind> for Kind {
    fn from(kind: ScalerKind) -> Self {
        match kind {
            ScalerKind::Hpa => Self::HorizontalPodAutoscaler,
            ScalerKind::ScaledObject => Self::ScaledObject,
        }
    }
}

/// One object changed.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// The object as it is, or was when it was deleted.
    pub object: Arc<Value>,
}

type Objects = BTreeMap<String, Arc<Value>>;

/// The objects of one namespace.
#[derive(Debug, Default)]
struct Shelf {
    objects: HashMap<Kind, Objects>,
    expected: Vec<Kind>,
    complete: Vec<Kind>,
}

/// The cache of all namespaces we work in.
#[derive(Debug, Default)]
pub struct Cache {
    shelves: RwLock<HashMap<String, Shelf>>,
}

impl Cache {
    /// One object.
    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.shelves
            .read()
            .get(namespace)?
            .objects
            .get(&kind)?
            .get(name)
            .cloned()
    }

    /// All objects of a kind in a namespace.
    pub fn list(&self, kind: Kind, namespace: &str) -> Vec<Arc<Value>> {
        let shelves = self.shelves.read();
        let objects = shelves.get(namespace).and_then(|shelf| shelf.objects.get(&kind));
        objects
            .map(|objects| objects.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Says which kinds of a namespace are watched from now on; others are forgotten.
    pub fn expect(&self, namespace: &str, kinds: &[Kind]) {
        let mut shelves = self.shelves.write();
        let shelf = shelves.entry(namespace.to_owned()).or_default();
        shelf.expected = kinds.to_vec();
        shelf.complete.retain(|kind| kinds.contains(kind));
        shelf.objects.retain(|kind, _| kinds.contains(kind));
    }

    /// Whether every kind that is watched in the namespace has been listed once.
    pub fn complete(&self, namespace: &str) -> bool {
        self.shelves.read().get(namespace).is_some_and(|shelf| {
            !shelf.expected.is_empty() && shelf.expected.iter().all(|k| shelf.complete.contains(k))
        })
    }

    /// Forgets a namespace.
    pub fn forget(&self, namespace: &str) {
        self.shelves.write().remove(namespace);
    }

    // Whether that changed anything.
    fn put(&self, kind: Kind, namespace: &str, name: String, object: Arc<Value>) -> bool {
        let mut shelves = self.shelves.write();
        let before = shelves
            .entry(namespace.to_owned())
            .or_default()
            .objects
            .entry(kind)
            .or_default()
            .insert(name, object.clone());
        before != Some(object)
    }

    fn remove(&self, kind: Kind, namespace: &str, name: &str) {
        if let Some(shelf) = self.shelves.write().get_mut(namespace) {
            shelf.objects.entry(kind).or_default().remove(name);
        }
    }

    // A list that ends replaces what was known; what it did not name is gone.
    fn replace(&self, kind: Kind, namespace: &str, objects: Objects) {
        let mut shelves = self.shelves.write();
        let shelf = shelves.entry(namespace.to_owned()).or_default();
        shelf.objects.insert(kind, objects);
        if !shelf.complete.contains(&kind) {
            shelf.complete.push(kind);
        }
    }
}

/// Watches one kind in one namespace for as long as it is polled, telling `changes` of every change.
pub async fn watch(client: Client, cache: Arc<Cache>, kind: Kind, namespace: String, changes: UnboundedSender<Change>) {
    let api: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &kind.resource());
    let mut events = watcher(api, watcher::Config::default())
        .default_backoff()
        .into_stream()
        .boxed();
    let mut listed = Objects::new();
    loop {
        let event = match events.try_next().await {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(?kind, namespace, %error, "watch failed, trying again");
                continue;
            }
        };
        let told = |object: Arc<Value>| Change {
            kind,
            namespace: namespace.clone(),
            object,
        };
        match event {
            watcher::Event::Init => listed.clear(),
            watcher::Event::InitApply(object) => {
                let name = object.name_any();
                listed.insert(name, pruned(object, kind));
            }
            watcher::Event::InitDone => {
                let all: Vec<_> = listed.values().cloned().collect();
                cache.replace(kind, &namespace, std::mem::take(&mut listed));
                // Whichever list ends last completes the namespace, and somebody may wait for just that.
                let all = all.into_iter().chain([Arc::new(Value::Null)]);
                all.for_each(|object| drop(changes.send(told(object))));
            }
            watcher::Event::Apply(object) => {
                let name = object.name_any();
                let object = pruned(object, kind);
                if cache.put(kind, &namespace, name, object.clone()) {
                    drop(changes.send(told(object)));
                }
            }
            watcher::Event::Delete(object) => {
                cache.remove(kind, &namespace, &object.name_any());
                drop(changes.send(told(pruned(object, kind))));
            }
        }
    }
}

fn pruned(mut object: DynamicObject, kind: Kind) -> Arc<Value> {
    object.metadata.managed_fields = None;
    if kind.changes_by_itself() {
        object.metadata.resource_version = None;
        if let Some(members) = object.data.as_object_mut() {
            members.remove("status");
        }
    }
    let resource = kind.resource();
    // Items of a list carry no type of their own.
    object.types = Some(kube::core::TypeMeta {
        api_version: resource.api_version,
        kind: resource.kind,
    });
    Arc::new(serde_json::to_value(object).unwrap_or_default())
}
