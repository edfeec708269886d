//! Whether a live Service is as it is wanted, and what is to be written on it if not.

use crate::controller::difference::write::Write;
use crate::controller::difference::{contains, metadata, patch, test_version};
use crate::controller::watch::informers::cache::Kind;
use crate::object::annotation;
use crate::patches;
use crate::plan::given;
use crate::plan::serves_alike;
use crate::plan::services::ports;
use json_patch::PatchOperation;
use serde_json::{Map, Value};

pub(super) fn is_as_wanted(live: &Value, wanted: &Value) -> bool {
    let mut rest = wanted.clone();
    if let Some(spec) = rest.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("ports");
    }
    serves_alike(live, wanted) && contains(live, &rest) && !has_stale(live, wanted)
}

/// Whether it has a label or annotation that its Canary gave it and does not say any more.
pub(super) fn has_stale(live: &Value, wanted: &Value) -> bool {
    !given::stale(live, wanted).is_empty()
}

// One by one, since nobody owns what we made of it: an apply would leave in it what is not wanted any more. What the API
// server filled in stays.
pub(super) fn made_as(live: &Value, wanted: &Value) -> Vec<PatchOperation> {
    const LEFT_TO_OTHERS: [&str; 2] = ["clusterIP", "type"];
    let mut operations = Vec::new();
    let spec = |of: &Value| of.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    let (has, wants) = (spec(live), spec(wanted));
    for (field, value) in wants
        .iter()
        .filter(|(field, _)| !LEFT_TO_OTHERS.contains(&field.as_str()))
    {
        let same = if field == "ports" {
            ports::same(ports::of(live), ports::of(wanted))
        } else {
            has.get(field) == Some(value)
        };
        if !same {
            operations.push(patches::add(["spec", field], value.clone()));
        }
    }
    if has.contains_key("trafficDistribution") && !wants.contains_key("trafficDistribution") {
        operations.push(patches::remove(["spec", "trafficDistribution"]));
    }
    operations.extend(metadata::changed(live, wanted));
    let owners = wanted.pointer("/metadata/ownerReferences");
    if let Some(owners) = owners.filter(|owners| Some(*owners) != live.pointer("/metadata/ownerReferences")) {
        operations.push(patches::add(["metadata", "ownerReferences"], owners.clone()));
    }
    operations
}

pub(super) fn changed(live: &Value, operations: Vec<PatchOperation>) -> Option<Write> {
    let all = std::iter::once(test_version(live)).chain(operations.iter().cloned());
    (!operations.is_empty()).then(|| patch(Kind::Service, live, all.collect()))
}

// The operations after which an object's annotations are these.
pub(super) fn noted(live: &Value, notes: &[(&str, Option<String>)]) -> Vec<PatchOperation> {
    let differs = |(key, value): &&(&str, Option<String>)| annotation(live, key) != value.as_deref();
    let mut operations = Vec::new();
    for (key, value) in notes.iter().filter(differs) {
        let place = ["metadata", "annotations", key];
        let Some(value) = value else {
            operations.push(patches::remove(place));
            continue;
        };
        if live.pointer("/metadata/annotations").is_none() && operations.is_empty() {
            operations.push(patches::add(["metadata", "annotations"], Map::new()));
        }
        operations.push(patches::add(place, value.as_str()));
    }
    operations
}
