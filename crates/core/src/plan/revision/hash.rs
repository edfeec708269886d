//! The identity of a revision: a hash of the pod template as the API server stores it.
//!
//! Two templates are the same revision when their canonical JSON is equal: keys sorted, `null`, `{}` and `[]` members
//! left out (an API server of another version may add or omit them), and without the `pod-template-hash` label, which
//! the Deployment controller adds to the templates of ReplicaSets. The text carries a version, so that a change of this
//! rule re-baselines instead of starting a run in every namespace.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The rule's version; the first characters of every hash.
pub const VERSION: &str = "v1";

/// Bytes of canonical text that most templates stay below.
const TYPICAL: usize = 8 * 1024;

/// The label that the Deployment controller adds to a ReplicaSet's template.
pub const POD_TEMPLATE_HASH: &str = "pod-template-hash";

/// Hash of a pod template (`spec.template` of a Deployment or ReplicaSet), for example `v1-5f0c9a…`.
///
/// 19 characters, fit for a label value. Equal for a Deployment and for the ReplicaSet made from it.
pub fn template_hash(template: &Value) -> String {
    let mut text = Vec::with_capacity(TYPICAL);
    canonical(template, Place::Template, &mut text);
    let mut out = format!("{VERSION}-");
    for byte in Sha256::digest(&text).iter().take(8) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Whether `hash` was made by this version of the rule.
pub fn is_current(hash: &str) -> bool {
    hash.strip_prefix(VERSION).is_some_and(|rest| rest.starts_with('-'))
}

// Where in a template a value is, as far as the rule looks.
#[derive(Clone, Copy)]
enum Place {
    Template,
    Metadata,
    Labels,
    Elsewhere,
}

impl Place {
    fn member(self, key: &str) -> Self {
        match (self, key) {
            (Self::Template, "metadata") => Self::Metadata,
            (Self::Metadata, "labels") => Self::Labels,
            _ => Self::Elsewhere,
        }
    }

    fn leaves_out(self, key: &str) -> bool {
        matches!(self, Self::Labels) && key == POD_TEMPLATE_HASH
    }
}

fn canonical(value: &Value, place: Place, out: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            let mut first = true;
            for (key, member) in members {
                if is_empty(member) || place.leaves_out(key) {
                    continue;
                }
                if !first {
                    out.push(b',');
                }
                first = false;
                scalar(key, out);
                out.push(b':');
                canonical(member, place.member(key), out);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                canonical(item, Place::Elsewhere, out);
            }
            out.push(b']');
        }
        other => scalar(other, out),
    }
}

// Neither a text nor a number, written to memory, can fail.
fn scalar(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
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
    fn the_rule_stays_what_it_was() {
        // SHA-256 of the canonical text, made elsewhere: clusters remember these.
        let template = json!({
            "metadata": {"labels": {"app": "web", "pod-template-hash": "x"}, "annotations": {}},
            "spec": {"containers": [{"name": "a\"b\u{1}é", "ports": [{"containerPort": 80}], "args": ["1", 2.5, -3, true, null, {}]}], "tolerations": []},
        });
        assert_eq!(template_hash(&template), "v1-2dd5ceb4157ba110");
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
