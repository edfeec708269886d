//! The live objects of one pair, as the caches hold them.

use crate::{
    plan::{Blueprint, hash::POD_TEMPLATE_HASH, hash::template_hash},
    routing::httproute,
};
use serde_json::Value;

/// Objects of one pair.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// The target Deployment.
    pub target: Option<Value>,
    /// Primary's Deployment.
    pub primary: Option<Value>,
    /// ReplicaSets of both.
    pub replica_sets: Vec<Value>,
    /// The apex Service.
    pub apex: Option<Value>,
    /// `{apex}-primary`.
    pub primary_service: Option<Value>,
    /// `{apex}-canary`.
    pub canary_service: Option<Value>,
    /// EndpointSlices of `-primary` and `-canary`.
    pub slices: Vec<Value>,
    /// Routes that name a Service of the pair.
    pub routes: Vec<Value>,
    /// The user's autoscaler, as the Canary names it.
    pub scaler: Option<Value>,
    /// Autoscalers that this Canary owns, and whatever has the name of primary's.
    pub twins: Vec<Value>,
    /// KEDA ScaledObjects that scale the target.
    pub target_scaled_objects: Vec<Value>,
}

impl Live {
    /// Keeps of `routes` those that concern the pair.
    pub fn concerned(routes: impl Iterator<Item = Value>, blueprint: &Blueprint) -> Vec<Value> {
        let Some(names) = &blueprint.names else {
            return Vec::new();
        };
        let is_ours = |route: &Value| text(route, "/metadata/name") == names.apex;
        routes
            .filter(|route| httproute::refers_to(route, names) || is_ours(route))
            .collect()
    }

    /// The autoscalers that we made for this Canary.
    pub fn own_twins<'a>(&'a self, blueprint: &'a Blueprint) -> impl Iterator<Item = &'a Value> {
        let going = |twin: &Value| twin.pointer("/metadata/deletionTimestamp").is_some();
        self.twins
            .iter()
            .filter(move |twin| is_owned(twin, blueprint) && !going(twin))
    }

    /// ReplicaSets that `owner` controls.
    pub fn sets_of<'a>(&'a self, owner: &Value) -> impl Iterator<Item = &'a Value> + use<'a> {
        let uid = text(owner, "/metadata/uid").to_owned();
        self.replica_sets.iter().filter(move |set| {
            let owners = set
                .pointer("/metadata/ownerReferences")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            owners
                .into_iter()
                .any(|o| o.get("uid").and_then(Value::as_str) == Some(uid.as_str()))
        })
    }

    /// The pod template of a revision of the target: its own, or one that a stored ReplicaSet remembers.
    pub fn template(&self, hash: &str) -> Option<Value> {
        let target = self.target.as_ref()?;
        let own = target.pointer("/spec/template")?;
        if template_hash(own) == hash {
            return Some(own.clone());
        }
        let set = self
            .sets_of(target)
            .find(|set| set_hash(set).as_deref() == Some(hash))?;
        let mut template = set.pointer("/spec/template")?.clone();
        if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            labels.remove(POD_TEMPLATE_HASH);
        }
        Some(template)
    }
}

/// Whether the Canary of `blueprint` owns an object.
pub fn is_owned(object: &Value, blueprint: &Blueprint) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let uid = blueprint.owner.uid.as_deref();
    let mut owners = owners.into_iter().flatten();
    uid.is_some() && owners.any(|owner| owner.get("uid").and_then(Value::as_str) == uid)
}

/// The revision of a ReplicaSet's template.
pub fn set_hash(set: &Value) -> Option<String> {
    set.pointer("/spec/template").map(template_hash)
}

/// The string at a JSON pointer, or "".
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A label of an object.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// An annotation of an object.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}
