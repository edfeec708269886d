//! The metadata of what we make: it has the labels, annotations and owners that are wanted, and nothing more of its Canary. What
//! others put there stays.

use super::contains;
use crate::object::{annotation, label, text};
use crate::patches;
use crate::plan::given;
use json_patch::PatchOperation;
use serde_json::{Map, Value};

/// The operations that add the labels and annotations of `wanted`, one by one: the others are somebody else's.
pub(super) fn added(live: &Value, wanted: &Value, operations: &mut Vec<PatchOperation>) {
    type Read = fn(&Value, &str) -> Option<String>;
    let maps: [(&str, Read); 2] = [
        ("labels", |object, key| label(object, key).map(str::to_owned)),
        ("annotations", |object, key| annotation(object, key).map(str::to_owned)),
    ];
    for (map, read) in maps {
        let path = format!("/metadata/{map}");
        let all = wanted.pointer(&path).and_then(Value::as_object).into_iter().flatten();
        let missing: Vec<(&String, &Value)> = all
            .filter(|(key, value)| read(live, key).as_deref() != value.as_str())
            .collect();
        if !missing.is_empty() && live.pointer(&path).is_none_or(Value::is_null) {
            operations.push(patches::add(["metadata", map], Map::new()));
        }
        for (key, value) in missing {
            operations.push(patches::add(["metadata", map, key], value.clone()));
        }
    }
}

/// The same, and those that take off what the Canary of `live` does not say any more.
pub(super) fn changed(live: &Value, wanted: &Value) -> Vec<PatchOperation> {
    let mut operations = Vec::new();
    added(live, wanted, &mut operations);
    let stale = given::stale(live, wanted).into_iter();
    operations.extend(stale.map(|(map, key)| patches::remove(["metadata", map, key.as_str()])));
    operations
}

/// Its owners, where those that are wanted are not among them as they are to be. Others stay, but for Canaries.
pub(super) fn owned(live: &Value, wanted: &Value) -> Option<PatchOperation> {
    let of = |object: &Value| {
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.cloned().unwrap_or_default()
    };
    let (has, wants) = (of(live), of(wanted));
    let is_there = |owner: &Value| has.iter().any(|live| contains(live, owner));
    if wants.iter().all(is_there) {
        return None;
    }
    let others = has.iter().filter(|owner| text(owner, "/kind") != "Canary").cloned();
    let all: Vec<Value> = wants.iter().cloned().chain(others).collect();
    Some(patches::add(["metadata", "ownerReferences"], all))
}
