//! The objects of the namespaces we work in, kept by watches, looked up by namespace and name or by what ties them.
//!
//! Everything is JSON: unknown fields of a target must reach primary. managedFields are dropped on arrival, they are
//! the larger part of many objects and nobody here reads them. Objects rest as text: as values they take eight times the
//! memory, and a step that changes a copy would have to make one anyway.

use super::ties::ties;
use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client, ResourceExt,
    core::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::RwLock;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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
    /// v1 Service.
    Service,
    /// discovery.k8s.io/v1 EndpointSlice: what data planes route to.
    EndpointSlice,
    /// gateway.networking.k8s.io/v1 HTTPRoute.
    HttpRoute,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Deployment,
        Self::ReplicaSet,
        Self::Service,
        Self::EndpointSlice,
        Self::HttpRoute,
    ];

    /// Its API resource.
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = match self {
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::ReplicaSet => ("apps", "v1", "ReplicaSet", "replicasets"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::EndpointSlice => ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
            Self::HttpRoute => ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
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
    pub object: Value,
    /// The object as it was known before.
    pub before: Option<Value>,
}

impl Change {
    /// What ties the object to others, before and now.
    pub fn ties(&self) -> Vec<String> {
        let mut words = ties(self.kind, &self.object);
        if let Some(before) = &self.before {
            words.extend(ties(self.kind, before));
        }
        words
    }
}

type Objects = BTreeMap<String, Text>;

/// An object at rest.
#[derive(Debug, Clone)]
struct Text(Arc<str>);

impl Text {
    fn of(object: &Value) -> Self {
        Self(object.to_string().into())
    }

    fn read(&self) -> Value {
        // What was written a moment ago is readable.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// The objects of one namespace.
#[derive(Debug, Default)]
struct Shelf {
    objects: HashMap<Kind, Objects>,
    tied: HashMap<(Kind, String), BTreeSet<String>>,
    complete: Vec<Kind>,
}

impl Shelf {
    fn put(&mut self, kind: Kind, name: String, object: &Value) -> Option<Value> {
        let before = self.remove(kind, &name);
        for tie in ties(kind, object) {
            self.tied.entry((kind, tie)).or_default().insert(name.clone());
        }
        self.objects.entry(kind).or_default().insert(name, Text::of(object));
        before
    }

    fn remove(&mut self, kind: Kind, name: &str) -> Option<Value> {
        let before = self.objects.get_mut(&kind)?.remove(name)?.read();
        for tie in ties(kind, &before) {
            let key = (kind, tie);
            if let Some(names) = self.tied.get_mut(&key) {
                names.remove(name);
                if names.is_empty() {
                    self.tied.remove(&key);
                }
            }
        }
        Some(before)
    }
}

/// The cache of all namespaces we work in.
#[derive(Debug, Default)]
pub struct Cache {
    shelves: RwLock<HashMap<String, Shelf>>,
}

impl Cache {
    /// One object.
    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Value> {
        let found = self.with(namespace, |shelf| shelf.objects.get(&kind)?.get(name).cloned());
        found.flatten().map(|text| text.read())
    }

    /// Whether there is such an object.
    pub fn has(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        let found = self.with(namespace, |shelf| {
            shelf.objects.get(&kind).is_some_and(|all| all.contains_key(name))
        });
        found.unwrap_or(false)
    }

    /// All objects of a kind in a namespace.
    pub fn list(&self, kind: Kind, namespace: &str) -> Vec<Value> {
        let found = self.with(namespace, |shelf| {
            let objects = shelf.objects.get(&kind);
            objects.into_iter().flat_map(|all| all.values().cloned()).collect()
        });
        read(found)
    }

    /// The objects of a kind in a namespace that have this [`ties`] word.
    pub fn tied(&self, kind: Kind, namespace: &str, tie: &str) -> Vec<Value> {
        let found = self.with(namespace, |shelf| {
            let names = shelf.tied.get(&(kind, tie.to_owned())).into_iter().flatten();
            let objects = shelf.objects.get(&kind);
            names.filter_map(|name| objects?.get(name).cloned()).collect()
        });
        read(found)
    }

    // The lock is held for the look-up only: reading is the longer part.
    fn with<T>(&self, namespace: &str, look: impl FnOnce(&Shelf) -> T) -> Option<T> {
        self.shelves.read().get(namespace).map(look)
    }

    /// Whether every kind of the namespace has been listed once.
    pub fn complete(&self, namespace: &str) -> bool {
        self.shelves
            .read()
            .get(namespace)
            .is_some_and(|shelf| shelf.complete.len() == Kind::ALL.len())
    }

    /// Forgets a namespace.
    pub fn forget(&self, namespace: &str) {
        self.shelves.write().remove(namespace);
    }

    fn put(&self, kind: Kind, namespace: &str, name: String, object: &Value) -> Option<Value> {
        let mut shelves = self.shelves.write();
        shelves.entry(namespace.to_owned()).or_default().put(kind, name, object)
    }

    fn remove(&self, kind: Kind, namespace: &str, name: &str) -> Option<Value> {
        self.shelves.write().get_mut(namespace)?.remove(kind, name)
    }

    // A list that ends replaces what was known; what it did not name is gone. Answers what was known.
    fn replace(&self, kind: Kind, namespace: &str, objects: &BTreeMap<String, Value>) -> Objects {
        let mut shelves = self.shelves.write();
        let shelf = shelves.entry(namespace.to_owned()).or_default();
        shelf.tied.retain(|(of, _), _| *of != kind);
        let before = shelf.objects.remove(&kind).unwrap_or_default();
        shelf.objects.insert(kind, Objects::new());
        for (name, object) in objects {
            shelf.put(kind, name.clone(), object);
        }
        if !shelf.complete.contains(&kind) {
            shelf.complete.push(kind);
        }
        before
    }
}

fn read(found: Option<Vec<Text>>) -> Vec<Value> {
    found.into_iter().flatten().map(|text| text.read()).collect()
}

/// Watches one kind in one namespace for as long as it is polled, telling `changes` of every change.
pub async fn watch(client: Client, cache: Arc<Cache>, kind: Kind, namespace: String, changes: UnboundedSender<Change>) {
    let api: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &kind.resource());
    let mut events = watcher(api, watcher::Config::default())
        .default_backoff()
        .into_stream()
        .boxed();
    let mut listed = BTreeMap::new();
    loop {
        let event = match events.try_next().await {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(?kind, namespace, %error, "watch failed, trying again");
                continue;
            }
        };
        let tell = |object: Value, before: Option<Value>| {
            drop(changes.send(Change {
                kind,
                namespace: namespace.clone(),
                object,
                before,
            }));
        };
        match event {
            watcher::Event::Init => listed.clear(),
            watcher::Event::InitApply(object) => {
                let name = object.name_any();
                listed.insert(name, pruned(object, kind));
            }
            watcher::Event::InitDone => {
                let before = cache.replace(kind, &namespace, &listed);
                for (name, object) in std::mem::take(&mut listed) {
                    tell(object, before.get(&name).map(Text::read));
                }
                // Whichever list ends last completes the namespace, and somebody may wait for just that.
                tell(Value::Null, None);
            }
            watcher::Event::Apply(object) => {
                let name = object.name_any();
                let object = pruned(object, kind);
                let before = cache.put(kind, &namespace, name, &object);
                tell(object, before);
            }
            watcher::Event::Delete(object) => {
                let before = cache.remove(kind, &namespace, &object.name_any());
                tell(pruned(object, kind), before);
            }
        }
    }
}

fn pruned(mut object: DynamicObject, kind: Kind) -> Value {
    object.metadata.managed_fields = None;
    let resource = kind.resource();
    // Items of a list carry no type of their own.
    object.types = Some(kube::core::TypeMeta {
        api_version: resource.api_version,
        kind: resource.kind,
    });
    serde_json::to_value(object).unwrap_or_default()
}
