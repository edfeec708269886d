//! The status of a Canary of which no step is done: it cannot be released as it is, has no target, or nobody knows what
//! there is of it.

use super::announced::{again, announced, refused};
use super::say::is_known;
use super::write;
use crate::api::Canary;
use crate::api::canary::CanaryStatus;
use crate::api::canary::status::conditions::{NOT_READ, NOT_RELEASED, READY, Trouble};
use crate::controller::context::Context;
use crate::controller::context::memory::OfCanary;
use crate::controller::effects::notify::announce::announce;
use crate::controller::queue::key;
use crate::controller::status::{self, Seen, trouble};
use crate::controller::watch::informers::cache::Unlisted;
use crate::messages::Severity;
use crate::object::version;
use crate::plan::workload::template;
use jiff::Timestamp;
use kube::ResourceExt;
use std::time::Duration;

/// A target that comes this much later than its Canary is not missed.
pub(super) const IN_ONE_APPLY: Duration = Duration::from_secs(5);

/// A Canary that cannot be released as it is: said in its conditions, and once as an event.
pub async fn not_released(
    context: &Context,
    canary: &Canary,
    why: String,
    now: Timestamp,
) -> Result<Option<Duration>, kube::Error> {
    let trouble = Trouble {
        reason: NOT_RELEASED,
        message: why,
        stalled: true,
    };
    unstepped(context, canary, &trouble, now).await
}

/// A Canary whose target is not there and never was.
pub async fn target_missing(
    context: &Context,
    canary: &Canary,
    now: Timestamp,
) -> Result<Option<Duration>, kube::Error> {
    let trouble = trouble::missing(canary);
    // Canary and target come in any order in one apply.
    let until = canary
        .creation_timestamp()
        .map(|made| made.0 + IN_ONE_APPLY)
        .filter(|until| *until > now);
    if let (Some(until), None) = (until, &canary.status) {
        return Ok(Some(Duration::try_from(until.duration_since(now)).unwrap_or_default()));
    }
    unstepped(context, canary, &trouble, now).await
}

/// What the status of a Canary whose objects are not known is to say.
pub struct NotRead {
    trouble: Trouble,
    next: CanaryStatus,
}

impl NotRead {
    /// Nothing where its status says that already.
    pub fn of(canary: &Canary, unread: &Unlisted, now: Timestamp) -> Option<Self> {
        let trouble = Trouble {
            reason: NOT_READ,
            message: format!("Nothing is analysed, promoted or rolled back for now: {unread}"),
            stalled: true,
        };
        let trouble = trouble.bounded();
        let next = status::unlooked(canary, &trouble, now);
        (canary.status.as_ref() != Some(&next)).then_some(Self { trouble, next })
    }

    /// Said in its conditions, and once as an event. Nothing else of its status is as good as known.
    ///
    /// # Errors
    /// Those of the API server.
    pub async fn tell(self, context: &Context, canary: &Canary, now: Timestamp) -> Result<(), kube::Error> {
        // The words of an error may change while it lasts.
        let told = canary.status.as_ref().and_then(|status| status.condition(READY));
        let told = told.is_some_and(|ready| ready.reason == NOT_READ);
        write(context, canary, self.next).await?;
        if !told {
            let (key, state) = (key(canary), status::state(canary, now));
            announce(context, &key, canary, &state, Severity::Warning, self.trouble.message);
        }
        Ok(())
    }
}

/// A Canary whose steps have failed for long, where none of them gets as far as to say so. Nothing is said by a Canary that
/// is older than what was written, nor where nothing of ours is recorded yet. Answers whether it was said.
///
/// # Errors
/// Those of the API server.
pub async fn failing(
    context: &Context,
    canary: &Canary,
    trouble: &Trouble,
    now: Timestamp,
) -> Result<bool, kube::Error> {
    let recorded = canary.status.as_ref().is_some_and(|status| status.run.is_some());
    if !recorded || is_known(canary, &trouble.clone().bounded()) {
        return Ok(false);
    }
    let seen = version(canary.metadata.resource_version.as_deref());
    let older = |of: &mut OfCanary| of.written.awaits_status(seen);
    if context.memory.of(&key(canary), older) {
        return Ok(false);
    }
    unstepped(context, canary, trouble, now).await.map(|_| true)
}

async fn unstepped(
    context: &Context,
    canary: &Canary,
    trouble: &Trouble,
    now: Timestamp,
) -> Result<Option<Duration>, kube::Error> {
    let trouble = &trouble.clone().bounded();
    let state = status::state(canary, now);
    let template = context.cluster.target(canary).as_ref().and_then(template::revision);
    let seen = Seen {
        template: template.as_deref(),
        trouble: Some(trouble),
        refused: refused(context, canary, template.as_deref(), now).await?,
        ..Seen::default()
    };
    let next = status::status(canary, &state, seen, now);
    let pending = announced(next.run.as_ref()).map(|a| again(a.expires(), now));
    if canary.status.as_ref() != Some(&next) {
        let told = is_known(canary, trouble);
        write(context, canary, next).await?;
        if !told {
            let key = key(canary);
            announce(
                context,
                &key,
                canary,
                &state,
                Severity::Warning,
                trouble.message.clone(),
            );
        }
    }
    Ok(pending.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default()))
}
