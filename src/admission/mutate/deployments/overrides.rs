//! Canary pods on other nodes: reading what the author means, and writing what canary pods get.
//!
//! Everything the hold decides is decided on targets *as their author means them* ([`plain`], [`read`]); what canary pods
//! get is applied at the very end ([`apply`]). A run takes the fields that the Canary wants at the time its template is
//! admitted; every other write keeps those that are stored, so that a change of the Canary starts nothing.

use crate::admission::mutate::fields::{self, Mark, Path};
use crate::patches;
use crate::plan::workload::overrides::{self, ANNOTATION, Record};
use json_patch::PatchOperation;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

const SPEC: &str = "/spec/template/spec";
const TEMPLATE: &str = "/spec/template";

/// Which fields of canary pods the stored template has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Overrides {
    /// None: the pods of this template serve users, or it is nobody's target.
    #[default]
    Off,
    /// Those that are stored.
    Keep,
    /// Those that the Canary wants now.
    Current,
}

/// A stored target as its author means it.
pub(super) fn plain(object: &Value) -> Cow<'_, Value> {
    if !is_recorded(object) {
        return Cow::Borrowed(object);
    }
    let template = object.pointer(TEMPLATE).cloned().unwrap_or_default();
    let template = match Record::of(object) {
        Some(record) => record.restored(&template),
        None => template,
    };
    Cow::Owned(with_template(object, template))
}

/// What a request means: `new` as sent, with `old` as stored.
pub(super) fn read<'a>(old: &Value, new: &'a Value) -> Cow<'a, Value> {
    let template = || new.pointer(TEMPLATE).cloned().unwrap_or_default();
    let Some(record) = record(old, new) else {
        return match is_recorded(new) {
            true => Cow::Owned(with_template(new, template())),
            false => Cow::Borrowed(new),
        };
    };
    let template = template();
    let mut out = template.clone();
    for field in record.set.keys() {
        overrides::put(&mut out, field, author(&record, field, &template, old, new));
    }
    Cow::Owned(with_template(new, out))
}

// Whether it carries the record, readable or not.
fn is_recorded(object: &Value) -> bool {
    let annotations = object.pointer("/metadata/annotations");
    annotations.is_some_and(|all| all.get(ANNOTATION).is_some())
}

/// The record that explains the template sent. One that was left out with nothing else changed was not meant to go.
fn record(old: &Value, new: &Value) -> Option<Record> {
    let sent = |object: &Value, field: &str| object.pointer(SPEC).and_then(|spec| spec.get(field)).cloned();
    Record::of(new).or_else(|| {
        Record::of(old).filter(|record| record.set.keys().all(|field| sent(old, field) == sent(new, field)))
    })
}

/// The author's value of one field after the request.
///
/// A client-side apply says in its annotation what the manifest has; a server-side apply says it by what it owns, since
/// nobody owns these fields in a stored target: its manager is marked instead ([`Mark`]), and an applier that leaves the
/// field out is one that has lost its mark.
fn author(record: &Record, field: &str, template: &Value, old: &Value, new: &Value) -> Option<Value> {
    let (was, is) = (last_applied(old, field), last_applied(new, field));
    if let (Some(was), Some(is)) = (&was, &is)
        && was != is
    {
        return is.clone();
    }
    let path = ["spec", "template", "spec", field];
    let mark = mark_of(field);
    let sent = template.pointer("/spec").and_then(|spec| spec.get(field));
    let marked = fields::appliers(new, &mark_path(&mark));
    let claimed = fields::claims(new, &path);
    if claimed.is_empty() {
        let dropped = was_dropped(old, new, field);
        return if dropped { None } else { record.authors(template, field) };
    }
    let base = if marked.is_empty() {
        None
    } else {
        record.authors(template, field)
    };
    claimed
        .iter()
        .fold(base, |base, owned| fields::overlaid(base, sent, owned))
}

