//! A generated Canary that somebody writes: from then on it is theirs. Pure.
//!
//! A manifest says what its author wants, and nothing else of what we had put there stays: without this, an apply would
//! be merged with the generated spec. Our own writes of a generated spec are owned by nobody, or the first server-side
//! apply of a manifest would be refused as a conflict with us.

use super::fields;
use super::released::own_spec;
use crate::admission::review::{Operation, Request};
use crate::api::labels;
use crate::patches;
use json_patch::PatchOperation;
use serde_json::Value;

/// The patch for a CREATE or UPDATE of a Canary; `ours` says that we sent it.
pub fn mutate(request: &Request, ours: bool) -> Vec<PatchOperation> {
    let (new, old) = (&request.object, &request.old_object);
    if ours {
        let path: fields::Path<'_> = &["spec"];
        return if is_generated(new) {
            fields::disown(new, &[path])
        } else {
            Vec::new()
        };
    }
    let leaves = new.pointer("/metadata/deletionTimestamp").is_some();
    // Labels, annotations and finalizers are written by many; what is asked for is the spec.
    let changed = new.get("spec") != old.get("spec");
    if request.operation != Operation::Update || leaves || !is_generated(old) || !changed {
        return Vec::new();
    }
    let mut patch = Vec::new();
    let spec = own_spec(new, old);
    if spec.as_ref().is_some_and(|spec| Some(spec) != new.get("spec")) {
        patch.extend(spec.map(|spec| patches::replace(["spec"], spec)));
    }
    let gone = |key: &str| (key.to_owned(), None);
    let generated = [gone(labels::GENERATED), gone(labels::MANAGED_BY)];
    patch.extend(patches::metadata(new, "labels", &generated));
    patch.extend(patches::metadata(new, "annotations", &[gone(labels::TARGET_UID)]));
    patch
}

fn is_generated(canary: &Value) -> bool {
    let marks = canary.pointer("/metadata/labels");
    marks.and_then(|all| all.get(labels::GENERATED)).and_then(Value::as_str) == Some(labels::TRUE)
}

#[cfg(test)]
mod tests;
