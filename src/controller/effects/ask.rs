//! Asks others on behalf of a Canary: metrics servers for a verdict, hooks for their consent. A step begins it after its
//! decision; the answer wakes the next step through [`queue`](crate::controller::queue).

pub mod checks;
pub mod hooks;

use crate::controller::{context::Context, observe::pods, queue::Key, watch::pair::live::Live};
use crate::{
    analysis::{Observation, Stage, StepOutcome},
    api::Canary,
    plan::Blueprint,
};
use std::sync::Arc;

/// Asks what a step wants to know: hooks and checks, which answer to a later step.
pub fn ask(
    context: &Arc<Context>,
    key: &Key,
    canary: &Arc<Canary>,
    outcome: &StepOutcome,
    (live, blueprint, seen): (&Live, &Blueprint, &Observation),
) {
    if outcome.state.stage == Stage::Scaling {
        context.memory.of(key, |canary| canary.questions.begin_run());
    }
    for question in &outcome.questions {
        hooks::ask(context, key, canary, (&outcome.state, &seen.answers), question.clone());
    }
    if let Some(due) = outcome.ask {
        let check = checks::Check {
            pods: pods::pattern(live, blueprint, outcome.state.last_applied.as_deref()),
            canary: canary.clone(),
            state: outcome.state.clone(),
            due,
        };
        checks::start(context, key.clone(), check);
    }
}
