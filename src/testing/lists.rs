//! Lists and watches.

use super::{
    address::{Address, Query},
    store::{Answer, Event, Store, failure},
};
use futures::{Stream, stream};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;

/// How an object of a list or watch is shown: whole, or only its metadata.
fn shown(object: &Value, at: &Address, bare: bool, listed: bool) -> Value {
    if bare {
        return json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
        });
    }
    let mut object = object.clone();
    if listed && at.is_built_in() {
        for member in ["apiVersion", "kind"] {
            object.as_object_mut().unwrap().remove(member);
        }
    }
    object
}

impl Store {
    /// A page of a list.
    pub fn list(&self, at: &Address, query: &Query, bare: bool) -> Answer {
        if query.get("labelSelector").is_some() {
            return failure(501, "label selectors are not built");
        }
        let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
        let (from, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(usize::MAX));
        let all: Vec<Value> = self
            .iter()
            .filter(|(path, object)| at.holds(path) && query.selects(object))
            .map(|(_, object)| shown(object, at, bare, true))
            .collect();
        let to = from.saturating_add(limit).min(all.len());
        let next = if to < all.len() { to.to_string() } else { String::new() };
        let metadata = json!({"resourceVersion": self.version.to_string(), "continue": next});
        let items = all.get(from..to).unwrap_or_default();
        (
            200,
            json!({"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": items}),
        )
    }

    fn after(&self, version: u64, at: &Address, query: &Query) -> Option<&Event> {
        let concerns = |event: &&Event| at.holds(&event.path) && query.selects(&event.object);
        self.events
            .iter()
            .filter(|event| event.version > version)
            .find(concerns)
    }
}

/// What happens to the objects of a list from a version on, until the watches are broken or have missed something.
pub fn watch(store: Arc<Mutex<Store>>, at: Address, query: Query, bare: bool) -> impl Stream<Item = Value> {
    let (pulse, breaks, now) = {
        let store = store.lock();
        (store.pulse(), store.breaks, store.version)
    };
    let from = query.get("resourceVersion").and_then(|text| text.parse().ok());
    let begin = (store, pulse, Some(from.unwrap_or(now)));
    stream::unfold(begin, move |(store, mut pulse, from)| {
        let (at, query) = (at.clone(), query.clone());
        async move {
            let from = from?;
            loop {
                {
                    let known = store.lock();
                    if from < known.oldest {
                        let (_, status) = failure(410, "too old resource version");
                        drop(known);
                        return Some((json!({"type": "ERROR", "object": status}), (store, pulse, None)));
                    }
                    if let Some(event) = known.after(from, &at, &query) {
                        let object = shown(&event.object, &at, bare, false);
                        let (line, version) = (json!({"type": event.kind, "object": object}), event.version);
                        drop(known);
                        return Some((line, (store, pulse, Some(version))));
                    }
                    if known.breaks != breaks {
                        return None;
                    }
                }
                pulse.changed().await.ok()?;
            }
        }
    })
}
