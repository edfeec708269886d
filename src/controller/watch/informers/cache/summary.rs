//! What is kept of an object of which not all is needed.

use crate::api::labels::CONFIG_TRACKING;
use serde_json::{Value, json};

/// What the cache keeps of a workload that it knows by its name and by the labels of its pods.
pub fn by_pods(object: &Value) -> Value {
    let labels = object.pointer("/spec/template/metadata/labels");
    json!({
        "apiVersion": object.get("apiVersion"), "kind": object.get("kind"), "metadata": object.get("metadata"),
        "spec": {"template": {"metadata": {"labels": labels}}},
    })
}

/// What the cache keeps of a ConfigMap or Secret, which it knows by its metadata.
pub fn summary(object: &Value) -> Value {
    let meta = |field: &str| object.pointer(&format!("/metadata/{field}")).cloned();
    let tracking = object
        .get("metadata")
        .and_then(|m| m.get("annotations")?.get(CONFIG_TRACKING).cloned());
    let annotations = tracking.map(|value| json!({CONFIG_TRACKING: value}));
    json!({
        "kind": object.get("kind"),
        "metadata": {
            "name": meta("name"), "namespace": meta("namespace"), "uid": meta("uid"),
            "resourceVersion": meta("resourceVersion"), "ownerReferences": meta("ownerReferences"),
            "annotations": annotations,
        },
    })
}
