//! The watch of one kind in one namespace, which fills the cache and tells of every change.

use super::{
    Cache, Change, Kind,
    shelf::{Objects, Text},
    summary::{by_pods, summary},
    unlisted::PATIENCE,
};
use crate::{
    api::labels::{LAST_APPLIED, ORIGINAL_CONFIGURATION},
    watched::{LOOK_AGAIN, pause, refusal, words},
};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use kube::{
    Api, Client, ResourceExt,
    core::{DynamicObject, PartialObjectMeta},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::{SemaphorePermit, mpsc::Sender},
    time::Instant,
};

/// A list that takes longer lets others begin.
pub const LONG_LIST: Duration = Duration::from_secs(30);
/// One that fails after longer than this keeps others waiting.
const SLOW_LIST: Duration = Duration::from_secs(5);
/// What is said of it.
const UNANSWERED: &str = "the API server does not answer";
/// A kind whose definition is there is served a moment later.
const DEFINITION_PAUSE: Duration = Duration::from_secs(1);
/// After the second list that failed; after each other one twice as long.
const LIST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Watches one kind in one namespace for as long as it is polled, telling `changes` of every change.
pub async fn watch(client: Client, cache: Arc<Cache>, kind: Kind, namespace: String, changes: Sender<Change>) {
    let mut events = events(client, kind, &namespace);
    let watching = Watching {
        cache: &cache,
        kind,
        namespace: &namespace,
        changes: &changes,
    };
    let mut listed = Objects::new();
    // Held while a list is under way.
    let mut turn = None;
    let mut failed_lists = FailedLists::default();
    let mut began = Instant::now();
    loop {
        let Some(event) = next(&mut events, &mut turn).await else {
            failed_lists.slow = true;
            watching.could_not_list(failed_lists.since, UNANSWERED).await;
            continue;
        };
        match event {
            Ok(Some(watcher::Event::Init)) => {
                listed.clear();
                turn = watching.turn(failed_lists.begin()).await;
                began = Instant::now();
            }
            Ok(Some(watcher::Event::InitApply(object))) => {
                let name = object.name_any();
                listed.insert(name, Text::of(&pruned(object, kind)));
            }
            Ok(Some(watcher::Event::InitDone)) => {
                (turn, failed_lists) = (None, FailedLists::default());
                watching.replace(std::mem::take(&mut listed)).await;
            }
            Ok(Some(watcher::Event::Apply(object))) => watching.put(object).await,
            Ok(Some(watcher::Event::Delete(object))) => watching.remove(object).await,
            Ok(None) => return,
            Err(error) => {
                turn = None;
                failed_lists.slow |= failed_lists.since.is_some() && began.elapsed() >= SLOW_LIST;
                watching.failed(&error, failed_lists).await;
                failed_lists.errors = failed_lists.errors.saturating_add(1);
            }
        }
    }
}

// Lists that failed one after the other: since when the first of them has begun, if any has, and how many errors there
// were. `slow` says that one of them kept others waiting.
#[derive(Debug, Clone, Copy, Default)]
struct FailedLists {
    since: Option<Instant>,
    errors: u32,
    slow: bool,
}

impl FailedLists {
    // Another list begins. Answers whether one before it failed and was slow.
    fn begin(&mut self) -> bool {
        if self.since.is_none() {
            *self = Self {
                since: Some(Instant::now()),
                ..Self::default()
            };
        }
        self.slow
    }

    // How long to wait after a list that failed, besides the pause of the watcher, which begins anew with each list.
    fn pause(self) -> Duration {
        let before = self.errors.checked_sub(1).filter(|_| self.since.is_some());
        before.map_or(Duration::ZERO, |errors| pause(LIST_PAUSE, errors).min(LONGEST_PAUSE))
    }
}

// What becomes of the events of one watch.
#[derive(Clone, Copy)]
struct Watching<'a> {
    cache: &'a Cache,
    kind: Kind,
    namespace: &'a str,
    changes: &'a Sender<Change>,
}

