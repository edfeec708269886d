//! The ConfigMaps and Secrets that pods read: where a template names them, what their data is worth, and primary's copies.

mod checksum;
mod places;

use super::marks::{copied, prefix_matches};
use super::revision;
use crate::api::labels;
pub use checksum::checksum;
pub(super) use checksum::short_sha;
pub use places::{references, restored, rewritten};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The two kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConfigKind {
    /// ConfigMap of the API version `v1`.
    ConfigMap,
    /// Secret of the API version `v1`.
    Secret,
}

impl ConfigKind {
    /// Both kinds of configs.
    pub const ALL: [Self; 2] = [Self::ConfigMap, Self::Secret];

    /// The kind as Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }

    fn letter(self) -> char {
        match self {
            Self::ConfigMap => revision::CONFIG_MAPS,
            Self::Secret => revision::SECRETS,
        }
    }
}

/// One ConfigMap or Secret of the target's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// ConfigMap or Secret.
    pub kind: ConfigKind,
    /// Name of the object.
    pub name: String,
}

impl Reference {
    /// Its key in `status.trackedConfigs`, Flagger's: `configmap/NAME` or `secret/NAME`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.kind.as_str().to_lowercase(), self.name)
    }

    /// Reads such a key.
    pub fn parse(key: &str) -> Option<Self> {
        let (kind, name) = key.split_once('/')?;
        let kind = ConfigKind::ALL
            .into_iter()
            .find(|k| k.as_str().to_lowercase() == kind)?;
        Some(Self {
            kind,
            name: name.to_owned(),
        })
    }

    /// What it is the copy of, by its name.
    pub fn original(&self) -> Option<Self> {
        let name = self.name.strip_suffix("-primary").filter(|name| !name.is_empty())?;
        Some(Self {
            kind: self.kind,
            name: name.to_owned(),
        })
    }

    /// The copy that primary reads.
    pub fn copy(&self) -> Self {
        Self {
            kind: self.kind,
            name: format!("{}-primary", self.name),
        }
    }
}

/// For people: `ConfigMap NAME`.
impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

/// Types of Secrets that are tracked; the others (tokens, registry credentials) stay shared, as with Flagger.
const TRACKED_TYPES: [&str; 4] = [
    "Opaque",
    "kubernetes.io/basic-auth",
    "kubernetes.io/ssh-auth",
    "kubernetes.io/tls",
];

/// Whether an object takes part: not opted out by its annotation, and of a type that holds an app's own data.
pub fn is_tracked(object: &Value) -> bool {
    let opted_out = object
        .get("metadata")
        .and_then(|m| m.get("annotations")?.get(labels::CONFIG_TRACKING)?.as_str())
        .is_some_and(|value| value.starts_with("disable"));
    let kind = object.get("type").and_then(Value::as_str);
    !opted_out && kind.is_none_or(|kind| TRACKED_TYPES.contains(&kind))
}

/// Most configs of one template that are tracked; further ones stay shared.
pub const MOST: usize = 256;
/// Most bytes of data that the tracked configs of one template have together: they are in memory when they are copied.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;

/// How many bytes of data an object has.
pub fn size(object: &Value) -> usize {
    let maps = ["data", "binaryData"].map(|member| object.get(member).and_then(Value::as_object));
    let entries = maps.into_iter().flatten().flatten();
    entries
        .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
        .sum()
}

/// The revision of a template whose pods read what `tracked` says (checksums by reference), as far as `kinds` are read.
pub fn revision_of(
    template_hash: &str,
    named: &BTreeMap<Reference, bool>,
    tracked: &BTreeMap<Reference, String>,
    kinds: &[ConfigKind],
) -> String {
    let mut digests = Vec::new();
    for kind in kinds {
        if !named.keys().any(|reference| reference.kind == *kind) {
            continue;
        }
        let mut text = String::new();
        for (reference, checksum) in tracked.iter().filter(|(reference, _)| reference.kind == *kind) {
            let _ = writeln!(text, "{}={checksum}", reference.name);
        }
        digests.push((kind.letter(), short_sha(&text)));
    }
    revision::revision(template_hash, &digests)
}

/// The copy of `original` that primary reads: its data, type and annotations, with `owners`.
///
/// Never `immutable`: a kubelet serves an immutable config from its cache for as long as any pod of its node names it, so
/// primary's new pods would read the old data under the same name.
pub fn copy(original: &Value, of: &Reference, owners: &[Value], label_prefixes: &[String]) -> Value {
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), json!("v1"));
    object.insert("kind".to_owned(), json!(of.kind.as_str()));
    for field in ["data", "binaryData", "type"] {
        if let Some(value) = original.get(field) {
            object.insert(field.to_owned(), value.clone());
        }
    }
    let mut object_labels = copied(original.pointer("/metadata/labels"), |key| {
        prefix_matches(label_prefixes, key)
    });
    object_labels.insert(labels::MANAGED_BY.to_owned(), json!(labels::MANAGED_BY_FLAGGER));
    let annotations = copied(original.pointer("/metadata/annotations"), |_| true);
    object.insert(
        "metadata".to_owned(),
        json!({
            "name": of.copy().name,
            "namespace": original.pointer("/metadata/namespace"),
            "labels": object_labels,
            "annotations": annotations,
            "ownerReferences": owners,
        }),
    );
    Value::Object(object)
}

#[cfg(test)]
mod tests;
