//! The hold: what a CREATE or UPDATE of a Deployment becomes before it is stored.
//!
//! Pure: the request and what the caches said, in; a patch and warnings, out. No clock, no randomness, and running it on
//! its own output changes nothing (the API server runs it again when another webhook changed the object, and Flux
//! compares a dry run with what is stored). Everything that protects a serving target needs only the request itself, so a
//! stale cache can delay an enrolment but never take pods away.
//!
//! In the order in which a request goes through it: the target is read off the object, `decide` says what is wanted of it
//! by what is known of it ([`TargetFacts`]), and `desired` makes the patch of that. `overrides` and `release` are two
//! things that are read and written beside: what canary pods get, and the marks of the release.

use super::Mutation;
use crate::admission::review::{Decision, Operation, Request};
use crate::plan::workload::overrides::Record;

mod decide;
mod desired;
mod overrides;
mod release;
mod target;
mod target_facts;

pub use decide::refused;
pub(in crate::admission) use overrides::{mark_of, was_dropped};
pub(in crate::admission) use release::to_announce;
pub use target_facts::{CanarySummary, CoarseStage, Enrolment, TargetFacts};

use desired::disown;
use target::Target;

/// Decides one request.
///
/// Writes by our own controller keep their values and only lose their field ownership.
pub fn mutate(request: &Request, facts: &TargetFacts) -> Mutation {
    if request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return Mutation::pass(Decision::Subresource);
    }
    let new = Target(&request.object);
    if facts.ours.contains(&request.user_info.username) {
        let set = Record::of(&request.object).map(|record| record.set).unwrap_or_default();
        let patch = disown(&request.object, new.managed(), new.is_held(), &set);
        return Mutation {
            patch,
            warnings: Vec::new(),
            decision: Decision::OwnWrite,
        };
    }
    let (old, meant) = (
        overrides::plain(&request.old_object),
        overrides::read(&request.old_object, &request.object),
    );
    let fields = match request.operation {
        Operation::Create => decide::create(Target(&meant), facts),
        Operation::Update => decide::update(Target(&old), Target(&meant), facts),
        Operation::Delete | Operation::Connect => return Mutation::pass(Decision::Deletion),
    };
    let current = facts.overrides.as_ref();
    fields.map_or_else(
        || Mutation::pass(Decision::Unmanaged),
        |fields| {
            let applied = overrides::apply(fields.overrides, &request.old_object, &request.object, &meant, current);
            let signed = release::annotations(fields.signature, fields.is_pending(), request, facts);
            fields.into_mutation(new, applied, signed)
        },
    )
}

/// The hold without any cache: what a stored target says of itself is enough to hold it. Nothing for a target that says
/// nothing, which cannot be decided.
pub fn mutate_blindly(request: &Request, ours: &[String]) -> Option<Mutation> {
    let managed = request.operation == Operation::Update && Target(&request.old_object).managed();
    if !managed && !ours.contains(&request.user_info.username) {
        return None;
    }
    // That a policy applies is no more than an assumption: only its warnings would show it.
    let enrolment = Enrolment::Policy(String::new());
    let facts = TargetFacts {
        ours: ours.to_vec(),
        enrolment,
        ..TargetFacts::default()
    };
    Some(Mutation {
        warnings: Vec::new(),
        ..mutate(request, &facts)
    })
}

#[cfg(test)]
mod tests;
