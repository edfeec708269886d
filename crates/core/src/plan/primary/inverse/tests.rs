use super::*;
use crate::plan::{Blueprint, configs::ConfigKind, primary, revision::hash::template_hash};
use proptest::prelude::*;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

fn tracked() -> BTreeSet<Reference> {
    let of = |kind, name: &str| Reference {
        kind,
        name: name.to_owned(),
    };
    [
        of(ConfigKind::ConfigMap, "app"),
        of(ConfigKind::ConfigMap, "both"),
        of(ConfigKind::ConfigMap, "both-primary"),
        of(ConfigKind::Secret, "key"),
    ]
    .into()
}

fn target(template: Value) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web", "tier": "front"}}, "template": template},
    })
}

fn there_and_back(template: &Value) -> Option<Value> {
    let target = target(template.clone());
    let selector = Selector::of(&target, &Selector::default_keys()).unwrap();
    let read = configs::rewritten(template, &tracked());
    let primary = primary(&target, &read, "v1-aa", 2, &selector, &Blueprint::sample());
    source(&primary, &selector, &tracked())
}

fn label_selector() -> impl Strategy<Value = Value> {
    let values = prop::sample::select(vec![
        json!(["web"]),
        json!(["web", "web-primary"]),
        json!(["other", "web"]),
        json!(["database"]),
    ]);
    let key = prop::sample::select(vec!["app", "tier", "name"]);
    let value = prop::sample::select(vec!["web", "front", "database"]);
    (key, value, values).prop_map(|(key, value, values)| {
        json!({"matchLabels": {key: value}, "matchExpressions": [{"key": key, "operator": "In", "values": values}, {"key": "app", "operator": "Exists"}]})
    })
}

fn term() -> impl Strategy<Value = Value> {
    let places = prop::sample::select(vec![None, Some(json!(["shop"])), Some(json!(["elsewhere"]))]);
    (label_selector(), places).prop_map(|(labels, namespaces)| {
        let mut term = json!({"labelSelector": labels, "topologyKey": "zone"});
        if let Some(namespaces) = namespaces {
            term["namespaces"] = namespaces;
        }
        term
    })
}

prop_compose! {
    fn template()(
        annotations in prop::sample::select(vec![None, Some(json!({})), Some(json!({"team": "a", "kubectl.kubernetes.io/restartedAt": "x"}))]),
        spread in prop::collection::vec(label_selector(), 0..2),
        near in prop::collection::vec(term(), 0..2),
        apart in prop::collection::vec(term(), 0..2),
        config in prop::sample::select(vec!["app", "both", "both-primary", "shared"]),
        secret in prop::sample::select(vec!["key", "token"]),
        image in "[a-z]{1,5}",
    ) -> Value {
        let weighted: Vec<Value> = near.iter().map(|term| json!({"weight": 1, "podAffinityTerm": term})).collect();
        let mut metadata = json!({"labels": {"app": "web", "tier": "front"}});
        if let Some(annotations) = annotations {
            metadata["annotations"] = annotations;
        }
        json!({"metadata": metadata, "spec": {
            "topologySpreadConstraints": spread.iter().map(|labels| json!({"labelSelector": labels})).collect::<Vec<_>>(),
            "affinity": {"podAntiAffinity": {REQUIRED: apart}, "podAffinity": {PREFERRED: weighted}},
            "volumes": [{"name": "a", "configMap": {"name": config}}, {"name": "b", "projected": {"sources": [{"secret": {"name": secret}}]}}],
            "containers": [{"name": "web", "image": image, "envFrom": [{"secretRef": {"name": secret}}]}],
        }})
    }
}

proptest! {
    #[test]
    fn what_primary_was_made_of_is_found_in_it(template in template()) {
        let back = there_and_back(&template).unwrap();
        prop_assert_eq!(template_hash(&back), template_hash(&template));
    }
}

#[test]
fn flaggers_primary_says_what_it_was_made_of() {
    let primary = |id: &str| {
        json!({"spec": {"template": {
            "metadata": {"labels": {"app": "web-primary", "name": "web"}, "annotations": {"flagger-id": id}},
            "spec": {
                "topologySpreadConstraints": [{"labelSelector": {"matchLabels": {"name": "web-primary"}}}],
                "containers": [{"name": "web", "image": "web:1", "envFrom": [{"configMapRef": {"name": "app-primary"}}]}],
            },
        }}})
    };
    let template = json!({
        "metadata": {"labels": {"app": "web", "name": "web"}},
        "spec": {
            "topologySpreadConstraints": [{"labelSelector": {"matchLabels": {"name": "web"}}}],
            "containers": [{"name": "web", "image": "web:1", "envFrom": [{"configMapRef": {"name": "app"}}]}],
        },
    });
    let selector = Selector::of(&target(template.clone()), &Selector::default_keys()).unwrap();
    let keys = Selector::default_keys();
    let back = |id| source_of_flaggers(&primary(id), &selector, ("web", &keys), &tracked()).unwrap();
    assert_eq!(back("9f2c"), template);
    assert_eq!(back("other"), template, "its id says nothing");
    assert_eq!(source(&json!({}), &selector, &tracked()), None);
}