impl<'a> Watching<'a> {
    // The turn to list. Whoever's list has failed, and slowly, stands in a line of its own: lists that nobody answers keep only
    // each other waiting. In it, those who can do without the kind need not wait for longer than if they saw it fail.
    async fn turn(self, again: bool) -> Option<SemaphorePermit<'a>> {
        if !again {
            return self.cache.lists.acquire().await.ok();
        }
        let mut turn = pin!(self.cache.again.acquire());
        loop {
            if let Ok(turn) = tokio::time::timeout(PATIENCE, turn.as_mut()).await {
                return turn.ok();
            }
            if self.cache.waits_to_list(self.kind, self.namespace) {
                self.tell(Value::Null, None).await;
            }
        }
    }

    // Whoever hears of changes is not buried in them: a watch waits.
    async fn tell(self, object: Value, before: Option<Value>) {
        let change = Change {
            kind: self.kind,
            namespace: self.namespace.to_owned(),
            object,
            before,
        };
        drop(self.changes.send(change).await);
    }

    async fn replace(self, listed: Objects) {
        let before = self.cache.replace(self.kind, self.namespace, &listed);
        for (name, object) in listed {
            self.tell(object.read(), before.get(&name).map(Text::read)).await;
        }
        // Whichever list ends last completes the namespace, and somebody may wait for just that.
        self.tell(Value::Null, None).await;
    }

    async fn put(self, object: DynamicObject) {
        let name = object.name_any();
        let object = pruned(object, self.kind);
        let before = self.cache.put(self.kind, self.namespace, name, &object);
        if before.as_ref() != Some(&object) {
            self.tell(object, before).await;
        }
    }

    async fn remove(self, object: DynamicObject) {
        let before = self.cache.remove(self.kind, self.namespace, &object.name_any());
        self.tell(pruned(object, self.kind), before).await;
    }

    // What can be done without counts as empty while it may not be read, or is not served.
    async fn failed(self, error: &watcher::Error, failed_lists: FailedLists) {
        let Self {
            cache, kind, namespace, ..
        } = self;
        let Some((why, pause)) = unreadable(kind, error, failed_lists.errors) else {
            tracing::warn!(?kind, namespace, %error, "watch failed, trying again");
            cache.failures.count(&kind.resource().kind);
            self.could_not_list(failed_lists.since, &words(error)).await;
            return tokio::time::sleep(failed_lists.pause()).await;
        };
        if cache.forbid(kind, namespace) {
            tracing::warn!(?kind, namespace, "{why}; going on as if there were none");
            self.tell(Value::Null, None).await;
        }
        tokio::time::sleep(pause).await;
    }

    // Anything else may pass, and says nothing of what there is: whoever can do without it goes on after a while, and who
    // cannot says why.
    async fn could_not_list(self, since: Option<Instant>, why: &str) {
        let Some(since) = since else { return };
        if self.cache.could_not_list(self.kind, self.namespace, (since, why)) {
            self.tell(Value::Null, None).await;
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

// The next event. Whoever lists for long, because the API server does not answer, lets others list: once, there is none then.
async fn next(
    events: &mut Events,
    turn: &mut Option<SemaphorePermit<'_>>,
) -> Option<watcher::Result<Option<watcher::Event<DynamicObject>>>> {
    if turn.is_none() {
        return Some(events.try_next().await);
    }
    let next = tokio::time::timeout(LONG_LIST, events.try_next()).await;
    if next.is_err() {
        *turn = None;
    }
    next.ok()
}

fn pruned(mut object: DynamicObject, kind: Kind) -> Value {
    object.metadata.managed_fields = None;
    if let Some(annotations) = &mut object.metadata.annotations {
        let applied = annotations.remove(LAST_APPLIED);
        // That there is one tells how old what Flagger keeps is.
        if applied.is_some() && annotations.contains_key(ORIGINAL_CONFIGURATION) {
            annotations.insert(LAST_APPLIED.to_owned(), String::new());
        }
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
    match kind {
        _ if kind.is_config() => summary(&object),
        Kind::StatefulSet => by_pods(&object),
        _ => object,
    }
}

// Why a kind that can be done without cannot be read, and when it is looked at again.
fn unreadable(kind: Kind, error: &watcher::Error, looks: u32) -> Option<(&'static str, Duration)> {
    match (refusal(error)?, kind) {
        (403, kind) if kind.is_dispensable() => Some(("may not be listed", LOOK_AGAIN)),
        // Its definition is there, and serves another version than the one we read, or none yet.
        (404, Kind::Route(_)) => Some((
            "is not served in the version that is read",
            pause(DEFINITION_PAUSE, looks),
        )),
        _ => None,
    }
}
