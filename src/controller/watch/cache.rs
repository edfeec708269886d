//! The objects of the namespaces we work in, kept by watches, looked up by namespace and name or by what ties them.
//!
//! Everything is JSON: unknown fields of a target must reach primary. managedFields are dropped on arrival, and so is what
//! kubectl applied last: they are the larger part of many objects and nobody here reads them. Of ConfigMaps and Secrets
//! only metadata is asked for. Objects rest as text: as values they take eight times the
//! memory, and a step that changes a copy would have to make one anyway.

use super::{
    configs::summary,
    live::{text, version},
    ties::ties,
};
use crate::{
    api::labels::LAST_APPLIED,
    plan::{ScalerKind, Workload},
    routing::{self, Provider, registry},
};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use kube::{
    Api, Client, ResourceExt,
    core::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta},
    runtime::{WatchStreamExt, watcher},
};
use parking_lot::RwLock;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit, mpsc::Sender},
    time::Instant,
};

/// The kinds that are watched in a namespace we work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// apps/v1 Deployment: targets and primaries.
    Deployment,
    /// apps/v1 ReplicaSet: the revisions of both.
    ReplicaSet,
    /// apps/v1 DaemonSet: targets and primaries too.
    DaemonSet,
    /// apps/v1 StatefulSet: never released, but one may stand behind a Service of those that are.
    StatefulSet,
    /// apps/v1 ControllerRevision: the revisions of DaemonSets.
    ControllerRevision,
    /// v1 Service.
    Service,
    /// discovery.k8s.io/v1 EndpointSlice: what data planes route to.
    EndpointSlice,
    /// A kind that carries traffic for some provider, where the cluster has it.
    Route(routing::Resource),
    /// v1 ConfigMap: those that pods read, and primary's copies. Kept without data.
    ConfigMap,
    /// v1 Secret: the same.
    Secret,
    /// autoscaling/v2 HorizontalPodAutoscaler: the user's and primary's.
    HorizontalPodAutoscaler,
    /// policy/v1 PodDisruptionBudget: the user's and primary's.
    PodDisruptionBudget,
    /// keda.sh/v1alpha1 ScaledObject, where KEDA is installed.
    ScaledObject,
}

impl Kind {
    /// Whether a pair can be made where objects of that kind may not be read, by a role of before, say: primaries share
    /// Secrets with their targets, and have no budgets of their own; what other providers than the first route by is read
    /// since they are built.
    fn is_dispensable(self) -> bool {
        match self {
            Self::Secret | Self::StatefulSet | Self::PodDisruptionBudget => true,
            Self::Route(route) => Provider::GATEWAY_API.kind().is_none_or(|kind| kind.resource() != route),
            _ => false,
        }
    }

    // Those that every cluster has, besides routes.
    const BUILT_IN: [Self; 11] = [
        Self::Deployment,
        Self::ReplicaSet,
        Self::DaemonSet,
        Self::StatefulSet,
        Self::ControllerRevision,
        Self::Service,
        Self::EndpointSlice,
        Self::ConfigMap,
        Self::Secret,
        Self::HorizontalPodAutoscaler,
        Self::PodDisruptionBudget,
    ];

    /// The kinds that carry traffic for any provider.
    pub fn routes() -> impl Iterator<Item = Self> {
        registry::kinds().map(|kind| Self::Route(kind.resource()))
    }

    /// Those that every cluster has.
    pub fn built_in() -> impl Iterator<Item = Self> {
        let routes = Self::routes().filter(|kind| kind.definition().is_none());
        Self::BUILT_IN.into_iter().chain(routes)
    }

    /// Those that exist only where somebody installed their definitions.
    pub fn optional() -> impl Iterator<Item = Self> {
        let routes = Self::routes().filter(|kind| kind.definition().is_some());
        routes.chain([Self::ScaledObject])
    }

    /// The kind of a route that a provider reads; `None` for any other object.
    pub fn of_route(route: &Value) -> Option<Self> {
        routing::kind_of(route).map(|kind| Self::Route(kind.resource()))
    }

