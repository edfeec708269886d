//! The target: its labels, replicas, pause, and its template on the way out.

use super::Pair;
use crate::{
    analysis::{Target, World},
    api::labels,
    controller::{
        cache::Kind,
        live::{label, text},
        write::Write,
    },
    plan::revision::{same_template, template_of},
};
use serde_json::{Map, Value, json};

impl Pair<'_> {
    pub(super) fn target(&self, world: &World, writes: &mut Vec<Write>) {
        let (Some(object), Some(seen)) = (&self.live.target, &self.seen.target) else {
            return;
        };
        let mut wanted = Map::new();
        if let Some(state) = world.target_state {
            wanted.insert(labels::MANAGED.to_owned(), json!(labels::TRUE));
            // Where an autoscaler decides, what the author wanted once stays as it was.
            if self.seen.scaler.is_none() || label(object, labels::DESIRED_REPLICAS).is_none() {
                wanted.insert(labels::DESIRED_REPLICAS.to_owned(), json!(seen.wanted.to_string()));
            }
            wanted.insert(labels::STATE.to_owned(), json!(state.as_str()));
            if seen.bypassed {
                wanted.insert(labels::REVISION.to_owned(), json!(template_of(&seen.revision)));
            }
        }
        wanted.retain(|key, value| label(object, key) != value.as_str());
        if world.unpause {
            wanted.insert(labels::HELD.to_owned(), Value::Null);
        }
        let mut spec = Map::new();
        if let Some(replicas) = world.target_replicas.filter(|r| *r != seen.replicas) {
            spec.insert("replicas".to_owned(), json!(replicas));
        }
        if world.unpause && seen.paused {
            spec.insert("paused".to_owned(), Value::Null);
        }
        self.restored_template(world, seen, object, writes);
        if wanted.is_empty() && spec.is_empty() {
            return;
        }
        let mut body =
            json!({"metadata": {"labels": wanted, "resourceVersion": text(object, "/metadata/resourceVersion")}});
        if let (Some(members), false) = (body.as_object_mut(), spec.is_empty()) {
            members.insert("spec".to_owned(), Value::Object(spec));
        }
        writes.push(Write::Merge {
            kind: Kind::Deployment,
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.target.clone(),
            body,
        });
    }

    // Leaving: what serves afterwards is what was verified, even when the target holds something else.
    fn restored_template(&self, world: &World, seen: &Target, object: &Value, writes: &mut Vec<Write>) {
        let Some(revision) = world
            .target_revision
            .as_ref()
            .filter(|r| !same_template(r, &seen.revision))
        else {
            return;
        };
        let Some(template) = self.live.template(revision) else {
            return;
        };
        writes.push(Write::Patch {
            kind: Kind::Deployment,
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.target.clone(),
            operations: json!([
                {"op": "test", "path": "/metadata/uid", "value": text(object, "/metadata/uid")},
                {"op": "replace", "path": "/spec/template", "value": template},
            ]),
        });
    }
}
