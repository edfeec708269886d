//! The ConfigMaps and Secrets that pods read: where a template names them, what their data is worth, and primary's copies.

use super::marks::copied;
use super::{prefix_matches, revision};
use crate::api::labels;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The two kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConfigKind {
    /// v1 ConfigMap.
    ConfigMap,
    /// v1 Secret.
    Secret,
}

impl ConfigKind {
    /// Both.
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
    /// Which kind.
    pub kind: ConfigKind,
    /// Its name.
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

// A place in a pod template that names one.
struct Place {
    of: Reference,
    optional: bool,
    // JSON pointer of the name, in the template.
    at: String,
}

/// What a pod template (`{metadata, spec}`) names, and whether pods start without it: every mention is `optional`.
///
/// Credentials that are no data of the app's are left out: imagePullSecrets, and those of volume drivers.
pub fn references(template: &Value) -> BTreeMap<Reference, bool> {
    let mut found = BTreeMap::new();
    for place in places(template) {
        let optional = found.entry(place.of).or_insert(true);
        *optional = *optional && place.optional;
    }
    found
}

/// The template with every mention of a tracked one replaced by its copy's name.
pub fn rewritten(template: &Value, tracked: &BTreeSet<Reference>) -> Value {
    let mut out = template.clone();
    for place in places(template) {
        if tracked.contains(&place.of)
            && let Some(name) = out.pointer_mut(&place.at)
        {
            *name = json!(place.of.copy().name);
        }
    }
    out
}

/// Undoes [`rewritten`].
pub fn restored(template: &Value, tracked: &BTreeSet<Reference>) -> Value {
    let originals: BTreeMap<Reference, &Reference> = tracked.iter().map(|of| (of.copy(), of)).collect();
    let mut out = template.clone();
    for place in places(template) {
        if let Some(original) = originals.get(&place.of)
            && let Some(name) = out.pointer_mut(&place.at)
        {
            *name = json!(original.name);
        }
    }
    out
}

fn places(template: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    each(template, "/spec/volumes", &mut |volume, at| {
        named(volume, at, "configMap", ConfigKind::ConfigMap, "name", &mut found);
        named(volume, at, "secret", ConfigKind::Secret, "secretName", &mut found);
        each(volume, "/projected/sources", &mut |source, inner| {
            let at = format!("{at}{inner}");
            named(source, &at, "configMap", ConfigKind::ConfigMap, "name", &mut found);
            named(source, &at, "secret", ConfigKind::Secret, "name", &mut found);
        });
    });
    for containers in ["containers", "initContainers", "ephemeralContainers"] {
        each(template, &format!("/spec/{containers}"), &mut |container, at| {
            of_container(container, at, &mut found);
        });
    }
    found
}

fn of_container(container: &Value, at: &str, found: &mut Vec<Place>) {
    each(container, "/env", &mut |variable, inner| {
        let Some(source) = variable.get("valueFrom") else {
            return;
        };
        let at = format!("{at}{inner}/valueFrom");
        named(source, &at, "configMapKeyRef", ConfigKind::ConfigMap, "name", found);
        named(source, &at, "secretKeyRef", ConfigKind::Secret, "name", found);
    });
    each(container, "/envFrom", &mut |source, inner| {
        let at = format!("{at}{inner}");
        named(source, &at, "configMapRef", ConfigKind::ConfigMap, "name", found);
        named(source, &at, "secretRef", ConfigKind::Secret, "name", found);
    });
}

// The items of a list, each with its JSON pointer from `of`.
fn each(of: &Value, list: &str, visit: &mut dyn FnMut(&Value, &str)) {
    let items = of.pointer(list).and_then(Value::as_array).into_iter().flatten();
    for (index, item) in items.enumerate() {
        visit(item, &format!("{list}/{index}"));
    }
}

fn named(holder: &Value, at: &str, member: &str, kind: ConfigKind, key: &str, found: &mut Vec<Place>) {
    let Some(source) = holder.get(member) else { return };
    let Some(name) = source.get(key).and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return;
    };
    found.push(Place {
        of: Reference {
            kind,
            name: name.to_owned(),
        },
        optional: source.get("optional").and_then(Value::as_bool).unwrap_or(false),
        at: format!("{at}/{member}/{key}"),
    });
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

/// Flagger's checksum of a ConfigMap or Secret: the first 8 bytes, in hex, of SHA-256 over `.data` as Go writes JSON.
/// `binaryData`, which Flagger does not look at, counts where there is any.
pub fn checksum(object: &Value) -> String {
    let mut sum = Sha256::new();
    match object.get("data").filter(|data| !data.is_null()) {
        Some(data) => go_json(data, &mut sum),
        None => sum.update("null"),
    }
    let binary = object.get("binaryData");
    if let Some(binary) = binary.filter(|b| b.as_object().is_some_and(|b| !b.is_empty())) {
        go_json(binary, &mut sum);
    }
    short(sum)
}

/// The first 8 bytes of SHA-256 of a text, in hex.
pub(super) fn short_sha(text: &str) -> String {
    short(Sha256::new_with_prefix(text))
}

fn short(sum: Sha256) -> String {
    sum.finalize().iter().take(8).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

// A map of strings as `encoding/json` writes it: sorted, and safe to stand in HTML. It may have a megabyte, so it is
// written nowhere.
fn go_json(map: &Value, sum: &mut Sha256) {
    let sorted: BTreeMap<&String, &Value> = map.as_object().into_iter().flatten().collect();
    // What is written is text, and a hash takes all of it.
    let _ = serde_json::to_writer(Html(sum), &sorted);
}

struct Html<'a>(&'a mut Sha256);

impl std::io::Write for Html<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut rest = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        let special = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        while let Some(at) = rest.find(special) {
            let (before, behind) = rest.split_at(at);
            self.0.update(before);
            let mut characters = behind.chars();
            if let Some(c) = characters.next() {
                self.0.update(format!("\\u{:04x}", u32::from(c)));
            }
            rest = characters.as_str();
        }
        self.0.update(rest);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
