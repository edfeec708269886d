//! The hold for DaemonSets: the rules of [`super::deployments`], told in a DaemonSet's words.
//!
//! A DaemonSet has neither `replicas` nor `paused`. It is at zero while a node selector that no node has keeps its pods
//! away, and a new template leaves running pods alone while its strategy is `OnDelete`. Seen so, it is a Deployment with
//! one replica or none, and nothing of the hold has to be said twice. Pure.

use super::Mutation;
use super::deployments::{self, TargetFacts, was_dropped};
use super::fields::{self, Path};
use crate::admission::review::{Operation, Request};
use crate::api::labels;
use crate::object::label;
use crate::patches::applied;
use crate::plan::workload::daemon_set::{UPDATE_STRATEGY, is_on_delete, update_strategy};
use crate::plan::workload::template::{is_scaled_to_zero, keep_at_zero, let_go, revision};
use serde_json::{Value, json};

const SELECTOR: Path<'static> = &["spec", "template", "spec", "nodeSelector"];
const STRATEGY: Path<'static> = &["spec", "updateStrategy"];
const RECORDED: Path<'static> = &["metadata", "annotations", UPDATE_STRATEGY];

/// Decides one request.
pub fn mutate(request: &Request, facts: &TargetFacts) -> Mutation {
    let translated = translated(request);
    let outcome = deployments::mutate(&translated, facts);
    finish(request, &translated, outcome)
}

/// The hold without any cache; see [`deployments::mutate_blindly`].
pub fn mutate_blindly(request: &Request, ours: &[String]) -> Option<Mutation> {
    let translated = translated(request);
    let outcome = deployments::mutate_blindly(&translated, ours)?;
    Some(finish(request, &translated, outcome))
}

fn translated(request: &Request) -> Request {
    let mut object = as_deployment(&request.object);
    // An applier that says nothing of nodes any more, where nobody may own what it said.
    if was_dropped(&request.old_object, &request.object, "nodeSelector")
        && let Some(spec) = object.pointer_mut("/spec/template/spec").and_then(Value::as_object_mut)
    {
        spec.remove("nodeSelector");
    }
    Request {
        object,
        old_object: as_deployment(&request.old_object),
        ..request.clone()
    }
}

fn as_deployment(object: &Value) -> Value {
    let mut out = object.clone();
    let held = label(object, labels::HELD).is_some() && is_on_delete(object);
    let replicas = u8::from(!is_scaled_to_zero(object));
    if let Some(template) = out.pointer_mut("/spec/template") {
        let_go(template);
    }
    if let Some(spec) = out.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("replicas".to_owned(), json!(replicas));
        if held {
            spec.insert("paused".to_owned(), json!(true));
        }
    }
    out
}

// From the Deployment that was decided on back to the DaemonSet, as the operations that make it of the one sent.
fn finish(request: &Request, translated: &Request, outcome: Mutation) -> Mutation {
    let Ok(decided) = applied(&translated.object, &outcome.patch) else {
        return outcome;
    };
    let managed = label(&decided, labels::MANAGED).is_some();
    let was_ours = managed || label(&request.object, labels::MANAGED).is_some();
    if request.operation == Operation::Delete || !was_ours {
        return Mutation {
            patch: Vec::new(),
            ..outcome
        };
    }
    let mut wanted = restored(request, &decided);
    let held = label(&wanted, labels::HELD).is_some();
    disowned(&mut wanted, managed, held);
    Mutation {
        patch: json_patch::diff(&request.object, &wanted).0,
        ..outcome
    }
}

fn restored(request: &Request, decided: &Value) -> Value {
    let mut out = decided.clone();
    let zero = decided.pointer("/spec/replicas").and_then(Value::as_i64) == Some(0);
    if let Some(template) = out.pointer_mut("/spec/template").filter(|_| zero) {
        keep_at_zero(template);
    }
    let held = label(decided, labels::HELD).is_some();
    // The API server would not have it: these are a Deployment's.
    if let Some(spec) = out.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("replicas");
        spec.remove("paused");
    }
    let own = own_strategy(request).unwrap_or_else(|| json!({"type": "RollingUpdate"}));
    let recorded = held.then(|| own.to_string());
    let strategy = if held { json!({"type": "OnDelete"}) } else { own };
    if let Some(spec) = out.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("updateStrategy".to_owned(), strategy);
    }
    if let Some(metadata) = out.get_mut("metadata").and_then(Value::as_object_mut) {
        note(metadata, "annotations", UPDATE_STRATEGY, recorded);
        // No ControllerRevision tells which pods are its own: what runs while we hold is written down.
        let running = revision(&request.old_object).filter(|_| label(decided, labels::HELD) == Some(labels::TRUE));
        if let Some(running) = running {
            note(metadata, "labels", labels::HELD, Some(running));
        }
    }
    out
}

// What is sent is the author's, unless it is what we have stored there.
fn own_strategy(request: &Request) -> Option<Value> {
    match (is_on_delete(&request.object), label(&request.old_object, labels::HELD)) {
        (true, Some(_)) => update_strategy(&request.old_object),
        (true, None) => update_strategy(&request.object),
        (false, _) => request.object.pointer("/spec/updateStrategy").cloned(),
    }
}

fn note(metadata: &mut serde_json::Map<String, Value>, map: &str, key: &str, value: Option<String>) {
    match value {
        Some(value) => {
            let members = metadata.entry(map.to_owned()).or_insert_with(|| json!({}));
            if let Some(members) = members.as_object_mut() {
                members.insert(key.to_owned(), json!(value));
            }
        }
        None => {
            if let Some(members) = metadata.get_mut(map).and_then(Value::as_object_mut) {
                members.remove(key);
            }
        }
    }
}

fn disowned(object: &mut Value, managed: bool, held: bool) {
    let mut paths: Vec<Path<'_>> = Vec::new();
    if held {
        paths.extend([STRATEGY, RECORDED]);
    }
    let mark = deployments::mark_of("nodeSelector");
    let marks: Vec<_> = managed.then_some((SELECTOR, &mark)).into_iter().collect();
    let ops = fields::disown_marking(object, &paths, &marks);
    if let Ok(done) = applied(object, &ops) {
        *object = done;
    }
}

#[cfg(test)]
mod tests;
