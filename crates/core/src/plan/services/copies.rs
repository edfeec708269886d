//! The two copies of a core Service that is itself the target: `NAME-primary` and `NAME-canary`.
//!
//! There are no pods to start or stop. The canary copy follows the author's Service, primary's copy is the promoted one,
//! and traffic goes between the two.

use crate::api::labels;
use crate::plan::{Blueprint, primary::REVISION_ANNOTATION};
use serde_json::{Value, json};

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
