//! The live objects of one pair, as the caches hold them.

use super::configs::{Configs, Survey};
use crate::{
    plan::{Blueprint, hash::POD_TEMPLATE_HASH, hash::template_hash, revision::template_of},
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
    /// ConfigMaps and Secrets that its templates name, and their copies.
    pub configs: Configs,
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

    /// The templates of the target: its own, and those that stored ReplicaSets remember.
    pub fn templates(&self) -> impl Iterator<Item = &Value> {
        let sets = self.target.iter().flat_map(|target| self.sets_of(target));
        self.target
            .iter()
            .chain(sets)
            .filter_map(|object| object.pointer("/spec/template"))
    }

    /// What is known of every revision of the target.
    pub fn surveys(&self) -> Vec<Survey> {
        self.templates().map(|template| self.configs.survey(template)).collect()
    }

    /// The revision of the object's template (a Deployment's or ReplicaSet's), with the configs of now.
    pub fn revision(&self, object: &Value) -> Option<String> {
        let template = object.pointer("/spec/template")?;
        Some(self.configs.survey(template).revision)
    }

    /// The pod template of a revision of the target: its own, or one that a stored ReplicaSet remembers.
    pub fn template(&self, revision: &str) -> Option<Value> {
        let hash = template_of(revision);
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
