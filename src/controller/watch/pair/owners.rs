//! Whose an object is: what its owner references say, and the marks that are ours.

use crate::object::{label, text};
use crate::{
    api::labels,
    plan::{Blueprint, workload::daemon_set::UPDATE_STRATEGY},
};
use serde_json::{Map, Value};

/// Whether the Canary of `blueprint` owns an object.
pub fn is_owned(object: &Value, blueprint: &Blueprint) -> bool {
    let uid = blueprint.owner.uid.as_deref();
    uid.is_some_and(|uid| is_owned_by(object, uid))
}

/// Whether a Canary that has not this uid owns an object: copies of configs may serve several.
pub fn is_another_canarys(object: &Value, uid: Option<&str>) -> bool {
    owners(object).any(|owner| text(owner, "/kind") == "Canary" && Some(text(owner, "/uid")) != uid)
}

/// Whether what has this uid is among an object's owners.
pub fn is_owned_by(object: &Value, uid: &str) -> bool {
    owners(object).any(|owner| owner.get("uid").and_then(Value::as_str) == Some(uid))
}

/// Whether what has this uid is the one that controls an object.
pub fn is_controlled_by(object: &Value, uid: &str) -> bool {
    let controls = |owner: &Value| owner.get("controller").and_then(Value::as_bool) == Some(true);
    owners(object).any(|owner| text(owner, "/uid") == uid && controls(owner))
}

/// Whether any Canary owns an object: perhaps one that is gone, whose children the collector has not reached yet.
pub fn is_a_canarys(object: &Value) -> bool {
    owners(object).any(|owner| text(owner, "/kind") == "Canary")
}

/// The owner references of an object.
pub fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten()
}

/// Whether an object has Flagger's label and nobody owns it.
pub fn is_flaggers_orphan(object: &Value) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.is_none_or(Vec::is_empty) && label(object, labels::MANAGED_BY) == Some(labels::MANAGED_BY_FLAGGER)
}

/// What takes our marks off a target, as the `metadata` of a JSON merge patch; empty where there is none.
pub fn unmarked(target: &Value) -> Map<String, Value> {
    let gone = |map: &str, is_ours: fn(&str) -> bool| {
        let all = target
            .get("metadata")
            .and_then(|metadata| metadata.get(map)?.as_object());
        let ours = all.into_iter().flatten().filter(|(key, _)| is_ours(key));
        ours.map(|(key, _)| (key.clone(), Value::Null)).collect::<Map<_, _>>()
    };
    let marks = [
        (
            "labels",
            gone("labels", |key| key.starts_with(labels::PREFIX) && key != labels::POLICY),
        ),
        (
            "annotations",
            gone("annotations", |key| {
                [
                    labels::REQUESTED_BY,
                    labels::ANNOUNCE,
                    labels::PRIMARY_REVISION,
                    labels::TRAFFIC,
                    UPDATE_STRATEGY,
                ]
                .contains(&key)
            }),
        ),
    ];
    let marks = marks.into_iter().filter(|(_, gone)| !gone.is_empty());
    marks.map(|(map, gone)| (map.to_owned(), Value::Object(gone))).collect()
}
