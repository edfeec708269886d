//! The pod template of a workload or of a stored revision of it, as its author wrote it.
//!
//! Three things in a stored template are not the author's: the label the Deployment controller gives the pods of a
//! ReplicaSet, the node selector that keeps a DaemonSet at no pods, and what a Canary changes for canary pods only
//! ([`super::overrides`]). The identity of a revision, and primary, come from what is left.

use super::{overrides::Record, service};
use crate::plan::revision::hash::{POD_TEMPLATE_HASH, template_hash};
use crate::routing::OwnRoute;
use serde_json::{Value, json};

/// Node selector that no node has: Flagger's way to keep a DaemonSet at zero pods. Its value is `"true"`.
pub const SCALE_TO_ZERO: &str = "flagger.app/scale-to-zero";

/// The pod template of a Deployment, DaemonSet, ReplicaSet or ControllerRevision without what we or Kubernetes put in;
/// what is copied of a core Service.
pub fn authored(object: &Value) -> Option<Value> {
    if service::is_service(object) {
        return Some(service::copied_spec(object));
    }
    // Whoever runs its revisions makes and names them as well.
    if OwnRoute::of(object).is_some() {
        return None;
    }
    let mut template = stored(object)?.clone();
    if let Some(members) = template.as_object_mut() {
        // How a ControllerRevision says that it replaces a template.
        members.remove("$patch");
    }
    without(&mut template, "/metadata/labels", POD_TEMPLATE_HASH);
    let_go(&mut template);
    Some(match Record::of(object) {
        Some(record) => record.restored(&template),
        None => template,
    })
}

/// The identity of a workload's, or a stored revision's, template.
pub fn revision(object: &Value) -> Option<String> {
    authored(object).as_ref().map(template_hash)
}

/// Whether the node selector keeps every pod of a DaemonSet away.
pub fn is_scaled_to_zero(object: &Value) -> bool {
    let selector = stored(object).and_then(|template| template.pointer("/spec/nodeSelector"));
    selector.is_some_and(|selector| selector.get(SCALE_TO_ZERO).is_some())
}

/// Gives a pod template the node selector that keeps every pod of a DaemonSet away.
pub fn keep_at_zero(template: &mut Value) {
    let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    let selector = spec.entry("nodeSelector").or_insert_with(|| json!({}));
    if let Some(members) = selector.as_object_mut() {
        members.insert(SCALE_TO_ZERO.to_owned(), json!("true"));
    }
}

/// Takes that selector out again.
pub fn let_go(template: &mut Value) {
    without(template, "/spec/nodeSelector", SCALE_TO_ZERO);
}

/// The template where a workload or ReplicaSet has it, or a ControllerRevision.
fn stored(object: &Value) -> Option<&Value> {
    object
        .pointer("/spec/template")
        .or_else(|| object.pointer("/data/spec/template"))
}

fn without(template: &mut Value, map: &str, key: &str) {
    let Some(members) = template.pointer_mut(map).and_then(Value::as_object_mut) else {
        return;
    };
    if members.remove(key).is_none() || !members.is_empty() {
        return;
    }
    let (parent, last) = map.rsplit_once('/').unwrap_or(("", map));
    if let Some(parent) = template.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selector_that_keeps_pods_away_is_no_part_of_a_revision() {
        let spec = |selector: Value| json!({"spec": {"template": {"spec": {"nodeSelector": selector, "containers": [{"image": "web:1"}]}}}});
        let (plain, away) = (spec(json!({})), spec(json!({SCALE_TO_ZERO: "true"})));
        assert_eq!(revision(&plain), revision(&away));
        assert!(is_scaled_to_zero(&away) && !is_scaled_to_zero(&plain));
        assert_eq!(
            authored(&away).unwrap(),
            json!({"spec": {"containers": [{"image": "web:1"}]}})
        );
        let own = spec(json!({SCALE_TO_ZERO: "true", "pool": "a"}));
        assert_eq!(authored(&own).unwrap()["spec"]["nodeSelector"], json!({"pool": "a"}));
    }

    #[test]
    fn a_controller_revision_remembers_the_same_template() {
        let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"image": "web:1"}]}});
        let mut data = template.clone();
        data["$patch"] = json!("replace");
        let remembered = json!({"data": {"spec": {"template": data}}});
        assert_eq!(authored(&remembered), Some(template.clone()));
        assert_eq!(
            revision(&remembered),
            revision(&json!({"spec": {"template": template}}))
        );
    }
}
