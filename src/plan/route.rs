//! The route we generate for a pair whose user has none.

use super::Blueprint;
use crate::{
    api::labels,
    routing::{Traffic, httproute},
};
use serde_json::{Value, json};

/// The route of `blueprint` carrying `traffic`, marked as generated and owned by the Canary; `None` when nothing is published.
pub fn route(blueprint: &Blueprint, traffic: Traffic) -> Option<Value> {
    let (names, spec) = (blueprint.names.as_ref()?, blueprint.route.as_ref()?);
    let mut route = httproute::generated(&blueprint.namespace, names, spec, traffic, &blueprint.exposure);
    let metadata = route.get_mut("metadata")?.as_object_mut()?;
    metadata.insert("ownerReferences".to_owned(), blueprint.owner_references());
    let marks = metadata.entry("labels").or_insert_with(|| json!({})).as_object_mut()?;
    marks.insert(labels::GENERATED.to_owned(), json!(labels::TRUE));
    marks.insert(labels::MANAGED_BY.to_owned(), json!(labels::MANAGED_BY_FLAGGER));
    Some(route)
}
