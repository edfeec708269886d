//! Rules of a pod template that speak of the pods' own labels (spreading, apartness, nearness): on primary they mean
//! primary's pods.
//!
//! Flagger rewrites topologySpreadConstraints and podAntiAffinity, for every selector key and only where the value is the
//! target's name. Here it is the one label that tells the halves apart, with the value it really has; the others are the
//! same on both halves and go on selecting both. podAffinity is rewritten too: a required rule that says "next to my own
//! kind" would otherwise wait for the target's pods, of which there are none at rest.

use crate::plan::Selector;
use serde_json::{Map, Value, json};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Makes the rules in `spec` (a pod spec in `namespace`) speak of primary's pods where they spoke of the target's.
pub fn retarget(spec: &mut Value, selector: &Selector, namespace: &str) {
    each(spec, &mut |holder, is_term| {
        if !is_term || is_about(holder, namespace) {
            relabel(holder, selector);
        }
    });
}

/// Undoes [`retarget`]: rules that speak of primary's pods speak of the target's again. `told` has the labels that tell
/// the two apart, with the target's values.
pub fn restore(spec: &mut Value, told: &Map<String, Value>) {
    each(spec, &mut |holder, _| {
        for (key, value) in told {
            let Some(value) = value.as_str() else { continue };
            restore_label(holder, key, value);
        }
    });
}

// Whatever has a labelSelector, and whether it is a term, which names namespaces.
fn each(spec: &mut Value, visit: &mut dyn FnMut(&mut Value, bool)) {
    for constraint in items(spec, "/topologySpreadConstraints") {
        visit(constraint, false);
    }
    for affinity in ["podAffinity", "podAntiAffinity"] {
        for term in items(spec, &format!("/affinity/{affinity}/{REQUIRED}")) {
            visit(term, true);
        }
        for weighted in items(spec, &format!("/affinity/{affinity}/{PREFERRED}")) {
            if let Some(term) = weighted.get_mut("podAffinityTerm") {
                visit(term, true);
            }
        }
    }
}

fn items<'a>(within: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    within
        .pointer_mut(pointer)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

// A term about other namespaces only is about somebody else's pods, whatever they are labelled.
fn is_about(term: &Value, namespace: &str) -> bool {
    let named = term.get("namespaces").and_then(Value::as_array);
    let elsewhere = named.is_some_and(|all| !all.is_empty() && !all.iter().any(|ns| ns == namespace));
    !elsewhere || term.get("namespaceSelector").is_some_and(|s| !s.is_null())
}

fn restore_label(holder: &mut Value, key: &str, own: &str) {
    let Some(labels) = holder.get_mut("labelSelector") else {
        return;
    };
    let primary = format!("{own}-primary");
    if let Some(value) = labels.pointer_mut("/matchLabels").and_then(|l| l.get_mut(key))
        && value.as_str() == Some(primary.as_str())
    {
        *value = json!(own);
    }
    for expression in items(labels, "/matchExpressions") {
        if expression.get("key").and_then(Value::as_str) != Some(key) {
            continue;
        }
        let Some(values) = expression.get_mut("values").and_then(Value::as_array_mut) else {
            continue;
        };
        // Who names both halves was left as it is.
        if values.iter().any(|value| value.as_str() == Some(own)) {
            continue;
        }
        values
            .iter_mut()
            .filter(|value| value.as_str() == Some(primary.as_str()))
            .for_each(|value| *value = json!(own));
    }
}

pub(super) fn relabel(holder: &mut Value, selector: &Selector) {
    let Some(labels) = holder.get_mut("labelSelector") else {
        return;
    };
    let primary = json!(selector.primary_value());
    let own = |value: &Value| value.as_str() == Some(selector.value.as_str());
    if let Some(value) = labels
        .pointer_mut("/matchLabels")
        .and_then(|l| l.get_mut(&selector.key))
        && own(value)
    {
        *value = primary.clone();
    }
    for expression in items(labels, "/matchExpressions") {
        if expression.get("key").and_then(Value::as_str) != Some(selector.key.as_str()) {
            continue;
        }
        let Some(values) = expression.get_mut("values").and_then(Value::as_array_mut) else {
            continue;
        };
        // Who names both halves already means both.
        if values.contains(&primary) {
            continue;
        }
        values
            .iter_mut()
            .filter(|value| own(value))
            .for_each(|value| *value = primary.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector() -> Selector {
        let target = json!({"spec": {"selector": {"matchLabels": {"app": "web", "app.kubernetes.io/name": "web"}}}});
        Selector::of(&target, &Selector::default_keys()).unwrap()
    }

    fn after(mut spec: Value) -> Value {
        retarget(&mut spec, &selector(), "shop");
        spec
    }

    #[test]
    fn every_place_that_can_name_the_pods_own_label_is_rewritten() {
        let spec = |value: &str| {
            let labels = json!({"matchLabels": {"app": value, "tier": "web"}});
            let said = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["other", value]}]});
            json!({
                "topologySpreadConstraints": [{"topologyKey": "zone", "labelSelector": labels}, {"labelSelector": said}],
                "affinity": {
                    "podAffinity": {REQUIRED: [{"labelSelector": labels}], PREFERRED: [{"podAffinityTerm": {"labelSelector": said}}]},
                    "podAntiAffinity": {REQUIRED: [{"labelSelector": said}], PREFERRED: [{"podAffinityTerm": {"labelSelector": labels}}]},
                },
            })
        };
        assert_eq!(after(spec("web")), spec("web-primary"));
    }

    #[test]
    fn what_is_about_others_or_about_both_halves_stays() {
        for spec in [
            json!({"topologySpreadConstraints": [{"labelSelector": {"matchLabels": {"app.kubernetes.io/name": "web"}}}]}),
            json!({"topologySpreadConstraints": [{"topologyKey": "zone"}]}),
            json!({"affinity": {"podAntiAffinity": {REQUIRED: [{"labelSelector": {"matchLabels": {"app": "database"}}}]}}}),
            json!({"affinity": {"podAntiAffinity": {REQUIRED: [
                {"namespaces": ["elsewhere"], "labelSelector": {"matchLabels": {"app": "web"}}}]}}}),
            json!({"affinity": {"podAntiAffinity": {REQUIRED: [{"labelSelector": {"matchExpressions": [
                {"key": "app", "operator": "In", "values": ["web", "web-primary"]}, {"key": "app", "operator": "Exists"}]}}]}}}),
            json!({"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}]}}}}),
        ] {
            assert_eq!(after(spec.clone()), spec);
        }
    }

    #[test]
    fn a_term_that_reaches_its_own_namespace_too_is_rewritten() {
        let term = |extra: (&str, Value), value: &str| {
            let mut term = json!({"labelSelector": {"matchLabels": {"app": value}}});
            term[extra.0] = extra.1;
            json!({"affinity": {"podAntiAffinity": {REQUIRED: [term]}}})
        };
        for extra in [
            ("namespaces", json!(["shop", "other"])),
            ("namespaceSelector", json!({})),
        ] {
            assert_eq!(after(term(extra.clone(), "web")), term(extra, "web-primary"));
        }
    }
}
