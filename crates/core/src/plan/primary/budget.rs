//! Primary's PodDisruptionBudget: a copy of each of the user's that covers the target's pods alone. At rest those are none,
//! and a budget of none protects nobody.

use super::spread;
use crate::api::labels;
use crate::plan::{Blueprint, Selector};
use serde_json::{Map, Value, json};

/// The copy of `budget`: the same promise for primary's pods, and for no others. A pod that two budgets cover cannot be
/// evicted at all, so a pair has one, of primary's name.
pub fn for_primary(budget: &Value, selector: &Selector, pair: &Blueprint) -> Value {
    let mut spec = budget
        .get("spec")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let mut holder = Map::new();
    holder.insert("labelSelector".to_owned(), spec.remove("selector").unwrap_or_default());
    let mut holder = Value::Object(holder);
    spread::relabel(&mut holder, selector);
    let mut selects = holder.get("labelSelector").cloned().unwrap_or_default();
    // What it promises of other apps' pods it goes on promising itself.
    if let Some(selects) = selects.as_object_mut() {
        let labels = selects
            .entry("matchLabels")
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(selector.key.clone(), Value::String(selector.primary_value()));
        }
    }
    spec.insert("selector".to_owned(), selects);
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": pair.primary_name(),
            "namespace": pair.namespace,
            "labels": {labels::MANAGED_BY: labels::MANAGED_BY_FLAGGER, labels::GENERATED: labels::TRUE},
            "ownerReferences": pair.owner_references(),
        },
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_promises_the_same_of_primarys_pods() {
        let target = json!({"spec": {"selector": {"matchLabels": {"app": "web", "tier": "front"}}}});
        let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
        for (selects, wanted) in [
            (
                json!({"matchLabels": {"app": "web", "tier": "front"}}),
                json!({"matchLabels": {"app": "web-primary", "tier": "front"}}),
            ),
            (
                json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}),
                json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web-primary", "api"]}],
                    "matchLabels": {"app": "web-primary"}}),
            ),
        ] {
            let budget = json!({
                "metadata": {"name": "keep", "labels": {"team": "a"}},
                "spec": {"minAvailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": selects},
            });
            let copy = for_primary(&budget, &selector, &Blueprint::sample());
            assert_eq!(copy["metadata"]["name"], "web-primary");
            assert_eq!(copy["metadata"]["ownerReferences"][0]["kind"], "Canary");
            assert_eq!(
                copy["metadata"]["labels"].get("team"),
                None,
                "tools that own by labels own the user's alone"
            );
            assert_eq!(
                copy["spec"],
                json!({"minAvailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": wanted})
            );
        }
    }
}
