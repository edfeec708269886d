//! NetworkPolicies that say more than is looked at: what is left of them, and what that means for a pair.

use super::policies::is_inside;
use crate::object::{annotation, text};
use serde_json::{Value, json};

/// Most bytes of the selectors of one policy, as JSON: as values they may take forty times that, and whoever may write one in
/// any namespace may write many.
pub const MOST_SELECTORS: usize = 64 * 1024;
/// The annotation that marks one with more, for whoever keeps it. What others have annotated is not kept of any, so nobody
/// else can set it; it is never written.
pub const TOO_LARGE: &str = "too-large";

/// Leaves of a policy what is looked at, whom it protects and which pods and namespaces it names as peers, and marks it where
/// that is too much.
pub fn slim(policy: &mut Value) {
    let Some(spec) = policy.get_mut("spec") else { return };
    for (rules, side) in [("ingress", "from"), ("egress", "to")] {
        let rules = spec.get_mut(rules).and_then(Value::as_array_mut);
        for rule in rules.into_iter().flatten() {
            if let Some(members) = rule.as_object_mut() {
                members.remove("ports");
            }
            // Addresses are no pods.
            if let Some(peers) = rule.get_mut(side).and_then(Value::as_array_mut) {
                peers.retain(|peer| peer.get("podSelector").is_some() || peer.get("namespaceSelector").is_some());
            }
        }
    }
    let bytes = spec.to_string().len();
    let metadata = policy.get_mut("metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = metadata.filter(|_| bytes > MOST_SELECTORS) {
        metadata.insert("annotations".to_owned(), json!({TOO_LARGE: bytes.to_string()}));
    }
}

/// Why no pair is made beside the first policy of the target's own namespace that is too large: whom it cuts off is not known,
/// and an app that is cut off is worse than one that is left alone. One of another namespace counts for nothing, as it is the
/// word of somebody else.
pub fn too_large(target: &Value, policies: &[Value]) -> Option<String> {
    let mut inside = policies.iter().filter(|policy| is_inside(target, policy));
    let policy = inside.find(|policy| annotation(policy, TOO_LARGE).is_some())?;
    Some(format!(
        "NetworkPolicy {:?} has more than {} KiB of selectors, which are not looked at, so whether it would cut primary's \
         pods off is not known; split it into several",
        text(policy, "/metadata/name"),
        MOST_SELECTORS / 1024
    ))
}
