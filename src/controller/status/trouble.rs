//! What is said in the conditions of a Canary whose desired state is not made, or that waits: one trouble at a time, the first
//! that there is.

mod at_rest;
mod in_a_run;
mod in_the_way;

use crate::analysis::{Observation, State};
use crate::api::Canary;
use crate::api::canary::status::conditions::Trouble;
use crate::controller::context::memory::passing::Lasting;
use crate::controller::difference::Conflict;
use at_rest::{given_back, leaving, left_alone, silent};
use in_a_run::{apart, asleep, bypassed, stuck, unbuilt, unjudged, untested};
use in_the_way::refused_write;
pub use in_the_way::{conflict, failing, missing};
use jiff::Timestamp;

/// What the troubles of a Canary are found in.
pub struct Evidence<'a> {
    /// The Canary whose conditions are written.
    pub canary: &'a Canary,
    /// The state that was decided on.
    pub state: &'a State,
    /// What was seen.
    pub seen: &'a Observation,
    /// What is in the way of the desired state.
    pub conflicts: &'a [Conflict],
    /// That its target is not there, if that is so.
    pub absence: Option<Trouble>,
    /// What the API server refuses, in its words.
    pub refusal: Option<String>,
    /// What its steps have failed by for long, although it may go by itself.
    pub lasting: Option<Lasting>,
    /// Time of the decision.
    pub now: Timestamp,
}

/// The trouble that is said: of several, the one that keeps the others from being mended. `store` names the store of a
/// MetricTemplate, by namespace and name, where that cannot be asked.
pub fn first(evidence: Evidence<'_>, store: impl Fn(&str, &str) -> Option<String>) -> Option<Trouble> {
    let Evidence {
        canary,
        state,
        seen,
        conflicts,
        absence,
        refusal,
        lasting,
        now,
    } = evidence;
    conflict(conflicts)
        .or(absence)
        .or_else(|| stuck(canary, state, seen))
        .or_else(|| unbuilt(canary, state, seen))
        .or_else(|| refusal.map(refused_write))
        .or_else(|| lasting.as_ref().map(failing))
        .or_else(|| leaving(canary, state, seen))
        .or_else(|| apart(canary, state, seen))
        .or_else(|| unjudged(canary, state, store))
        .or_else(|| bypassed(state, seen))
        .or_else(|| untested(canary, state, seen))
        .or_else(|| left_alone(canary, state))
        .or_else(|| silent(canary, state, seen, now))
        .or_else(|| asleep(canary, state, seen))
        .or_else(|| given_back(canary, state))
        .map(Trouble::bounded)
}

#[cfg(test)]
pub mod tests;
