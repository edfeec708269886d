//! What we generated under a name that an author may use is the author's with the first write that is not ours. Pure.
//!
//! Our marks and the owner reference go, so that nobody but the author deletes it. Nobody owns a field of it meanwhile, so
//! that a server-side apply, which Helm's is, never conflicts with us.

use super::fields;
use crate::admission::review::{Operation, Request};
use crate::api::labels;
use crate::object::label;
use crate::patches;
use crate::plan::{UNRECONCILED, marks};
use json_patch::PatchOperation;
use serde_json::{Map, Value, json};

/// Whether we made an object, for somebody who may make it theirs. The halves say to tools that they never are.
pub fn gives_way(object: &Value) -> bool {
    let annotations = object.pointer("/metadata/annotations");
    let kept = |(key, value): &(&str, &str)| annotations.and_then(|all| all.get(*key)?.as_str()) == Some(value);
    is_generated(object) && !UNRECONCILED.iter().any(kept)
}

fn is_generated(object: &Value) -> bool {
    label(object, labels::GENERATED).is_some()
}

/// Whether a write makes what we generated somebody else's: another spec, or a manifest of its own. An annotation of a
/// cloud's controller is neither.
pub fn takes_over(old: &Value, new: &Value) -> bool {
    is_generated(old)
        && (old.get("spec") != new.get("spec")
            || fields::last_applied(old) != fields::last_applied(new)
            || !fields::appliers(new, &["spec"])
                .iter()
                .all(|manager| manager == labels::FIELD_MANAGER))
}

/// Takes our marks and our ownership off. Helm's own stay where Helm is the one who writes.
pub fn release(request: &Request) -> Vec<PatchOperation> {
    let new = &request.object;
    let mut changes = vec![(labels::GENERATED.to_owned(), None)];
    let by_helm = manager(request).starts_with("helm");
    // Flagger's without an owner would be taken for one of ours that lost it.
    let ours = |by: &str| by == labels::MANAGED_BY_FLAGGER || by == marks::MANAGED_BY_HELM && !by_helm;
    if label(new, labels::MANAGED_BY).is_some_and(ours) {
        changes.push((labels::MANAGED_BY.to_owned(), None));
    }
    let mut ops = patches::metadata(new, "labels", &changes);
    let annotations = new.pointer("/metadata/annotations");
    let has = |key: &str| annotations.and_then(|all| all.get(key)?.as_str());
    let told = UNRECONCILED
        .iter()
        .filter(|(key, value)| has(key) == Some(value))
        .map(|(key, _)| *key);
    let helms = marks::HELM.into_iter().filter(|key| !by_helm && has(key).is_some());
    let noted = has(labels::METADATA).map(|_| labels::METADATA);
    let gone = told.chain(helms).chain(noted);
    let gone: Vec<(String, Option<String>)> = gone.map(|key| (key.to_owned(), None)).collect();
    ops.extend(patches::metadata(new, "annotations", &gone));
    ops.extend(disowned_by_canaries(new));
    ops
}

fn manager(request: &Request) -> &str {
    let named = request
        .options
        .as_ref()
        .and_then(|options| options.field_manager.as_deref());
    named.unwrap_or_default()
}

// From the last to the first, so that a removal does not shift what is still to be removed.
fn disowned_by_canaries(new: &Value) -> Vec<PatchOperation> {
    let owners = new.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let is_canary = |owner: &Value| owner.get("kind").and_then(Value::as_str) == Some("Canary");
    let all = owners.map_or(&[][..], Vec::as_slice).iter().enumerate().rev();
    let ours = all.filter(|(_, owner)| is_canary(owner));
    ours.map(|(index, _)| patches::remove(["metadata", "ownerReferences", &index.to_string()]))
        .collect()
}

/// Takes what anybody owns of what we make or write ourselves off its owners' lists, but for the label that says so.
///
/// One owner has to be left: where there is none, the API server makes one up at the first server-side apply
/// (`before-first-apply`) who owns everything, and the apply conflicts with it.
pub fn owned_by_nobody(object: &Value) -> Vec<PatchOperation> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let entries = entries.map_or(&[][..], Vec::as_slice);
    let is_whole = |entry: &Value| entry.get("subresource").is_none();
    let kept = entries.iter().position(is_whole).unwrap_or_default();
    let others = (0..entries.len()).rev().filter(|index| *index != kept);
    let mut ops = Vec::new();
    if let Some(entry) = entries.get(kept) {
        let left = json!({"f:metadata": {"f:labels": {format!("f:{}", labels::GENERATED): {}}}});
        if entry.get("fieldsV1") != Some(&left) {
            ops.push(patches::replace(
                ["metadata", "managedFields", &kept.to_string(), "fieldsV1"],
                left,
            ));
        }
    }
    ops.extend(others.map(|index| patches::remove(["metadata", "managedFields", &index.to_string()])));
    ops
}

/// What becomes of an object that we make: nobody owns what gives way.
pub fn made(request: &Request, ours: bool) -> Vec<PatchOperation> {
    if request.operation != Operation::Create || !ours || !gives_way(&request.object) {
        return Vec::new();
    }
    owned_by_nobody(&request.object)
}

/// The part of the spec that the writer says, where that can be seen: the manifest of a client-side apply, or the fields
/// of a server-side one. `None` for an edit, whose writer saw all of it.
pub fn own_spec(new: &Value, old: &Value) -> Option<Value> {
    let manifest = fields::last_applied(new);
    if manifest.is_some() && manifest != fields::last_applied(old) {
        return serde_json::from_str::<Value>(manifest?).ok()?.get("spec").cloned();
    }
    let entries = new.pointer("/metadata/managedFields").and_then(Value::as_array)?;
    let mut said = Value::Object(Map::new());
    let applied = |entry: &&Value| {
        entry.get("operation").and_then(Value::as_str) == Some("Apply")
            && entry.get("manager").and_then(Value::as_str) != Some(labels::FIELD_MANAGER)
            && entry.get("subresource").is_none()
    };
    for fields in entries.iter().filter(applied).filter_map(|entry| entry.get("fieldsV1")) {
        json_patch::merge(&mut said, fields);
    }
    Some(owned(new.get("spec")?, said.get("f:spec")?))
}

/// What of `value` is named by `fields` (`fieldsV1`). A list is somebody's as a whole.
fn owned(value: &Value, fields: &Value) -> Value {
    let named = |key: &String| fields.get(format!("f:{key}"));
    match (value, fields.as_object()) {
        (Value::Object(members), Some(names)) if names.keys().any(|key| key.starts_with("f:")) => members
            .iter()
            .filter_map(|(key, member)| Some((key.clone(), owned(member, named(key)?))))
            .collect::<Map<_, _>>()
            .into(),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests;
