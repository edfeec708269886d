//! The target: its labels, replicas, pause, and its template on the way out.

use super::{Pair, patch};
use crate::object::{annotation, label, text};
use crate::{
    analysis::{DesiredState, Pods, Target},
    api::labels::{self, ReleaseState},
    controller::difference::write::Write,
    patches,
    plan::{
        Workload,
        revision::{same_template, template_of},
        workload::{
            daemon_set::{self, UPDATE_STRATEGY},
            overrides, template,
        },
    },
};
use serde_json::{Map, Value, json};

impl Pair<'_> {
    pub(super) fn target(&self, desired: &DesiredState, writes: &mut Vec<Write>) {
        let ours = self.blueprint.workload.rolls();
        let (Some(object), Some(seen), true) = (&self.live.target, &self.seen.target, ours) else {
            return;
        };
        let spec = self.target_spec(desired, seen, object);
        let wanted = self.labels(desired, (object, seen), !spec.is_empty());
        self.template(desired, seen, object, writes);
        if wanted.is_empty() && spec.is_empty() {
            return;
        }
        let metadata = json!({"labels": wanted, "resourceVersion": text(object, "/metadata/resourceVersion")});
        let metadata = with(metadata, "annotations", self.annotations(desired, object));
        writes.push(Write::Merge {
            kind: self.kind(),
            namespace: self.blueprint.namespace.clone(),
            name: self.blueprint.target.clone(),
            body: with(json!({"metadata": metadata}), "spec", spec),
        });
    }

    // What is to change of its labels, where perhaps its spec changes as well.
    fn labels(&self, desired: &DesiredState, (object, seen): (&Value, &Target), and_spec: bool) -> Map<String, Value> {
        let mut wanted = self.place(desired, (object, seen));
        wanted.retain(|key, value| label(object, key) != value.as_str());
        if desired.unpause {
            wanted.insert(labels::HELD.to_owned(), Value::Null);
        } else if desired.pause {
            // No ControllerRevision tells which pods of a DaemonSet run while it is held.
            let held = match self.blueprint.workload == Workload::DaemonSet {
                true => template_of(&seen.revision),
                false => labels::TRUE,
            };
            wanted.insert(labels::HELD.to_owned(), json!(held));
        }
        // For itself, a mark that was never made is not worth a write.
        let marked = label(object, labels::RELEASE);
        let release = desired
            .release
            .map(ReleaseState::as_str)
            .filter(|is| marked != Some(is));
        if let Some(release) = release.filter(|_| marked.is_some() || !wanted.is_empty() || and_spec) {
            wanted.insert(labels::RELEASE.to_owned(), json!(release));
        }
        wanted
    }

    // The labels that say where in its pair it is.
    fn place(&self, desired: &DesiredState, (object, seen): (&Value, &Target)) -> Map<String, Value> {
        let mut wanted = Map::new();
        let Some(state) = desired.target_state else {
            return wanted;
        };
        wanted.insert(labels::MANAGED.to_owned(), json!(labels::TRUE));
        // Where an autoscaler decides, what the author wanted once stays as it was.
        if self.seen.scaler.is_none() || label(object, labels::DESIRED_REPLICAS).is_none() {
            wanted.insert(labels::DESIRED_REPLICAS.to_owned(), json!(seen.wanted.to_string()));
        }
        if let Some(asked) = self.live.asked {
            wanted.insert(labels::DESIRED_REPLICAS.to_owned(), json!(asked.to_string()));
        }
        wanted.insert(labels::STATE.to_owned(), json!(state.as_str()));
        if desired.admit {
            wanted.insert(labels::REVISION.to_owned(), json!(template_of(&seen.revision)));
        }
        wanted
    }

    // What is to change of its annotations. Who asked for a template that did not pass the webhook, nobody knows.
    fn annotations(&self, desired: &DesiredState, object: &Value) -> Map<String, Value> {
        let strategy = self.recorded_strategy(desired, object);
        let mut wanted: Map<String, Value> = strategy
            .map(|strategy| (UPDATE_STRATEGY.to_owned(), strategy))
            .into_iter()
            .collect();
        let stale = [labels::REQUESTED_BY, labels::ANNOUNCE];
        let stale = stale
            .iter()
            .filter(|key| desired.admit && annotation(object, key).is_some());
        wanted.extend(stale.map(|key| ((*key).to_owned(), Value::Null)));
        wanted
    }

    // What the annotation that remembers a held DaemonSet's own strategy becomes; `None` when it stays as it is.
    fn recorded_strategy(&self, desired: &DesiredState, object: &Value) -> Option<Value> {
        let recorded = annotation(object, UPDATE_STRATEGY).is_some();
        if desired.unpause {
            return recorded.then_some(Value::Null);
        }
        let holds = desired.pause && self.blueprint.workload == Workload::DaemonSet && !recorded;
        let own = holds.then(|| daemon_set::update_strategy(object)).flatten()?;
        Some(json!(own.to_string()))
    }

    // What of `spec` is to change of a target that rolls, but for the template's own content.
    fn target_spec(&self, desired: &DesiredState, seen: &Target, object: &Value) -> Map<String, Value> {
        let mut spec = Map::new();
        if self.blueprint.workload == Workload::DaemonSet {
            let scaled = desired.target_replicas.and_then(|n| daemon_set::scaled(object, n == 0));
            let released = desired.unpause.then(|| daemon_set::released(object)).flatten();
            let held = desired.pause.then(daemon_set::held);
            for part in [scaled, released, held].into_iter().flatten() {
                spec.extend(part.as_object().cloned().unwrap_or_default());
            }
            return spec;
        }
        if let Some(replicas) = desired.target_replicas.filter(|r| *r != seen.replicas) {
            spec.insert("replicas".to_owned(), json!(replicas));
        }
        if desired.unpause && seen.paused {
            spec.insert("paused".to_owned(), Value::Null);
        } else if desired.pause && !seen.paused {
            spec.insert("paused".to_owned(), json!(true));
        }
        spec
    }

    // Leaving, what serves afterwards is what was verified, even when the target holds something else, and where its
    // author wants it; a canary is where the Canary wants it.
    fn template(&self, desired: &DesiredState, seen: &Target, object: &Value, writes: &mut Vec<Write>) {
        let restored = desired
            .target_revision
            .as_ref()
            .filter(|r| !same_template(r, &seen.revision));
        let author = match restored {
            Some(revision) => self.live.template(revision),
            None => template::authored(object),
        };
        let moved = match desired.target_pods {
            Some(Pods::Plain) => !seen.plain,
            Some(Pods::Overridden) => !seen.overridden,
            None => false,
        };
        let Some(author) = author.filter(|_| moved || restored.is_some()) else {
            return;
        };
        let none = Map::new();
        let set = if desired.target_pods == Some(Pods::Overridden) {
            &self.blueprint.overrides
        } else {
            &none
        };
        writes.push(self.rewritten(object, &author, set));
    }

    /// The write that gives the target the template `author` with the fields `set`; a DaemonSet stays where it is.
    pub(super) fn rewritten(&self, object: &Value, author: &Value, set: &Map<String, Value>) -> Write {
        let (mut wanted, record) = overrides::applied(author, set);
        if template::is_scaled_to_zero(object) {
            template::keep_at_zero(&mut wanted);
        }
        let mut operations = vec![
            patches::test(["metadata", "uid"], text(object, "/metadata/uid")),
            patches::replace(["spec", "template"], wanted),
        ];
        let place = ["metadata", "annotations", overrides::ANNOTATION];
        match record {
            Some(record) => {
                if object.pointer("/metadata/annotations").is_none() {
                    operations.push(patches::add(["metadata", "annotations"], Map::new()));
                }
                operations.push(patches::add(place, record.text()));
            }
            None if annotation(object, overrides::ANNOTATION).is_some() => {
                operations.push(patches::remove(place));
            }
            None => {}
        }
        patch(self.kind(), object, operations)
    }
}

// With a member of that name, where there is anything to say in it.
fn with(mut object: Value, member: &str, says: Map<String, Value>) -> Value {
    if let (Some(members), false) = (object.as_object_mut(), says.is_empty()) {
        members.insert(member.to_owned(), Value::Object(says));
    }
    object
}
