//! A Service that is pointed at the pods of a pair, or away from them.

use super::selector::sent;
use super::{disowned, name};
use crate::admission::mutate::Mutation;
use crate::admission::review::{Decision, Request};
use crate::patches;
use crate::plan::services::pointing::{Labels, ORIGINAL_SELECTOR};
use crate::plan::services::ports::{self, Wanted};
use json_patch::PatchOperation;
use serde_json::Value;

/// What becomes of an UPDATE that points a Service of no pair at the pods of one that serves: it follows at once, since the
/// pods that are pointed at rest. `primary` is the selector of the side that serves.
pub fn joined(request: &Request, aim: Labels, primary: &Value, app: &str) -> Mutation {
    let new = &request.object;
    let own = Value::Object(aim);
    let mut patch = vec![patches::add(["spec", "selector"], primary.clone())];
    let notes = [(ORIGINAL_SELECTOR.to_owned(), Some(own.to_string()))];
    patch.extend(patches::metadata(new, "annotations", &notes));
    patch.extend(disowned(new, ports::of(new)));
    Mutation {
        patch,
        warnings: vec![format!(
            "coalmine: Service {}: points at the pods of {app}, so it follows the side that serves",
            name(new)
        )],
        decision: Decision::ServiceJoined,
    }
}

/// What becomes of an UPDATE that points a Service elsewhere than where it was moved for a pair that is no more: it is
/// stored as sent. Nothing where it is about something else; the note stays then, as what its author meant.
pub fn forsaken(request: &Request) -> Option<Mutation> {
    sent(&request.old_object, &request.object)?;
    Some(Mutation {
        patch: stored_as_sent(request),
        warnings: vec![format!(
            "coalmine: Service {}: no Canary holds it, so it is stored as sent and the selector that was noted on it is taken off",
            name(&request.object)
        )],
        decision: Decision::ServiceOrphaned,
    })
}

pub(super) fn left(request: &Request) -> Mutation {
    Mutation {
        patch: stored_as_sent(request),
        warnings: vec![format!(
            "coalmine: Service {}: now points at other pods than those of its app, so it is stored as sent and not moved with the \
             app any more, until it points at these pods again",
            name(&request.object)
        )],
        decision: Decision::ServiceLeft,
    }
}

// Without our notes.
fn stored_as_sent(request: &Request) -> Vec<PatchOperation> {
    let new = &request.object;
    let notes = [
        (ORIGINAL_SELECTOR.to_owned(), None),
        (Wanted::ANNOTATION.to_owned(), None),
    ];
    let mut patch = patches::metadata(new, "annotations", &notes);
    // Without what of ours a merge has left in it.
    let aim = sent(&request.old_object, new).flatten();
    if let Some(aim) = aim.filter(|aim| Some(aim) != new.pointer("/spec/selector")) {
        patch.push(patches::add(["spec", "selector"], aim));
    }
    patch
}
