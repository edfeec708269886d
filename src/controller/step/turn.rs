//! Whether a step is to be done now, and whether by this Canary.

use super::{Done, release::is_leaving};
use crate::api::Canary;
use crate::controller::{
    context::Context,
    lifecycle::{
        finish,
        takeover::{self, Place},
    },
    queue::{self, Key},
};
use crate::object::version;
use std::{sync::Arc, time::Duration};

/// How often a hand-written Canary looks whether the generated one before it is gone.
const HANDED_OVER: Duration = Duration::from_millis(500);
/// After what no event will follow.
const RETRY: Duration = Duration::from_secs(2);

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
    let is_older_than_written = || context.memory.of(key, |canary| canary.written.awaits_status(seen));
    if !context.cluster.cache.complete(&key.0) || is_older_than_written() {
        return Ok(Some(Done::Less(Some(RETRY))));
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
        Place::Predecessor(heir) if takeover::can_go(canary) => {
            takeover::hand_over(context, canary, &heir).await?;
            return Ok(Some(None));
        }
        Place::Heir(_) if is_leaving(canary) => {
            finish::release(&context.effects.client, canary).await?;
            return Ok(Some(None));
        }
        Place::Heir(acting) => {
            // At rest it has no event of its own that would show it its heir.
            context.queues.steps.send(queue::key(&acting));
            return Ok(Some(Some(HANDED_OVER)));
        }
        Place::Alone | Place::Predecessor(_) => {}
    }
    Ok(finish::released_at_once(context, canary).await?.then_some(None))
}
