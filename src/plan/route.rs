//! The route we generate for a pair whose user has none.

use super::Blueprint;
use crate::routing::{Traffic, httproute};
use serde_json::Value;

/// The route of `blueprint` carrying `traffic`, marked as generated and owned by the Canary; `None` when nothing is published.
pub fn route(blueprint: &Blueprint, traffic: Traffic) -> Option<Value> {
    let (names, spec) = (blueprint.names.as_ref()?, blueprint.route.as_ref()?);
    let mut route = httproute::generated(&blueprint.namespace, names, spec, traffic, &blueprint.exposure);
    let metadata = route.get_mut("metadata")?.as_object_mut()?;
    metadata.insert("ownerReferences".to_owned(), blueprint.owner_references());
    let take = |map: Option<Value>| map.and_then(|map| map.as_object().cloned()).unwrap_or_default();
    let (mut labels, mut annotations) = (take(metadata.remove("labels")), take(metadata.remove("annotations")));
    blueprint.mark(&mut labels, &mut annotations);
    metadata.insert("labels".to_owned(), Value::Object(labels));
    metadata.insert("annotations".to_owned(), Value::Object(annotations));
    Some(route)
}
