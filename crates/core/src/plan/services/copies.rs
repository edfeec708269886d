//! The two copies of a core Service that is itself the target: `NAME-primary` and `NAME-canary`.
//!
//! There are no pods to start or stop. The canary copy follows the author's Service, primary's copy is the promoted one,
//! and traffic goes between the two.

use crate::api::labels;
use crate::object::text;
use crate::plan::{Blueprint, primary::REVISION_ANNOTATION};
use crate::routing::OwnRoute;
use serde_json::{Value, json};

/// Fields that the API server gives each Service for itself.
const OWN: [&str; 5] = [
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "healthCheckNodePort",
];

/// Whether the object is a core Service.
pub fn is_service(object: &Value) -> bool {
    text(object, "/kind") == "Service" && OwnRoute::of(object).is_none()
}

/// What a copy has of a Service, and what makes its revision: the spec without what each Service gets for itself.
pub fn copied_spec(service: &Value) -> Value {
    let mut spec = service.get("spec").cloned().unwrap_or_default();
    let headless = spec.get("clusterIP").and_then(Value::as_str) == Some("None");
    if let Some(members) = spec.as_object_mut() {
        members.retain(|key, _| !OWN.contains(&key.as_str()));
        if headless {
            members.insert("clusterIP".to_owned(), json!("None"));
        }
    }
    for port in spec
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(members) = port.as_object_mut() {
            members.remove("nodePort");
        }
    }
    spec
}

/// Name of the canary copy.
pub fn canary_name(blueprint: &Blueprint) -> String {
    format!("{}-canary", blueprint.target)
}

/// The copy `name` with the copied `spec`, of the revision `hash`.
pub fn copy(name: &str, spec: &Value, hash: &str, blueprint: &Blueprint) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": blueprint.namespace,
            "labels": {labels::MANAGED_BY: labels::MANAGED_BY_FLAGGER, labels::GENERATED: labels::TRUE},
            "annotations": {REVISION_ANNOTATION: hash},
            "ownerReferences": blueprint.owner_references(),
        },
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::workload::template::{authored, revision};

    #[test]
    fn a_copy_is_the_revision_it_was_made_of_whatever_it_is_given_for_itself() {
        let own = json!({"kind": "Service", "spec": {
            "clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"], "ipFamilies": ["IPv4"], "type": "NodePort",
            "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 9898, "nodePort": 30001}]}});
        let hash = revision(&own).unwrap();
        let mut made = copy("web-canary", &authored(&own).unwrap(), &hash, &Blueprint::sample());
        assert_eq!(made["spec"]["ports"], json!([{"port": 80, "targetPort": 9898}]));
        made["spec"]["clusterIP"] = json!("10.0.0.9");
        made["spec"]["ports"][0]["nodePort"] = json!(30002);
        assert_eq!(revision(&made), Some(hash));
        let mut headless = own.clone();
        headless["spec"]["clusterIP"] = json!("None");
        assert_ne!(revision(&headless), revision(&own));
    }
}
