//! The objects of the namespaces we work in, kept by watches, looked up by namespace and name or by their index keys.
//!
//! Everything is JSON: unknown fields of a target must reach primary. managedFields are dropped on arrival, and so is what
//! kubectl applied last: they are the larger part of many objects and nobody here reads them. Of ConfigMaps and Secrets
//! only metadata is asked for. Objects rest as text: as values they take eight times the
//! memory, and a step that changes a copy would have to make one anyway.

pub mod index_keys;
mod kind;
mod shelf;
mod summary;
mod unlisted;
mod watching;

use crate::telemetry::WatchFailures;
use index_keys::index_keys;
pub use kind::Kind;
use parking_lot::RwLock;
use serde_json::Value;
use shelf::{Objects, Shelf, Text};
use std::collections::HashMap;
pub use summary::summary;
use tokio::{sync::Semaphore, time::Instant};
pub use unlisted::Unlisted;
pub use watching::watch;

/// Lists that are under way at once, of all kinds and namespaces; besides one of those that failed before.
const LISTS: usize = 4;

/// Most changes that wait to be heard.
pub const CHANGES: usize = 64;

/// One object changed.
#[derive(Debug, Clone)]
pub struct Change {
    /// Kind of the object.
    pub kind: Kind,
    /// Namespace of the object.
    pub namespace: String,
    /// The object as it is, or was when it was deleted.
    pub object: Value,
    /// The object as it was known before.
    pub before: Option<Value>,
}

impl Change {
    /// The index keys of the object, before and now.
    pub fn index_keys(&self) -> Vec<String> {
        let mut keys = index_keys(self.kind, &self.object);
        if let Some(before) = &self.before {
            keys.extend(index_keys(self.kind, before));
        }
        keys
    }
}

/// The cache of all namespaces we work in.
#[derive(Debug)]
pub struct Cache {
    shelves: RwLock<HashMap<String, Shelf>>,
    lists: Semaphore,
    again: Semaphore,
    failures: WatchFailures,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            shelves: RwLock::default(),
            lists: Semaphore::new(LISTS),
            again: Semaphore::new(LISTS),
            failures: WatchFailures::default(),
        }
    }
}

impl Cache {
    /// An empty cache, whose watches are counted when they fail.
    pub fn counting(failures: WatchFailures) -> Self {
        Self {
            failures,
            ..Self::default()
        }
    }

    /// How many namespaces there are of which not every kind that is watched has been listed yet.
    pub fn incomplete(&self) -> usize {
        let shelves = self.shelves.read();
        let unread = |shelf: &&Shelf| shelf.expected.iter().any(|kind| !shelf.complete.contains(kind));
        shelves.values().filter(unread).count()
    }

    /// The object of that kind and name; `None` where the cache has none.
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

    /// The objects of a kind in a namespace that have this [`index_keys`] key.
    pub fn indexed(&self, kind: Kind, namespace: &str, key: &str) -> Vec<Value> {
        let found = self.with(namespace, |shelf| {
            let names = shelf.indexed.get(&(kind, key.to_owned())).into_iter().flatten();
            let objects = shelf.objects.get(&kind);
            names.filter_map(|name| objects?.get(name).cloned()).collect()
        });
        read(found)
    }

    /// The names of those objects, which need not be read for it.
    pub fn named_by(&self, kind: Kind, namespace: &str, key: &str) -> Vec<String> {
        let found = self.with(namespace, |shelf| {
            let names = shelf.indexed.get(&(kind, key.to_owned())).into_iter().flatten();
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
        shelf.indexed.retain(|(kind, _), _| kinds.contains(kind));
        shelf.read.retain(|(kind, _), _| kinds.contains(kind));
        shelf.unlisted.retain(|kind, _| kinds.contains(kind));
    }

    /// Whether every kind that is watched in the namespace has been listed once. One that only some Canaries need is not
    /// waited for when its lists keep failing: see [`Self::unlisted`].
    pub fn complete(&self, namespace: &str) -> bool {
        self.shelves.read().get(namespace).is_some_and(|shelf| {
            !shelf.expected.is_empty() && shelf.expected.iter().all(|kind| shelf.is_settled(*kind))
        })
    }

    /// Whether all that there is of a kind is known there.
    pub fn reads(&self, kind: Kind, namespace: &str) -> bool {
        let known = self.with(namespace, |shelf| {
            shelf.complete.contains(&kind) && !shelf.forbidden.contains(&kind)
        });
        known.unwrap_or(false)
    }

    /// Whether we may not read a kind there; to us, there is none.
    pub fn forbidden(&self, kind: Kind, namespace: &str) -> bool {
        self.shelves
            .read()
            .get(namespace)
            .is_some_and(|shelf| shelf.forbidden.contains(&kind))
    }

    // Answers whether it could be read before.
    fn forbid(&self, kind: Kind, namespace: &str) -> bool {
        if self.forbidden(kind, namespace) {
            return false;
        }
        self.replace(kind, namespace, &Objects::new());
        if let Some(shelf) = self.shelves.write().get_mut(namespace) {
            shelf.forbidden.push(kind);
        }
        true
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
        shelf.indexed.retain(|(of, _), _| *of != kind);
        shelf.forbidden.retain(|other| *other != kind);
        shelf.unlisted.remove(&kind);
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

#[cfg(test)]
mod tests;
