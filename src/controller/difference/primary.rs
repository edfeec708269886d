//! Primary: made from a revision of the target, put right, and resized.
//!
//! It is that revision and nothing else. A new one is created; the template of one that exists is replaced as a whole,
//! because an apply would leave in it what others put there. Its number of pods is not touched where an autoscaler
//! decides it.

mod autoscaler;
mod budgets;
mod configs;
mod history;
mod named;

use super::{Conflict, Pair, metadata, patch};
use crate::object::text;
use crate::{
    analysis::{DesiredState, PrimaryTemplate},
    api::labels::TargetState,
    controller::{
        difference::write::Write,
        watch::pair::owners::{is_owned, is_owned_by},
    },
    patches,
    plan::{self, ApexSide, REVISION_ANNOTATION, primary, services::copies, strategy_field},
};
use json_patch::{Patch, PatchOperation};
use serde_json::{Map, Value, json};

/// What primary is to be made from.
struct Due {
    revision: String,
    /// It was promoted before: what was copied of its configs is right as it is.
    again: bool,
    /// It carries nothing while it is made.
    idle: bool,
}

impl Pair<'_> {
    pub(super) fn primary(&self, desired: &DesiredState, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        // Of a target that was deleted, primary remembers what is not in the template.
        let like = self.live.target.as_ref().or(self.live.primary.as_ref());
        let (Some(from), Some(target)) = (&desired.primary, like) else {
            return self.resized(desired, writes);
        };
        let Some(due) = self.due(from, carries_nothing(desired)) else {
            self.kept(desired, target, writes);
            return self.resized(desired, writes);
        };
        if let Some(own) = self.blueprint.workload.own_route() {
            return writes.extend(self.served_by(own, target, &due));
        }
        let foreign = |object: &&Value| !self.is_ours(object) && !self.is_edited();
        if let Some(object) = self.live.primary.as_ref().filter(foreign) {
            conflicts.push(Conflict::Name(
                self.blueprint.workload.kind(),
                text(object, "/metadata/name").to_owned(),
            ));
            return;
        }
        if let Some(template) = self.with_copies(&due.revision, due.again, writes, conflicts) {
            writes.extend(self.made(desired, target, &template, &due));
        }
    }

    // The write that makes primary of this template, with what of its `target` is not in it.
    fn made(&self, desired: &DesiredState, target: &Value, template: &Value, due: &Due) -> Option<Write> {
        if self.blueprint.workload.is_copied() {
            let name = self.blueprint.primary_name();
            let object = copies::copy(&name, template, &due.revision, self.blueprint);
            let kind = self.kind();
            return Some(Write::Apply { kind, object });
        }
        let live = self.seen.primary.as_ref();
        let replicas = desired.primary_replicas.or(live.map(|p| p.replicas));
        let replicas = replicas.unwrap_or_else(|| self.seen.target.as_ref().map_or(1, |t| t.wanted));
        let (revision, selector) = (&due.revision, self.selector);
        let wanted = primary(target, template, revision, replicas, selector, self.blueprint);
        match &self.live.primary {
            Some(live) => self.replaced(live, wanted, due),
            None => Some(Write::Create {
                kind: self.kind(),
                object: wanted,
            }),
        }
    }

    // Nothing, when it is as it is to be.
    fn due(&self, from: &PrimaryTemplate, idle: bool) -> Option<Due> {
        let live = self.seen.primary.as_ref();
        let due = |revision: &String, again, idle| Due {
            revision: revision.clone(),
            again,
            idle,
        };
        match (from, live) {
            (PrimaryTemplate::Keep, Some(_)) => None,
            (PrimaryTemplate::Keep, None) => self.seen.promoted.as_ref().map(|hash| due(hash, true, true)),
            (PrimaryTemplate::Restored(hash), _) => Some(due(hash, true, false)),
            (PrimaryTemplate::Revision(hash), Some(primary))
                if primary.revision.as_ref() == Some(hash) && !primary.edited =>
            {
                None
            }
            (PrimaryTemplate::Revision(hash), _) => Some(due(hash, false, idle)),
        }
    }

    // It was written by us; whoever replaced it since may have taken its owner away.
    fn is_edited(&self) -> bool {
        self.seen.primary.as_ref().is_some_and(|primary| primary.edited)
    }

    // The write that makes a live primary what is wanted; one that could not select its new pods goes, and is made anew
    // by the next look.
    fn replaced(&self, live: &Value, wanted: Value, due: &Due) -> Option<Write> {
        if !selects(live, &wanted) {
            return due.idle.then(|| Write::Delete {
                kind: self.kind(),
                namespace: self.blueprint.namespace.clone(),
                name: text(live, "/metadata/name").to_owned(),
                uid: text(live, "/metadata/uid").to_owned(),
            });
        }
        let of = |object: &Value, path: &str| object.pointer(path).cloned().unwrap_or_default();
        let mut operations = vec![
            patches::test(["metadata", "uid"], of(live, "/metadata/uid")),
            patches::test(["metadata", "generation"], of(live, "/metadata/generation")),
            patches::replace(["spec", "template"], of(&wanted, "/spec/template")),
        ];
        self.spec_operations(live, &wanted, due, &mut operations);
        metadata::added(live, &wanted, &mut operations);
        self.owner_operations(live, &mut operations);
        Some(Write::Patch {
            kind: self.kind(),
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.primary_name(),
            operations: Patch(operations),
        })
    }

    fn spec_operations(&self, live: &Value, wanted: &Value, due: &Due, operations: &mut Vec<PatchOperation>) {
        let strategy = strategy_field(self.blueprint.workload);
        let all_at_once = plan::all_at_once();
        let scaled = self.seen.scaler.is_some();
        let mut fields: Vec<(&str, Option<&Value>)> = plan::COPIED
            .into_iter()
            .chain(Some("replicas").filter(|_| !scaled))
            .map(|field| (field, wanted.get("spec").and_then(|spec| spec.get(field))))
            .collect();
        // With nothing to lose there is no need of room for more pods than there are.
        let own = wanted.get("spec").and_then(|spec| spec.get(strategy));
        fields.push((strategy, if due.idle { Some(&all_at_once) } else { own }));
        // Under a pause it would never be replaced.
        fields.push(("paused", None));
        for (field, value) in fields {
            let place = ["spec", field];
            match (live.get("spec").and_then(|spec| spec.get(field)), value) {
                (now, Some(value)) if now != Some(value) => operations.push(patches::add(place, value.clone())),
                (Some(_), None) => operations.push(patches::remove(place)),
                _ => {}
            }
        }
    }

    // One controller, which is our Canary.
    fn owner_operations(&self, live: &Value, operations: &mut Vec<PatchOperation>) {
        let owners = live.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let ours = self.blueprint.owners_of_a_half();
        let ours = ours.as_array().map(Vec::as_slice).unwrap_or_default();
        let name = |owner: &Value| (owner.get("kind").cloned(), owner.get("name").cloned());
        let is_canary = |owner: &Value| owner.get("kind").and_then(Value::as_str) == Some("Canary");
        let is_ours = |owner: &&Value| is_canary(owner) || ours.iter().any(|our| name(our) == name(owner));
        let others = owners.into_iter().flatten().filter(|owner| !is_ours(owner)).cloned();
        let wanted: Vec<Value> = ours.iter().cloned().chain(others).collect();
        if owners != Some(&wanted) {
            operations.push(patches::add(["metadata", "ownerReferences"], wanted));
        }
    }

    // What a primary that stays as it is lacks, none of which rolls a pod: at rest, its author's way to replace pods, after
    // it was replaced at once; and our name for what Flagger made.
    fn kept(&self, desired: &DesiredState, target: &Value, writes: &mut Vec<Write>) {
        let Some(live) = self.live.primary.as_ref() else { return };
        let mut operations = Vec::new();
        if desired.primary != Some(PrimaryTemplate::Keep) || !self.blueprint.workload.rolls() {
            return;
        }
        let field = strategy_field(self.blueprint.workload);
        let has = live.get("spec").and_then(|spec| spec.get(field));
        let own = plan::own_strategy(target, self.blueprint.workload);
        let all_at_once = plan::all_at_once();
        let rests = desired.target_replicas == Some(0) || self.seen.target.is_none();
        // Without the target nobody knows its own way any more.
        let own = match own {
            Some(own) if own == all_at_once && self.seen.target.is_none() => Some(json!({"type": "RollingUpdate"})),
            own => own,
        };
        if let Some(own) = own.filter(|own| rests && *own != all_at_once && has == Some(&all_at_once)) {
            operations.push(patches::add(["spec", field], own));
        }
        // Whoever took its owner away would have it collected, or enrolled as an app of its own.
        let told = self.seen.inherited.is_some() || plan::primary_revision(live).is_some();
        let target = self.blueprint.target_uid.as_deref();
        if told && (!is_owned(live, self.blueprint) || target.is_some_and(|uid| !is_owned_by(live, uid))) {
            self.owner_operations(live, &mut operations);
        }
        self.named(live, &mut operations);
        if !operations.is_empty() {
            operations.insert(0, super::test_version(live));
            writes.push(patch(self.kind(), live, operations));
        }
    }

    // By which revision of ours a primary of Flagger's is known, and the label that tells the halves apart.
    fn named(&self, live: &Value, operations: &mut Vec<PatchOperation>) {
        let Some(inherited) = &self.seen.inherited else { return };
        let key = self.selector.key.as_str();
        let pods = live.pointer("/spec/template/metadata/labels");
        let value = pods.and_then(|all| all.get(key));
        let labels: Map<String, Value> = value.map(|value| (key.to_owned(), value.clone())).into_iter().collect();
        let wanted = json!({"metadata": {"labels": labels, "annotations": {REVISION_ANNOTATION: inherited.revision}}});
        metadata::added(live, &wanted, operations);
    }

    fn resized(&self, desired: &DesiredState, writes: &mut Vec<Write>) {
        let Some(live) = &self.seen.primary else { return };
        let Some(replicas) = desired.primary_replicas.filter(|r| !live.fixed && *r != live.replicas) else {
            return;
        };
        writes.push(Write::Merge {
            kind: self.kind(),
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.primary_name(),
            body: json!({"spec": {"replicas": replicas}}),
        });
    }
}

// Whether primary has no traffic in this desired state: it is the target's, or there is none yet. Without a target it is primary's,
// whatever it was about to be.
fn carries_nothing(desired: &DesiredState) -> bool {
    desired.apex != Some(ApexSide::Primary) || desired.target_state == Some(TargetState::Cold)
}

// Nobody may change a selector, so it has to do for the pods of the new template.
fn selects(live: &Value, wanted: &Value) -> bool {
    let selector = live.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let pods = wanted.pointer("/spec/template/metadata/labels");
    let mut labels = selector.into_iter().flatten();
    labels.all(|(key, value)| pods.and_then(|pods| pods.get(key)) == Some(value))
}
