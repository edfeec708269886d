//! The identity of a revision: a hash of the pod template as the API server stores it.
//!
//! Two templates are the same revision when their canonical JSON is equal: keys sorted, `null`, `{}` and `[]` members
//! left out (an API server of another version may add or omit them), and without the `pod-template-hash` label, which
//! the Deployment controller adds to the templates of ReplicaSets. The text carries a version, so that a change of this
//! rule re-baselines instead of starting a run in every namespace.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The rule's version; the first characters of every hash.
pub const VERSION: &str = "v1";

/// The label that the Deployment controller adds to a ReplicaSet's template.
pub const POD_TEMPLATE_HASH: &str = "pod-template-hash";

/// Hash of a pod template (`spec.template` of a Deployment or ReplicaSet), for example `v1-5f0c9a…`.
///
/// 19 characters, fit for a label value. Equal for a Deployment and for the ReplicaSet made from it.
pub fn template_hash(template: &Value) -> String {
    let mut text = String::new();
    canonical(template, &mut Vec::new(), &mut text);
    let digest = Sha256::digest(text.as_bytes());
    let mut out = format!("{VERSION}-");
    for byte in digest.iter().take(8) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Whether `hash` was made by this version of the rule.
pub fn is_current(hash: &str) -> bool {
    hash.strip_prefix(VERSION).is_some_and(|rest| rest.starts_with('-'))
}

fn canonical(value: &Value, path: &mut Vec<String>, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort();
            out.push('{');
            let mut first = true;
            for key in keys {
                let Some(member) = members.get(key) else { continue };
                if is_empty(member) || is_template_hash_label(path, key) {
                    continue;
                }
                if !first {
                    out.push(',');
                }
                first = false;
                let _ = write!(out, "{}:", Value::String(key.clone()));
                path.push(key.clone());
                canonical(member, path, out);
                path.pop();
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                path.push(String::from("[]"));
                canonical(item, path, out);
                path.pop();
            }
            out.push(']');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

// An emptyDir volume is `{"emptyDir":{}}`: the member is empty, and yet it is what tells the volume's kind. Two volumes
// of one name cannot both be empty of everything, so leaving it out loses nothing a template can differ in.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn is_template_hash_label(path: &[String], key: &str) -> bool {
    key == POD_TEMPLATE_HASH
        && path.len() == 2
        && path.first().is_some_and(|p| p == "metadata")
        && path.get(1).is_some_and(|p| p == "labels")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_replica_sets_template_has_the_deployments_hash() {
        let deployment = json!({"metadata": {"labels": {"app": "web"}, "creationTimestamp": null}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}});
        let replica_set = json!({"spec": {"containers": [{"image": "web:1", "name": "web", "resources": {}}]}, "metadata": {"labels": {"pod-template-hash": "abc", "app": "web"}}});
        assert_eq!(template_hash(&deployment), template_hash(&replica_set));
        assert!(is_current(&template_hash(&deployment)));
        assert_eq!(template_hash(&deployment).len(), 19);
    }

    #[test]
    fn another_image_is_another_revision() {
        let one = json!({"spec": {"containers": [{"image": "web:1"}]}});
        let two = json!({"spec": {"containers": [{"image": "web:2"}]}});
        assert_ne!(template_hash(&one), template_hash(&two));
    }

    #[test]
    fn the_label_counts_outside_the_templates_own_labels() {
        let one = json!({"spec": {"nodeSelector": {"pod-template-hash": "a"}}});
        let two = json!({"spec": {"nodeSelector": {"pod-template-hash": "b"}}});
        assert_ne!(template_hash(&one), template_hash(&two));
    }
}