    /// Name of its CustomResourceDefinition; `None` where every cluster has it.
    pub fn definition(self) -> Option<String> {
        match self {
            Self::Route(route) => route.definition(),
            Self::ScaledObject => Some("scaledobjects.keda.sh".to_owned()),
            _ => None,
        }
    }

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
            Self::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::ControllerRevision => ("apps", "v1", "ControllerRevision", "controllerrevisions"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::EndpointSlice => ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
            Self::Route(route) => (route.group, route.version, route.kind, route.plural),
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::Secret => ("", "v1", "Secret", "secrets"),
            Self::HorizontalPodAutoscaler => (
                "autoscaling",
                "v2",
                "HorizontalPodAutoscaler",
                "horizontalpodautoscalers",
            ),
            Self::PodDisruptionBudget => ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
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

    // Their status and version change with every look at the metrics, or at the pods, and nobody here reads either.
    fn changes_by_itself(self) -> bool {
        matches!(
            self,
            Self::HorizontalPodAutoscaler | Self::ScaledObject | Self::PodDisruptionBudget
        )
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

impl Kind {
    /// Whether it holds data of users that is not to be kept.
    pub fn is_config(self) -> bool {
        matches!(self, Self::ConfigMap | Self::Secret)
    }

    fn selection(self) -> watcher::Config {
        let paged = watcher::Config::default().page_size(PAGE);
        match self {
            // Of no interest, and many: releases of Helm, tokens.
            Self::Secret => paged.fields("type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token"),
            _ => paged,
        }
    }
}

/// Objects of one page of a list. Each may have more than a megabyte, and a page is in memory as a whole, as bytes and as
/// values.
pub const PAGE: u32 = 16;
/// Lists that are under way at once, of all kinds and namespaces.
const LISTS: usize = 4;
/// A list that takes longer lets others begin.
const LONG_LIST: Duration = Duration::from_secs(30);
/// How long what was read of a config counts although the watch tells of an older version: its event is on the way. For
/// ever, it would be one from before a restore.
const ON_ITS_WAY: Duration = Duration::from_secs(15);
/// How often it is looked whether a right that was missing is there.
const RIGHTS_PAUSE: Duration = Duration::from_secs(300);

/// Most changes that wait to be heard.
pub const CHANGES: usize = 64;

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
    read: HashMap<(Kind, String), (Text, Instant)>,
    tied: HashMap<(Kind, String), BTreeSet<String>>,
    expected: Vec<Kind>,
    complete: Vec<Kind>,
    forbidden: Vec<Kind>,
}

impl Shelf {
    // `text` is what the object is as a text.
    fn put(&mut self, kind: Kind, name: String, object: &Value, text: Text) -> Option<Value> {
        let before = self.remove(kind, &name);
        for tie in ties(kind, object) {
            self.tied.entry((kind, tie)).or_default().insert(name.clone());
        }
        self.objects.entry(kind).or_default().insert(name, text);
        before
    }

    // What was read of a config, while it is what there is.
    fn what_was_read(&self, kind: Kind, name: &str) -> Option<&Text> {
        let known = self.objects.get(&kind)?.get(name)?.read();
        let (read, since) = self.read.get(&(kind, name.to_owned()))?;
        let version = |object: &Value| version(Some(text(object, "/metadata/resourceVersion")));
        let of = read.read();
        let same = text(&of, "/metadata/resourceVersion") == text(&known, "/metadata/resourceVersion");
        let later = version(&of) > version(&known) && since.elapsed() < ON_ITS_WAY;
        (same || later).then_some(read)
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
#[derive(Debug)]
pub struct Cache {
    shelves: RwLock<HashMap<String, Shelf>>,
    lists: Semaphore,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            shelves: RwLock::default(),
            lists: Semaphore::new(LISTS),
        }
    }
}

impl Cache {
    /// One object.
    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Value> {
        let found = self.with(namespace, |shelf| shelf.objects.get(&kind)?.get(name).cloned());
        found.flatten().map(|text| text.read())
    }

    /// What was read of a config, if that is what there is.
    pub fn read(&self, kind: Kind, namespace: &str, name: &str) -> Option<Value> {
        let found = self.with(namespace, |shelf| shelf.what_was_read(kind, name).cloned());
        found.flatten().map(|text| text.read())
    }

    /// Whether there is a config that is to be read before anything can be said of its data.
    pub fn is_unread(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        self.has(kind, namespace, name) && self.read(kind, namespace, name).is_none()
    }

    /// Keeps what was read of a config, for as long as it is known.
    pub fn note_read(&self, kind: Kind, namespace: &str, name: &str, digest: &Value) {
        let mut shelves = self.shelves.write();
        if let Some(shelf) = shelves.get_mut(namespace)
            && shelf.objects.get(&kind).is_some_and(|all| all.contains_key(name))
        {
            let read = (Text::of(digest), Instant::now());
            shelf.read.insert((kind, name.to_owned()), read);
        }
    }

    /// Whether there is such an object.
    pub fn has(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        let found = self.with(namespace, |shelf| {
            shelf.objects.get(&kind).is_some_and(|all| all.contains_key(name))
        });
        found.unwrap_or(false)
    }

    /// All objects of a kind in a namespace, one by one: all of them as values at once may be more than there is memory.
    pub fn list(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = Value> + use<> {
        let found = self.with(namespace, |shelf| {
            let objects = shelf.objects.get(&kind);
            objects
                .into_iter()
                .flat_map(|all| all.values().cloned())
                .collect::<Vec<Text>>()
        });
        found.into_iter().flatten().map(|text| text.read())
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

    /// The names of those objects, which need not be read for it.
    pub fn named_by(&self, kind: Kind, namespace: &str, tie: &str) -> Vec<String> {
        let found = self.with(namespace, |shelf| {
            let names = shelf.tied.get(&(kind, tie.to_owned())).into_iter().flatten();
            names.cloned().collect()
        });
        found.unwrap_or_default()
    }

    // The lock is held for the look-up only: reading is the longer part.
    fn with<T>(&self, namespace: &str, look: impl FnOnce(&Shelf) -> T) -> Option<T> {
        self.shelves.read().get(namespace).map(look)
    }

    /// Says which kinds of a namespace are watched from now on; others are forgotten.
    pub fn expect(&self, namespace: &str, kinds: &[Kind]) {
        let mut shelves = self.shelves.write();
        let shelf = shelves.entry(namespace.to_owned()).or_default();
        shelf.expected = kinds.to_vec();
        shelf.complete.retain(|kind| kinds.contains(kind));
        shelf.objects.retain(|kind, _| kinds.contains(kind));
        shelf.tied.retain(|(kind, _), _| kinds.contains(kind));
        shelf.read.retain(|(kind, _), _| kinds.contains(kind));
    }

    /// Whether every kind that is watched in the namespace has been listed once.
    pub fn complete(&self, namespace: &str) -> bool {
        self.shelves.read().get(namespace).is_some_and(|shelf| {
            !shelf.expected.is_empty() && shelf.expected.iter().all(|k| shelf.complete.contains(k))
        })
    }

    /// Whether we may not read a kind there; to us, there is none.
    pub fn forbidden(&self, kind: Kind, namespace: &str) -> bool {
        self.shelves
            .read()
            .get(namespace)
            .is_some_and(|shelf| shelf.forbidden.contains(&kind))
    }

    fn forbid(&self, kind: Kind, namespace: &str) {
        self.replace(kind, namespace, &Objects::new());
        if let Some(shelf) = self.shelves.write().get_mut(namespace)
            && !shelf.forbidden.contains(&kind)
        {
            shelf.forbidden.push(kind);
        }
    }

    /// Forgets a namespace.
    pub fn forget(&self, namespace: &str) {
        self.shelves.write().remove(namespace);
    }

    pub(in crate::controller) fn put(
        &self,
        kind: Kind,
        namespace: &str,
        name: String,
        object: &Value,
    ) -> Option<Value> {
        let text = Text::of(object);
        let mut shelves = self.shelves.write();
        let shelf = shelves.entry(namespace.to_owned()).or_default();
        shelf.put(kind, name, object, text)
    }

    fn remove(&self, kind: Kind, namespace: &str, name: &str) -> Option<Value> {
        let mut shelves = self.shelves.write();
        let shelf = shelves.get_mut(namespace)?;
        shelf.read.remove(&(kind, name.to_owned()));
        shelf.remove(kind, name)
    }

    // A list that ends replaces what was known; what it did not name is gone. Answers what was known.
    fn replace(&self, kind: Kind, namespace: &str, objects: &Objects) -> Objects {
        let mut shelves = self.shelves.write();
        let shelf = shelves.entry(namespace.to_owned()).or_default();
        shelf.tied.retain(|(of, _), _| *of != kind);
        shelf.forbidden.retain(|other| *other != kind);
        let before = shelf.objects.remove(&kind).unwrap_or_default();
        shelf.objects.insert(kind, Objects::new());
        shelf
            .read
            .retain(|(of, name), _| *of != kind || objects.contains_key(name));
        for (name, object) in objects {
            shelf.put(kind, name.clone(), &object.read(), object.clone());
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
pub async fn watch(client: Client, cache: Arc<Cache>, kind: Kind, namespace: String, changes: Sender<Change>) {
    let mut events = events(client, kind, &namespace);
    let mut listed = Objects::new();
    // Whoever hears of changes is not buried in them: a watch waits.
    let tell = async |object: Value, before: Option<Value>| {
        let change = Change {
            kind,
            namespace: namespace.clone(),
            object,
            before,
        };
        drop(changes.send(change).await);
    };
    // Held while a list is under way.
    let mut turn = None;
    loop {
        let next = next(&mut events, &mut turn).await;
        if next.is_err() {
            turn = None;
        }
        let event = match next {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) if kind.is_dispensable() && is_forbidden(&error) => {
                tracing::warn!(?kind, namespace, "may not be listed; going on as if there were none");
                cache.forbid(kind, &namespace);
                tell(Value::Null, None).await;
                tokio::time::sleep(RIGHTS_PAUSE).await;
                continue;
            }
            Err(error) => {
                tracing::warn!(?kind, namespace, %error, "watch failed, trying again");
                continue;
            }
        };
        match event {
            watcher::Event::Init => {
                listed.clear();
                turn = cache.lists.acquire().await.ok();
            }
            watcher::Event::InitApply(object) => {
                let name = object.name_any();
                listed.insert(name, Text::of(&pruned(object, kind)));
            }
            watcher::Event::InitDone => {
                turn = None;
                let before = cache.replace(kind, &namespace, &listed);
                for (name, object) in std::mem::take(&mut listed) {
                    tell(object.read(), before.get(&name).map(Text::read)).await;
                }
                // Whichever list ends last completes the namespace, and somebody may wait for just that.
                tell(Value::Null, None).await;
            }
            watcher::Event::Apply(object) => {
                let name = object.name_any();
                let object = pruned(object, kind);
                let before = cache.put(kind, &namespace, name, &object);
                if before.as_ref() != Some(&object) {
                    tell(object, before).await;
                }
            }
            watcher::Event::Delete(object) => {
                let before = cache.remove(kind, &namespace, &object.name_any());
                tell(pruned(object, kind), before).await;
            }
        }
    }
}

type Events = BoxStream<'static, watcher::Result<watcher::Event<DynamicObject>>>;

fn events(client: Client, kind: Kind, namespace: &str) -> Events {
    if kind.is_config() {
        let api = Api::<PartialObjectMeta>::namespaced_with(client, namespace, &kind.resource());
        let events = watcher(api, kind.selection()).map_ok(|event| match event {
            watcher::Event::Init => watcher::Event::Init,
            watcher::Event::InitDone => watcher::Event::InitDone,
            watcher::Event::InitApply(object) => watcher::Event::InitApply(bare(object)),
            watcher::Event::Apply(object) => watcher::Event::Apply(bare(object)),
            watcher::Event::Delete(object) => watcher::Event::Delete(bare(object)),
        });
        return events.default_backoff().boxed();
    }
    let api = Api::<DynamicObject>::namespaced_with(client, namespace, &kind.resource());
    watcher(api, kind.selection()).default_backoff().boxed()
}

fn bare(object: PartialObjectMeta) -> DynamicObject {
    DynamicObject {
        types: None,
        metadata: object.metadata,
        data: Value::Null,
    }
}

// The next event. Whoever lists for long, because the API server does not answer, lets others list.
async fn next(
    events: &mut Events,
    turn: &mut Option<SemaphorePermit<'_>>,
) -> watcher::Result<Option<watcher::Event<DynamicObject>>> {
    if turn.is_some() {
        if let Ok(next) = tokio::time::timeout(LONG_LIST, events.try_next()).await {
            return next;
        }
        *turn = None;
    }
    events.try_next().await
}

fn pruned(mut object: DynamicObject, kind: Kind) -> Value {
    object.metadata.managed_fields = None;
    if let Some(annotations) = &mut object.metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
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
    let object = serde_json::to_value(object).unwrap_or_default();
    if kind.is_config() { summary(&object) } else { object }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(error)
    | watcher::Error::WatchStartFailed(error)
    | watcher::Error::WatchFailed(error)) = error
    else {
        return false;
    };
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

#[cfg(test)]
mod tests;
