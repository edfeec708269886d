//! Whether a step is to be done now, by which Canary, and by what record of it.

use super::{Done, unread};
use crate::controller::{
    context::Context,
    effects::notify::bounds::tell_bounds,
    lifecycle::{
        finish,
        takeover::{self, Place},
    },
    queue::{self, Key},
    status::{self, exposition},
};
use crate::object::version;
use crate::{analysis::State, api::Canary};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// How often a hand-written Canary looks whether the generated one before it is gone.
const HANDED_OVER: Duration = Duration::from_millis(500);
/// After what no event will follow.
const RETRY: Duration = Duration::from_secs(2);

/// A step of one Canary: whose it is, and by what record of it.
pub struct Turn {
    /// Namespace and name of the Canary.
    pub key: Key,
    /// The Canary, as its policy completes it.
    pub canary: Arc<Canary>,
    /// What its status records.
    pub recorded: State,
    /// Whether its app is to be given back.
    pub leaving: bool,
    /// When the step began, as a status would keep it.
    pub now: Timestamp,
}

impl Turn {
    /// The turn of a Canary, from now on.
    pub fn of(context: &Context, key: &Key, canary: Arc<Canary>) -> Self {
        let now = now();
        let default_provider = &context.options.defaults.provider;
        let (canary, told) = context.cluster.completed(canary, default_provider);
        tell_bounds(context, key, &canary, &told);
        let recorded = status::state(&canary, now);
        exposition::show_first(context, &canary, &recorded);
        Self {
            key: key.clone(),
            leaving: leaves(context, key, &canary),
            canary,
            recorded,
            now,
        }
    }
}

/// Whether the app of a Canary is to be given back.
pub fn leaves(context: &Context, key: &Key, canary: &Canary) -> bool {
    is_leaving(canary) || context.options.leaves(&key.0)
}

/// Now, as a status would keep it.
pub fn now() -> Timestamp {
    as_stored(Timestamp::now())
}

/// Whether it is being deleted.
fn is_leaving(canary: &Canary) -> bool {
    canary.metadata.deletion_timestamp.is_some()
}

// The status keeps microseconds: an instant that is recorded and one that is compared with it must be the same, or a
// question would be asked twice.
fn as_stored(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

/// Why no step of `canary` is done now: what it would be done by is not here yet, another Canary acts for its target, or
/// none is to any more. `None` when it is.
///
/// # Errors
/// Those of the API server.
pub async fn has_not_come(
    context: &Arc<Context>,
    key: &Key,
    canary: &Arc<Canary>,
) -> Result<Option<Done>, kube::Error> {
    let seen = version(canary.metadata.resource_version.as_deref());
    if context.memory.of(key, |canary| canary.written.awaits_status(seen)) {
        return Ok(Some(Done::Less(Some(RETRY))));
    }
    // Nothing is looked at there any more: what cannot be listed must not keep a namespace from going.
    if is_leaving(canary) && context.cluster.terminating(&key.0) {
        finish::release(&context.effects.client, canary).await?;
        return Ok(Some(Done::All(None)));
    }
    if !context.cluster.cache.complete(&key.0) {
        let pause = unread::of_all(context, key, canary).await?;
        return Ok(Some(Done::Less(Some(pause.unwrap_or(RETRY)))));
    }
    Ok(is_another_ones(context, key, canary).await?.map(Done::All))
}

// Then when to look again.
async fn is_another_ones(
    context: &Arc<Context>,
    key: &Key,
    canary: &Arc<Canary>,
) -> Result<Option<Option<Duration>>, kube::Error> {
    match takeover::place(canary, &context.cluster.canaries_of(&key.0)) {
        Place::Predecessor(heir) if takeover::can_go(canary) && knows_all(context, canary) => {
            takeover::hand_over(context, canary, &heir).await?;
            return Ok(Some(None));
        }
        Place::Heir(_) if is_leaving(canary) => {
            finish::release(&context.effects.client, canary).await?;
            return Ok(Some(None));
        }
        Place::Heir(acting) => {
            // No event tells the acting Canary that a successor exists, so ask for its step.
            context.queues.steps.send(queue::key(&acting));
            return Ok(Some(Some(HANDED_OVER)));
        }
        Place::Alone | Place::Predecessor(_) => {}
    }
    Ok(finish::released_at_once(context, canary).await?.then_some(None))
}

// What is owned by it and not known would go with it.
fn knows_all(context: &Context, canary: &Arc<Canary>) -> bool {
    let default_provider = &context.options.defaults.provider;
    let (canary, _) = context.cluster.completed(canary.clone(), default_provider);
    context.cluster.unread_by(&canary, default_provider).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    #[test]
    fn an_instant_survives_the_status() {
        let instant = as_stored("2026-11-26T05:27:28.953582417Z".parse().unwrap());
        let stored = serde_json::to_value(MicroTime(instant)).unwrap();
        let read: MicroTime = serde_json::from_value(stored).unwrap();
        assert_eq!(read.0, instant);
    }
}
