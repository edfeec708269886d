//! A Service of a pair keeps the selector of the side that serves, and its ports, whoever re-applies it. Pure.

mod elsewhere;
mod kept_ports;
mod selector;

use super::Mutation;
use super::deployments::CoarseStage;
use super::fields;
use super::released::{self, release, takes_over};
use crate::admission::review::{Decision, Operation, Request};
use crate::api::labels;
use crate::object::{annotation, label, text};
use crate::patches;
use crate::plan::services::pointing::{Labels, ORIGINAL_SELECTOR};
use crate::plan::services::ports::{self, Declared};
use elsewhere::left;
pub use elsewhere::{forsaken, joined};
use json_patch::PatchOperation;
use kept_ports::{item, keep_ports, without_generated};
pub use selector::points_anew;
use selector::{keep_selector, leaves};
use serde_json::Value;

/// Who writes a Service of a pair, and where its Canary stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apex<'a> {
    /// The writer is one of our own accounts.
    pub ours: bool,
    /// Of the Canary that holds it.
    pub stage: CoarseStage,
    /// The ports that the pods of production declare; `None` while there are none.
    pub declared: Option<&'a Declared>,
    /// The labels of the target's pods; `None` where nobody has looked.
    pub pods: Option<&'a Labels>,
}

/// What becomes of an UPDATE of a Service of a pair: its apex, or one that follows.
///
/// Pointed at other pods than the pair's, it leaves the pair: that is how people go from blue to green.
///
/// Once a pair serves, what is stored as selector is ours: it stays, and a different one that was sent is recorded. So does
/// a targetPort that the pods of production do not declare: it waits for the promotion of a revision that has it. Both
/// leave every owner's list, also on our own writes, so that appliers never conflict. A Service that we generated becomes
/// the user's with the first write of its spec that is not ours.
pub fn mutate(request: &Request, apex: Apex<'_>) -> Mutation {
    let mut mutation = Mutation {
        patch: released::made(request, apex.ours),
        warnings: Vec::new(),
        decision: Decision::ServiceHeld,
    };
    if request.operation != Operation::Update || request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return mutation;
    }
    let (old, new) = (&request.old_object, &request.object);
    // What we write ourselves is never owned, from the first move on: a chart would conflict with it.
    if !apex.ours && !is_held(old, apex.stage) {
        return mutation;
    }
    if !apex.ours && leaves(request, apex) {
        return left(request);
    }
    let stored = if apex.ours {
        ports::of(new).to_vec()
    } else {
        keep(request, apex.declared, &mut mutation)
    };
    if stored != ports::of(new) {
        mutation.patch.push(patches::replace(["spec", "ports"], stored.clone()));
    }
    if apex.ours && released::gives_way(new) {
        mutation.patch.extend(released::owned_by_nobody(new));
    } else {
        mutation.patch.extend(disowned(new, &stored));
    }
    mutation
}

// What of somebody's write is stored otherwise; returns the ports to store.
fn keep(request: &Request, declared: Option<&Declared>, mutation: &mut Mutation) -> Vec<Value> {
    let (old, new) = (&request.old_object, &request.object);
    let mut stored = ports::of(new).to_vec();
    let mut notes = Vec::new();
    keep_selector(old, new, &mut notes, mutation);
    if takes_over(old, new) {
        mutation.patch.extend(release(request));
        stored = without_generated(old, new);
    }
    if let Some(declared) = declared {
        stored = keep_ports((old, new), stored, declared, &mut notes, &mut mutation.warnings);
    }
    mutation.patch.extend(patches::metadata(new, "annotations", &notes));
    stored
}

// The selector, and where each port leads.
fn disowned(new: &Value, stored: &[Value]) -> Vec<PatchOperation> {
    let items: Vec<String> = stored.iter().map(item).collect();
    let ports: Vec<[&str; 4]> = items
        .iter()
        .map(|item| ["spec", "ports", item.as_str(), "targetPort"])
        .collect();
    let selector: fields::Path<'_> = &["spec", "selector"];
    let paths: Vec<fields::Path<'_>> = std::iter::once(selector)
        .chain(ports.iter().map(|path| &path[..]))
        .collect();
    fields::disown(new, &paths)
}

/// Whether the stored selector is ours: a pair serves, or it is on the Service that we took it over or made it.
fn is_held(old: &Value, stage: CoarseStage) -> bool {
    let marked = annotation(old, ORIGINAL_SELECTOR).is_some() || label(old, labels::GENERATED).is_some();
    match stage {
        CoarseStage::Rest
        | CoarseStage::Waiting
        | CoarseStage::Running
        | CoarseStage::Promoting
        | CoarseStage::Failed => true,
        CoarseStage::Building | CoarseStage::Leaving => marked,
    }
}

type Notes = Vec<(String, Option<String>)>;

fn name(service: &Value) -> &str {
    text(service, "/metadata/name")
}

#[cfg(test)]
mod tests;
