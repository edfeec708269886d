//! When the next step comes if nothing happens before: at the earliest instant that anything waits for.

use super::{decide::Decided, models, snapshot::Snapshot, turn::Turn};
use crate::controller::{context::Context, effects::apply::perform::Left};
use jiff::Timestamp;
use std::time::Duration;

/// How long to wait for the next step, from `now` on. `left` is what of the writes was not done, `announced` when an announced
/// revision is looked at again.
pub fn wake(
    context: &Context,
    turn: &Turn,
    (pair, decided, left): (&Snapshot, &Decided, Left),
    announced: Option<Timestamp>,
    now: Timestamp,
) -> Option<Duration> {
    let due = decided.outcome.wake.into_iter().chain(announced).min();
    let due = due.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
    let (primary_may_change, models) = context.memory.of(&turn.key, |canary| {
        let models = models::look_again(canary).filter(|_| !turn.leaving);
        (canary.primary.pause(), models)
    });
    let target_missing = pair.absence.as_ref().and_then(|(_, wake)| *wake);
    [due, left.pause(), primary_may_change, target_missing, models]
        .into_iter()
        .flatten()
        .min()
}
