//! The watch of one kind in one namespace, which fills the cache and tells of every change.

use super::{
    Cache, Change, Kind,
    shelf::{Objects, Text},
};
use crate::{api::labels::LAST_APPLIED, controller::watch::configs::summary};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use kube::{
    Api, Client, ResourceExt,
    core::{DynamicObject, PartialObjectMeta},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::sync::{SemaphorePermit, mpsc::Sender};

/// A list that takes longer lets others begin.
pub const LONG_LIST: Duration = Duration::from_secs(30);
/// How often it is looked whether a right that was missing is there.
pub const RIGHTS_PAUSE: Duration = Duration::from_secs(300);
/// How often it is looked whether a kind is served whose definition is there: a new one is not at once.
const DEFINITION_PAUSE: Duration = Duration::from_secs(10);

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
            Err(error) => {
                let Some((why, pause)) = unreadable(kind, &error) else {
                    tracing::warn!(?kind, namespace, %error, "watch failed, trying again");
                    continue;
                };
                tracing::warn!(?kind, namespace, "{why}; going on as if there were none");
                cache.forbid(kind, &namespace);
                tell(Value::Null, None).await;
                tokio::time::sleep(pause).await;
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

// Why a kind that can be done without cannot be read, and when it is looked at again.
fn unreadable(kind: Kind, error: &watcher::Error) -> Option<(&'static str, Duration)> {
    let (watcher::Error::InitialListFailed(error)
    | watcher::Error::WatchStartFailed(error)
    | watcher::Error::WatchFailed(error)) = error
    else {
        return None;
    };
    let kube::Error::Api(status) = error else { return None };
    match (status.code, kind) {
        (403, kind) if kind.is_dispensable() => Some(("may not be listed", RIGHTS_PAUSE)),
        // Its definition is there, and serves another version than the one we read, or none yet.
        (404, Kind::Route(_)) => Some(("is not served in the version that is read", DEFINITION_PAUSE)),
        _ => None,
    }
}
