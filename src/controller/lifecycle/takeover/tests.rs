//! Who takes whose place, and how.

mod handed_over;

use super::*;
use crate::api::labels;
use serde_json::json;

fn canary(name: &str, generated: bool, leaving: bool) -> Arc<Canary> {
    let labels = if generated {
        json!({labels::GENERATED: "true"})
    } else {
        json!({})
    };
    let mut value = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": name, "namespace": "web", "uid": format!("uid-{name}"), "labels": labels},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
    });
    if leaving {
        value["metadata"]["deletionTimestamp"] = json!("2026-11-23T10:00:00Z");
    }
    Arc::new(serde_json::from_value(value).unwrap())
}

#[test]
fn the_hand_written_one_is_the_heir_until_the_generated_one_is_gone() {
    let (ours, theirs) = (canary("shop", true, false), canary("mine", false, false));
    let all = [ours.clone(), theirs.clone()];
    assert_eq!(place(&ours, &all), Place::Predecessor(theirs.clone()));
    assert_eq!(place(&theirs, &all), Place::Heir(ours.clone()));
    let going = canary("shop", true, true);
    let all = [going.clone(), theirs.clone()];
    assert_eq!(place(&going, &all), Place::Predecessor(theirs.clone()));
    assert_eq!(place(&theirs, &all), Place::Heir(going.clone()));
    assert_eq!(place(&theirs, std::slice::from_ref(&theirs)), Place::Alone);
    let withdrawn = canary("mine", false, true);
    assert_eq!(place(&ours, &[ours.clone(), withdrawn]), Place::Alone);
}

#[test]
fn only_the_reference_to_the_generated_one_changes() {
    let heir = canary("mine", false, false);
    let object = json!({"metadata": {"name": "shop-primary", "namespace": "web", "ownerReferences": [
        {"kind": "Other", "name": "x", "uid": "u-x"},
        {"kind": "Canary", "name": "shop", "uid": "uid-shop", "controller": true},
    ]}});
    let Some(Write::Patch { operations, name, .. }) = reowned(Kind::Deployment, &object, "uid-shop", &heir) else {
        panic!("a patch");
    };
    let after = patches::applied(&object, &operations).unwrap();
    assert_eq!(name, "shop-primary");
    assert_eq!(
        after["metadata"]["ownerReferences"][1],
        json!({"kind": "Canary", "name": "mine", "uid": "uid-mine", "controller": true})
    );
    assert_eq!(
        after["metadata"]["ownerReferences"][0],
        object["metadata"]["ownerReferences"][0]
    );
    assert_eq!(reowned(Kind::Deployment, &object, "uid-else", &heir), None);
}
