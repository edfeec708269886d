//! `NAME-primary`: the copy of a verified revision that serves production, and what goes with it.

pub mod autoscaler;
pub mod budget;
pub mod inverse;
mod query;
mod spread;

use super::{
    Blueprint, Selector, Workload,
    marks::{copied, of_pods, prefix_matches},
    revision::hash::POD_TEMPLATE_HASH,
    workload::daemon_set,
};
use crate::api::labels;
use serde_json::{Map, Value, json};

/// Annotation on primary: hash of the target's template it was made from.
pub const REVISION_ANNOTATION: &str = "coalmine.dev/revision";

/// Fields of a target's spec that primary has too, besides its template and strategy.
pub const COPIED: [&str; 3] = ["progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit"];

/// The field of a workload's spec that says how pods are replaced.
pub fn strategy_field(workload: Workload) -> &'static str {
    if workload == Workload::DaemonSet {
        "updateStrategy"
    } else {
        "strategy"
    }
}

/// How primary's pods are replaced, as the author wants it.
pub fn own_strategy(target: &Value, workload: Workload) -> Option<Value> {
    if workload != Workload::DaemonSet {
        return target.pointer("/spec/strategy").cloned();
    }
    // Under OnDelete a promotion would wait for somebody to delete its pods.
    let rolling = || json!({"type": "RollingUpdate"});
    daemon_set::update_strategy(target).map(|own| {
        if own.get("type") == Some(&json!("OnDelete")) {
            rolling()
        } else {
            own
        }
    })
}

/// How pods are replaced that carry nothing: all at once, and with no room for more pods than there are.
pub fn all_at_once() -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "100%"}})
}

/// Primary made from `template` (a pod template of the target's, of the revision `hash`), with the other fields of
/// `target`. Flagger 1.44's construction, except that all matchLabels are kept and nothing random is added.
pub fn primary(
    target: &Value,
    template: &Value,
    hash: &str,
    replicas: u32,
    selector: &Selector,
    blueprint: &Blueprint,
) -> Value {
    let mut spec = Map::new();
    for field in COPIED {
        if let Some(value) = target.pointer(&format!("/spec/{field}")) {
            spec.insert(field.to_owned(), value.clone());
        }
    }
    if blueprint.workload != Workload::DaemonSet {
        spec.insert("replicas".to_owned(), json!(replicas));
    }
    let strategy = own_strategy(target, blueprint.workload);
    spec.extend(strategy.map(|own| (strategy_field(blueprint.workload).to_owned(), own)));
    spec.insert("selector".to_owned(), json!({"matchLabels": selector.primary_labels()}));
    spec.insert(
        "template".to_owned(),
        pod_template(template, hash, selector, &blueprint.namespace),
    );
    json!({
        "apiVersion": "apps/v1",
        "kind": blueprint.workload.kind(),
        "metadata": metadata(target, hash, selector, blueprint),
        "spec": spec,
    })
}

fn metadata(target: &Value, hash: &str, selector: &Selector, blueprint: &Blueprint) -> Value {
    let taken_over = |key: &str| prefix_matches(&blueprint.include_label_prefixes, key);
    let mut object_labels = copied(target.pointer("/metadata/labels"), taken_over);
    object_labels.insert(selector.key.clone(), json!(selector.primary_value()));
    object_labels.insert(labels::MANAGED_BY.to_owned(), json!(labels::MANAGED_BY_FLAGGER));
    let mut annotations = copied(target.pointer("/metadata/annotations"), taken_over);
    annotations.insert(REVISION_ANNOTATION.to_owned(), json!(hash));
    json!({
        "name": blueprint.primary_name(),
        "namespace": blueprint.namespace,
        "labels": object_labels,
        "annotations": annotations,
        "ownerReferences": blueprint.owners_of_a_half(),
    })
}

/// The revision a live primary was made from.
pub fn primary_revision(primary: &Value) -> Option<&str> {
    primary
        .get("metadata")?
        .get("annotations")?
        .get(REVISION_ANNOTATION)?
        .as_str()
}

fn pod_template(template: &Value, hash: &str, selector: &Selector, namespace: &str) -> Value {
    let mut pod_labels = of_pods(template.pointer("/metadata/labels"));
    pod_labels.remove(POD_TEMPLATE_HASH);
    pod_labels.insert(selector.key.clone(), json!(selector.primary_value()));
    let mut annotations = of_pods(template.pointer("/metadata/annotations"));
    // Flagger writes a random id to force a rollout; the revision's own hash does that, and only when it changes.
    annotations.insert(labels::FLAGGER_ID.to_owned(), json!(hash));
    let mut spec = template.get("spec").cloned().unwrap_or_default();
    spread::retarget(&mut spec, selector, namespace);
    json!({"metadata": {"labels": pod_labels, "annotations": annotations}, "spec": spec})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blueprint() -> Blueprint {
        Blueprint {
            include_label_prefixes: vec!["team".into()],
            ..Blueprint::sample()
        }
    }

    #[test]
    fn primary_is_the_target_but_for_its_own_label() {
        let target = json!({
            "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "a", "other": "b", "coalmine.dev/managed": "true"}},
            "spec": {
                "replicas": 0, "minReadySeconds": 3, "selector": {"matchLabels": {"app": "web", "tier": "front"}},
                "template": {"metadata": {"labels": {"app": "web", "tier": "front"}}, "spec": {
                    "futureField": {"kept": true},
                    "containers": [{"name": "web", "image": "web:1"}],
                    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                        {"labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, "topologyKey": "zone"}]}},
                }},
            },
        });
        let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
        let primary = primary(
            &target,
            &target["spec"]["template"],
            "v1-aa",
            2,
            &selector,
            &blueprint(),
        );
        assert_eq!(primary["spec"]["replicas"], 2);
        assert_eq!(primary["spec"]["minReadySeconds"], 3);
        assert_eq!(
            primary["spec"]["selector"]["matchLabels"],
            json!({"app": "web-primary", "tier": "front"})
        );
        assert_eq!(
            primary["metadata"]["labels"],
            json!({"team": "a", "app": "web-primary", "app.kubernetes.io/managed-by": "flagger"})
        );
        assert_eq!(primary["spec"]["template"]["spec"]["futureField"]["kept"], true);
        let term = &primary["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            [0];
        assert_eq!(
            term["labelSelector"]["matchExpressions"][0]["values"],
            json!(["web-primary"])
        );
        assert_eq!(primary_revision(&primary), Some("v1-aa"));
        assert_eq!(primary["metadata"]["ownerReferences"][0]["uid"], "u-1");
    }
}
