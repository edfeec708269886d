use super::super::*;
use super::{by_policy, deployment, label, run, with_canary};
use crate::admission::mutate::fields;
use crate::api::labels::{self, TargetState};
use proptest::prelude::*;
use serde_json::{Value, json};

fn state_label() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        Just(None),
        prop::sample::select(vec!["cold", "hot", "serving", "rest", "odd"]).prop_map(Some)
    ]
}

fn fields() -> impl Strategy<Value = Value> {
    let entry = (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(replicas, paused, label)| {
        let mut spec = serde_json::Map::new();
        if replicas {
            spec.insert("f:replicas".into(), json!({}));
        }
        if paused {
            spec.insert("f:paused".into(), json!({}));
        }
        let mut fields = json!({"f:spec": spec});
        if label {
            fields["f:metadata"] = json!({"f:labels": {".": {}, "f:coalmine.dev/state": {}}});
        }
        json!({"manager": "m", "operation": "Apply", "fieldsV1": fields})
    });
    prop::collection::vec(entry, 0..3).prop_map(Value::Array)
}

prop_compose! {
    fn target()(
        replicas in 0..6_i64,
        image in prop::sample::select(vec!["v1", "v2", "bad"]),
        state in state_label(),
        managed in any::<bool>(),
        desired in prop_oneof![Just(None), (0..6_i64).prop_map(|n| Some(n.to_string())), Just(Some("x".to_owned()))],
        held in any::<bool>(),
        paused in any::<bool>(),
        extra in any::<bool>(),
        fields in fields(),
    ) -> Value {
        let mut object = deployment(replicas, image, &[]);
        let mut set = |key: &str, value: &str| object["metadata"]["labels"][key] = json!(value);
        if managed { set(labels::MANAGED, "true") }
        if let Some(state) = state { set(labels::STATE, state) }
        if let Some(desired) = &desired { set(labels::DESIRED_REPLICAS, desired) }
        if held { set(labels::HELD, "true") }
        if extra { set("coalmine.dev/other", "y") }
        if paused { object["spec"]["paused"] = json!(true) }
        object["metadata"]["managedFields"] = fields;
        object
    }
}

fn facts() -> impl Strategy<Value = TargetFacts> {
    let stage = prop::sample::select(vec![
        CoarseStage::Building,
        CoarseStage::Rest,
        CoarseStage::Running,
        CoarseStage::Failed,
        CoarseStage::Leaving,
    ]);
    let enrolled = prop_oneof![
        stage.prop_map(|stage| with_canary(stage).enrolment),
        Just(by_policy().enrolment),
        Just(Enrolment::No),
        Just(Enrolment::Refused("why".into())),
    ];
    (enrolled, any::<bool>()).prop_map(|(enrolment, controller_alive)| TargetFacts {
        enrolment,
        controller_alive,
        ..by_policy()
    })
}

/// What the webhook may never touch.
fn untouched(object: &Value) -> Value {
    let mut rest = object.clone();
    for field in ["replicas", "paused"] {
        rest["spec"].as_object_mut().unwrap().remove(field);
    }
    let metadata = rest["metadata"].as_object_mut().unwrap();
    metadata.remove("managedFields");
    metadata["labels"]
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !key.starts_with(labels::PREFIX));
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| !release::ANNOTATIONS.contains(&key.as_str()));
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    rest
}

proptest! {
    // `run` itself asserts that a second pass changes nothing.
    #[test]
    fn a_create_is_idempotent_and_touches_only_our_own_fields(new in target(), facts in facts()) {
        let (stored, _) = run(Operation::Create, &Value::Null, &new, &facts);
        prop_assert_eq!(untouched(&stored), untouched(&new));
        prop_assert_eq!(stored["spec"].get("paused"), new["spec"].get("paused"));
    }

    #[test]
    fn an_update_is_idempotent_and_touches_only_our_own_fields(old in target(), new in target(), facts in facts()) {
        let (stored, _) = run(Operation::Update, &old, &new, &facts);
        prop_assert_eq!(untouched(&stored), untouched(&new));
    }

    #[test]
    fn while_it_is_a_half_the_labels_stay(old in target(), new in target(), facts in facts()) {
        prop_assume!(matches!(facts.enrolment, Enrolment::Canary(_) | Enrolment::Policy(_)));
        prop_assume!(label(&old, labels::MANAGED).is_some());
        let (stored, _) = run(Operation::Update, &old, &new, &facts);
        prop_assert_eq!(label(&stored, labels::MANAGED), Some("true"));
        if let Some(state) = label(&old, labels::STATE).and_then(TargetState::parse) {
            prop_assert_eq!(label(&stored, labels::STATE), Some(state.as_str()));
        }
        if let Some(other) = label(&old, "coalmine.dev/other") {
            prop_assert_eq!(label(&stored, "coalmine.dev/other"), Some(other));
        }
        prop_assert!(label(&stored, labels::DESIRED_REPLICAS).unwrap().parse::<i64>().is_ok());
    }

    #[test]
    fn replicas_are_never_lowered_nor_pods_rolled_while_they_serve(
        old in target(), serving in prop_oneof![Just(TargetState::Hot), Just(TargetState::Serving)], new in target(), facts in facts()
    ) {
        prop_assume!(matches!(facts.enrolment, Enrolment::Canary(_) | Enrolment::Policy(_)));
        let mut old = old;
        old["metadata"]["labels"][labels::MANAGED] = json!(labels::TRUE);
        old["metadata"]["labels"][labels::STATE] = json!(serving.as_str());
        let replicas = |object: &Value| object["spec"]["replicas"].as_i64().unwrap();
        let (stored, _) = run(Operation::Update, &old, &new, &facts);
        prop_assert!(replicas(&stored) >= replicas(&old));
        let changed = stored["spec"]["template"] != old["spec"]["template"];
        prop_assert!(!changed || stored["spec"]["paused"] == json!(true));
        if new["spec"].get("paused").is_some() {
            prop_assert_eq!(&stored["spec"]["paused"], &json!(true));
        }
    }

    #[test]
    fn nobody_owns_a_held_field(old in target(), new in target(), facts in facts()) {
        let (stored, _) = run(Operation::Update, &old, &new, &facts);
        prop_assume!(label(&stored, labels::MANAGED).is_some());
        prop_assert!(!fields::owned(&stored, &["spec", "replicas"], |_| true));
        prop_assert!(!fields::owned(&stored, &["metadata", "labels", labels::STATE], |_| true));
        if label(&stored, labels::HELD).is_some() {
            prop_assert!(!fields::owned(&stored, &["spec", "paused"], |_| true));
        }
    }
}
