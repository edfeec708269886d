//! Asks others on behalf of a Canary: metrics servers for a verdict, hooks for their consent. A step begins it after its
//! decision; the answer wakes the next step through [`queue`](crate::controller::queue).

pub mod checks;
pub mod hooks;

use crate::controller::{context::Context, observe::pods, queue::Key, watch::pair::live::Live};
use crate::{
    analysis::{Decision, Observation, Stage},
    api::Canary,
    plan::Blueprint,
};
use std::sync::Arc;

/// Asks what a decision wants to know: hooks and checks, which answer to a later step.
pub fn ask(
    context: &Arc<Context>,
    key: &Key,
    canary: &Arc<Canary>,
    decision: &Decision,
    (live, blueprint, seen): (&Live, &Blueprint, &Observation),
) {
    if decision.state.stage == Stage::Scaling {
        context.memory.of(key, |canary| canary.questions.begin_run());
    }
    for question in &decision.questions {
        hooks::ask(context, key, canary, (&decision.state, &seen.answers), question.clone());
    }
    if let Some(due) = decision.ask {
        let check = checks::Check {
            pods: pods::pattern(live, blueprint, decision.state.last_applied.as_deref()),
            canary: canary.clone(),
            state: decision.state.clone(),
            due,
        };
        checks::start(context, key.clone(), check);
    }
}
