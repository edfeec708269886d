use super::*;
use crate::patches::applied;
use serde_json::json;

fn generated() -> Value {
    json!({
        "metadata": {
            "name": "shop", "namespace": "web",
            "labels": {labels::GENERATED: "true", labels::MANAGED_BY: "flagger", "team": "a"},
            "annotations": {labels::TARGET_UID: "u-1"},
        },
        "spec": {
            "provider": "gatewayapi:v1",
            "targetRef": {"kind": "Deployment", "name": "shop"},
            "service": {"port": 80, "hosts": ["shop.test"]},
            "analysis": {"interval": "10s", "stepWeights": [20, 50]},
        },
    })
}

fn theirs() -> Value {
    json!({
        "targetRef": {"kind": "Deployment", "name": "shop"},
        "service": {"port": 9898},
        "analysis": {"interval": "30s", "iterations": 4},
    })
}

fn run(new: &Value) -> Value {
    let request = |object: &Value| Request {
        operation: Operation::Update,
        object: object.clone(),
        old_object: generated(),
        ..Request::default()
    };
    let once = applied(new, &mutate(&request(new), false)).unwrap();
    assert_eq!(mutate(&request(&once), false), Vec::new(), "not idempotent");
    once
}

fn assert_theirs(stored: &Value, spec: &Value) {
    assert_eq!(&stored["spec"], spec);
    assert_eq!(stored["metadata"]["labels"], json!({"team": "a"}));
    assert!(stored["metadata"]["annotations"].get(labels::TARGET_UID).is_none());
}

#[test]
fn a_client_side_apply_leaves_nothing_of_the_generated_spec() {
    let mut merged = generated();
    json_patch::merge(&mut merged["spec"], &theirs());
    merged["metadata"]["annotations"][labels::LAST_APPLIED] = json!(json!({"spec": theirs()}).to_string());
    assert_theirs(&run(&merged), &theirs());
}

#[test]
fn a_server_side_apply_leaves_what_it_names() {
    let mut merged = generated();
    json_patch::merge(&mut merged["spec"], &theirs());
    merged["metadata"]["managedFields"] = json!([
        {"manager": "coalmine", "operation": "Apply", "fieldsV1": {"f:spec": {"f:provider": {}}}},
        {"manager": "flux", "operation": "Apply", "fieldsV1": {"f:metadata": {}, "f:spec": {
            "f:targetRef": {"f:kind": {}, "f:name": {}}, "f:service": {"f:port": {}},
            "f:analysis": {"f:interval": {}, "f:iterations": {}}}}},
    ]);
    assert_theirs(&run(&merged), &theirs());
}

#[test]
fn an_edit_keeps_what_its_writer_saw() {
    let mut edited = generated();
    edited["spec"]["analysis"]["interval"] = json!("1m");
    let stored = run(&edited);
    assert_theirs(&stored, &edited["spec"]);
}

#[test]
fn labels_and_annotations_alone_take_nothing_over() {
    let mut marked = generated();
    marked["metadata"]["annotations"]["flagger.app/reset"] = json!("true");
    assert_eq!(run(&marked), marked);
}

#[test]
fn nobody_owns_a_spec_that_we_generated() {
    let mut ours = generated();
    ours["metadata"]["managedFields"] = json!([{"manager": "coalmine", "operation": "Apply", "fieldsV1": {
        "f:metadata": {"f:labels": {"f:coalmine.dev/generated": {}}}, "f:spec": {"f:provider": {}}}}]);
    let request = Request {
        object: ours.clone(),
        ..Request::default()
    };
    let stored = applied(&ours, &mutate(&request, true)).unwrap();
    assert_eq!(
        stored["metadata"]["managedFields"][0]["fieldsV1"],
        json!({"f:metadata": {"f:labels": {"f:coalmine.dev/generated": {}}}})
    );
    assert_eq!(stored["spec"], ours["spec"]);
}
