//! What was decided, and is recorded by now, is done.

use super::{decide::Decided, failed::failed, snapshot::Snapshot, turn::Turn};
use crate::controller::{
    context::Context,
    effects::{
        apply::{
            asked,
            dispensable::is_dispensable,
            perform::{Left, perform},
        },
        ask::hooks,
        notify::advice::advise,
    },
};
use std::sync::Arc;

/// Does it, and answers what is left to be done.
///
/// # Errors
/// The first write that failed, unless the pair can do without it: nothing after it was tried.
pub async fn execute(
    context: &Arc<Context>,
    turn: &Turn,
    pair: &Snapshot,
    decided: &Decided,
) -> Result<Left, kube::Error> {
    let (key, canary, outcome) = (&turn.key, &turn.canary, &decided.outcome);
    if let Some(target) = &pair.live.target {
        advise(context, canary, (target, &pair.selector), &pair.state, &outcome.state);
    }
    if outcome.take_annotations {
        hooks::take_annotations(context, key, canary).await?;
    }
    let left = match perform(context, canary, outcome, &decided.writes).await {
        // The rest of the step does not wait for what the pair can do without.
        Err(error) if is_dispensable(&context.memory, key, &pair.blueprint, &error) => {
            Left::Refused(failed(context, key, canary, &error).await)
        }
        other => other?,
    };
    asked::answer(context, key, canary, &pair.live).await?;
    Ok(left)
}
