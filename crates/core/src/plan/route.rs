//! The objects of a foreign kind that we make for a pair: the route of one whose user has none, and companions of the user's.

use super::{Blueprint, given};
use crate::api::labels::METADATA;
use crate::routing::{Traffic, carrying};
use serde_json::{Map, Value, json};

/// The route of `blueprint` carrying `traffic`, marked as generated and owned by the Canary; `None` when nothing is published.
pub fn route(blueprint: &Blueprint, traffic: Traffic) -> Option<Value> {
    let (names, route) = (blueprint.names.as_ref()?, blueprint.route.as_ref()?);
    owned(blueprint, noted(carrying(route, names, traffic, &blueprint.exposure)?))
}

// With the note of what its Canary gives it.
fn noted(mut route: Value) -> Value {
    let of = |map: &str| -> Map<String, Value> {
        let all = route
            .get("metadata")
            .and_then(|metadata| metadata.get(map)?.as_object());
        all.cloned().unwrap_or_default()
    };
    let (labels, mut annotations) = (of("labels"), of("annotations"));
    let note = given::note(&labels, &annotations);
    if let (Some(note), Some(metadata)) = (note, route.get_mut("metadata").and_then(Value::as_object_mut)) {
        annotations.insert(METADATA.to_owned(), json!(note));
        metadata.insert("annotations".to_owned(), Value::Object(annotations));
    }
    route
}

/// `object` as one of this pair: marked as generated, and owned by the Canary.
pub fn owned(blueprint: &Blueprint, mut object: Value) -> Option<Value> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    metadata.insert("ownerReferences".to_owned(), blueprint.owner_references());
    let take = |map: Option<Value>| map.and_then(|map| map.as_object().cloned()).unwrap_or_default();
    let (mut labels, mut annotations) = (take(metadata.remove("labels")), take(metadata.remove("annotations")));
    blueprint.mark(&mut labels, &mut annotations);
    metadata.insert("labels".to_owned(), Value::Object(labels));
    metadata.insert("annotations".to_owned(), Value::Object(annotations));
    Some(object)
}
