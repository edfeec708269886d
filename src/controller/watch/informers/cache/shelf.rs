//! The objects of one namespace, at rest.

use super::{Kind, index_keys::index_keys, unlisted::Unlisted};
use crate::object::{text, version};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// How long what was read of a config counts although the watch tells of an older version: its event is on the way. For
/// ever, it would be one from before a restore.
pub const ON_ITS_WAY: Duration = Duration::from_secs(15);

/// Objects of one kind, by name.
pub type Objects = BTreeMap<String, Text>;

/// An object at rest.
#[derive(Debug, Clone)]
pub struct Text(pub(super) Arc<str>);

impl Text {
    /// Puts it to rest.
    pub fn of(object: &Value) -> Self {
        Self(object.to_string().into())
    }

    /// As a value.
    pub fn read(&self) -> Value {
        // What was written a moment ago is readable.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// The objects of one namespace.
#[derive(Debug, Default)]
pub struct Shelf {
    /// Objects by kind and name.
    pub objects: HashMap<Kind, Objects>,
    /// What was read of configs, and when.
    pub read: HashMap<(Kind, String), (Text, Instant)>,
    /// Names of the objects that have a [`index_keys`] key.
    pub indexed: HashMap<(Kind, String), BTreeSet<String>>,
    /// Kinds that are watched.
    pub expected: Vec<Kind>,
    /// Kinds that have been listed once.
    pub complete: Vec<Kind>,
    /// Kinds that we may not read.
    pub forbidden: Vec<Kind>,
    /// Kinds of which every list has failed so far.
    pub unlisted: HashMap<Kind, Unlisted>,
}

impl Shelf {
    /// Whether nobody waits for a kind any more but those who need it, or it has been listed once.
    pub fn is_settled(&self, kind: Kind) -> bool {
        let unlisted = self.unlisted.get(&kind);
        self.complete.contains(&kind) || kind.is_for_some() && unlisted.is_some_and(Unlisted::is_late)
    }

    /// Takes an object in; `text` is what it is as a text. Answers what it was before.
    pub fn put(&mut self, kind: Kind, name: String, object: &Value, text: Text) -> Option<Value> {
        let before = self.remove(kind, &name);
        for key in index_keys(kind, object) {
            self.indexed.entry((kind, key)).or_default().insert(name.clone());
        }
        self.objects.entry(kind).or_default().insert(name, text);
        before
    }

    /// What was read of a config, while it is what there is.
    pub fn what_was_read(&self, kind: Kind, name: &str) -> Option<&Text> {
        let known = self.objects.get(&kind)?.get(name)?.read();
        let (read, since) = self.read.get(&(kind, name.to_owned()))?;
        let version = |object: &Value| version(Some(text(object, "/metadata/resourceVersion")));
        let of = read.read();
        let same = text(&of, "/metadata/resourceVersion") == text(&known, "/metadata/resourceVersion");
        let later = version(&of) > version(&known) && since.elapsed() < ON_ITS_WAY;
        (same || later).then_some(read)
    }

    /// Takes an object out. Answers what it was.
    pub fn remove(&mut self, kind: Kind, name: &str) -> Option<Value> {
        let before = self.objects.get_mut(&kind)?.remove(name)?.read();
        for key in index_keys(kind, &before) {
            let key = (kind, key);
            if let Some(names) = self.indexed.get_mut(&key) {
                names.remove(name);
                if names.is_empty() {
                    self.indexed.remove(&key);
                }
            }
        }
        Some(before)
    }
}
