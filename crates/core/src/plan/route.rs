//! The objects of a foreign kind that we make for a pair: the route of one whose user has none, and companions of the user's.

use super::Blueprint;
use crate::routing::{Traffic, carrying};
use serde_json::Value;

/// The route of `blueprint` carrying `traffic`, marked as generated and owned by the Canary; `None` when nothing is published.
pub fn route(blueprint: &Blueprint, traffic: Traffic) -> Option<Value> {
    let (names, route) = (blueprint.names.as_ref()?, blueprint.route.as_ref()?);
    owned(blueprint, carrying(route, names, traffic, &blueprint.exposure)?)
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
