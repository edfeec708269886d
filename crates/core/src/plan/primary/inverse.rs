//! Back from primary to the template it was made of: what [`super::primary`] changes, undone.
//!
//! A primary that no stored revision explains (one that Flagger made, or an earlier version of this program, which kept
//! no history) still says what it runs.

use super::spread;
use crate::api::labels;
use crate::plan::{
    Selector,
    configs::{self, Reference},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The template of a target, as its author wrote it, that `primary` was made of. `copied` are the ConfigMaps and Secrets
/// of which primary reads copies.
pub fn source(primary: &Value, selector: &Selector, copied: &BTreeSet<Reference>) -> Option<Value> {
    undone(primary, selector, &[], copied)
}

/// The same for a primary of Flagger's, which gives the rules about pods' labels primary's name in every label of
/// `keys` that has the target's.
pub fn source_of_flaggers(
    primary: &Value,
    selector: &Selector,
    (target, keys): (&str, &[String]),
    copied: &BTreeSet<Reference>,
) -> Option<Value> {
    let named: Vec<(String, String)> = keys.iter().map(|key| (key.clone(), target.to_owned())).collect();
    undone(primary, selector, &named, copied)
}

fn undone(
    primary: &Value,
    selector: &Selector,
    named: &[(String, String)],
    copied: &BTreeSet<Reference>,
) -> Option<Value> {
    let mut template = primary.pointer("/spec/template")?.clone();
    if let Some(value) = template
        .pointer_mut("/metadata/labels")
        .and_then(|labels| labels.get_mut(&selector.key))
        .filter(|value| value.as_str() == Some(selector.primary_value().as_str()))
    {
        *value = json!(selector.value);
    }
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.get_mut("annotations").and_then(Value::as_object_mut);
        let left = annotations.map(|annotations| {
            annotations.remove(labels::FLAGGER_ID);
            annotations.is_empty()
        });
        if left == Some(true) {
            metadata.remove("annotations");
        }
    }
    let own = (selector.key.clone(), selector.value.clone());
    let told: Map<String, Value> = named
        .iter()
        .chain([&own])
        .map(|(key, value)| (key.clone(), json!(value)))
        .collect();
    if let Some(spec) = template.get_mut("spec") {
        spread::restore(spec, &told);
    }
    Some(configs::restored(&template, copied))
}

#[cfg(test)]
mod tests;