/// Whether the last applier that said `field` says it no more.
pub(in crate::admission) fn was_dropped(old: &Value, new: &Value, field: &str) -> bool {
    let mark = mark_of(field);
    let marked = |object| !fields::appliers(object, &mark_path(&mark)).is_empty();
    marked(old) && !marked(new) && fields::claims(new, &["spec", "template", "spec", field]).is_empty()
}

/// What the manifest that `kubectl apply` last recorded has; the outer `None` is for no record.
fn last_applied(object: &Value, field: &str) -> Option<Option<Value>> {
    let manifest = fields::last_manifest(object)?;
    let spec = manifest.pointer(SPEC);
    Some(
        spec.and_then(|spec| spec.get(field))
            .filter(|value| !value.is_null())
            .cloned(),
    )
}

fn with_template(object: &Value, template: Value) -> Value {
    let mut out = object.clone();
    if let Some(at) = out.pointer_mut(TEMPLATE) {
        *at = template;
    }
    if let Some(annotations) = out.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
    out
}

/// What gives a target what canary pods get.
pub(super) struct Applied {
    /// Operations on its template.
    pub operations: Vec<PatchOperation>,
    /// What the annotation becomes that remembers what the author wrote; nothing when it stays.
    pub record: Option<(String, Option<String>)>,
    /// The fields that it then has set.
    pub set: Map<String, Value>,
}

/// What gives `sent`, which means `meant`, what canary pods get.
pub(super) fn apply(
    which: Overrides,
    old: &Value,
    sent: &Value,
    meant: &Value,
    current: Option<&Map<String, Value>>,
) -> Applied {
    let none = Map::new();
    let stored = Record::of(if old.is_null() { sent } else { old }).map(|record| record.set);
    let stored = stored.as_ref().unwrap_or(&none);
    let set = match which {
        Overrides::Off => &none,
        Overrides::Keep => stored,
        Overrides::Current => current.unwrap_or(stored),
    };
    let (wanted, record) = overrides::applied(&places(meant), set);
    let mut ops = Vec::new();
    for field in overrides::FIELDS {
        let place = ["spec", "template", "spec", field];
        let was = sent.pointer(SPEC).and_then(|spec| spec.get(field));
        match (was, wanted.pointer(&format!("/spec/{field}"))) {
            (was, Some(value)) if was != Some(value) => ops.push(patches::add(place, value.clone())),
            (Some(_), None) => ops.push(patches::remove(place)),
            _ => {}
        }
    }
    let changes = Record::of(sent) != record || record.is_none();
    Applied {
        operations: ops,
        record: changes.then(|| (ANNOTATION.to_owned(), record.as_ref().map(Record::text))),
        set: record.map(|record| record.set).unwrap_or_default(),
    }
}

// A target's pod template, cut down to the fields that may differ.
fn places(target: &Value) -> Value {
    let Some(spec) = target.pointer(SPEC).and_then(Value::as_object) else {
        return Value::Null;
    };
    let kept = |field| Some((String::from(field), spec.get(field)?.clone()));
    let kept: Map<String, Value> = overrides::FIELDS.into_iter().filter_map(kept).collect();
    json!({"spec": kept})
}

/// The fields of `object` that canary pods got: nobody may own them, or the next apply would conflict.
pub(super) fn marks(set: &Map<String, Value>) -> Vec<(Vec<&str>, Mark)> {
    let path = |field| vec!["spec", "template", "spec", field];
    set.keys().map(|field| (path(field.as_str()), mark_of(field))).collect()
}

/// The annotation that an applier is made to own in place of a field; no object has it.
pub(in crate::admission) fn mark_of(field: &str) -> Mark {
    Mark(format!("{ANNOTATION}.{field}"))
}

fn mark_path(mark: &Mark) -> [&str; 3] {
    ["metadata", "annotations", &mark.0]
}

/// The record's own path in managedFields.
pub(super) const RECORD_PATH: Path<'static> = &["metadata", "annotations", ANNOTATION];
