//! What a step decided, and what it saw, written into the Canary's status before anything else is written.

mod announced;
mod say;
mod unstepped;

use super::Seen;
use crate::analysis::{Stage, State, StepOutcome};
use crate::api::canary::CanaryStatus;
use crate::api::canary::status::conditions::Trouble;
use crate::api::requested_by::RequestedBy;
use crate::api::{Canary, labels};
use crate::controller::context::Context;
use crate::controller::context::memory::check::CheckRun;
use crate::controller::context::memory::primary::Made;
use crate::controller::context::memory::timers::Kept;
use crate::controller::queue::key;
use crate::controller::status;
use crate::controller::status::dropped;
use crate::controller::watch::pair::configs;
use crate::controller::watch::pair::live::Live;
use crate::object::{annotation, label, version};
use announced::{again, announced, refused};
use jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;
use std::sync::Arc;
pub use unstepped::{NotRead, failing, not_released, target_missing};

/// What a step came to, and what belongs to it.
pub struct Recorded<'a> {
    /// The live objects.
    pub live: &'a Live,
    /// The state it was made in.
    pub before: &'a State,
    /// What it came to.
    pub outcome: &'a StepOutcome,
    /// The target's revision.
    pub revision: Option<&'a str>,
    /// Hash of the target's template as it is stored.
    pub template: Option<String>,
    /// What keeps its desired state from being made.
    pub trouble: Option<Trouble>,
    /// Time of the decision.
    pub now: Timestamp,
}

impl Recorded<'_> {
    /// Stores the status if it says anything new, then says the step's events. Answers when an announcement is to be
    /// looked at again.
    pub async fn store(&self, context: &Arc<Context>, canary: &Canary) -> Result<Option<Timestamp>, kube::Error> {
        let (key, state) = (key(canary), &self.outcome.state);
        let judged = state.due != self.before.due || state.stage != self.before.stage;
        let mut next = self.next_status(context, canary, judged).await?;
        let old = canary.status.clone().unwrap_or_default();
        let changed = configs::record(&old, &mut next, || self.live.surveys());
        let pending = announced(next.run.as_ref()).map(|a| again(a.expires(), self.now));
        let kept = Kept::of(state, self.outcome.timed, &old, &next);
        let nothing_new = kept.is_some() || canary.status.as_ref() == Some(&next);
        let made = context.memory.of(&key, |canary| {
            if let Some(timers) = kept {
                canary.timers.keep(timers);
            }
            canary.primary.known()
        });
        if nothing_new && !is_to_be_recorded(made.as_ref(), canary, state) {
            return Ok(pending);
        }
        if let (Some(run), Some(made)) = (&mut next.run, &made) {
            run.primary = Some(made.into());
        }
        let stored = write(context, canary, next).await?;
        if judged {
            context.memory.of(&key, |canary| canary.check = None);
        }
        // Said only when it is recorded, or a conflict would say it twice.
        let config_has_changed = changed.iter().map(|config| format!("{config} has changed"));
        self.say_what_is_new(context, (canary, &stored), config_has_changed);
        Ok(pending)
    }

    // `judged` says that the last check is over, whose measurements are taken along then.
    async fn next_status(&self, context: &Context, canary: &Canary, judged: bool) -> Result<CanaryStatus, kube::Error> {
        let measured = context.memory.of(&key(canary), |canary| {
            let check = canary.check.as_ref().filter(|_| judged);
            check.map(CheckRun::measured).unwrap_or_default().to_vec()
        });
        let by = self.requested_by();
        let seen = Seen {
            requested_by: by.as_ref(),
            revision: self.revision,
            template: self.template.as_deref(),
            trouble: self.trouble.as_ref(),
            refused: refused(context, canary, self.template.as_deref(), self.now).await?,
            measured: &measured,
        };
        Ok(status::status(canary, &self.outcome.state, seen, self.now))
    }

    // Who asked for the target's template. The webhook notes both in one write: what is of another template is about that.
    fn requested_by(&self) -> Option<RequestedBy> {
        let target = self.live.target.as_ref()?;
        let noted = label(target, labels::REVISION) == self.template.as_deref();
        let by = annotation(target, labels::REQUESTED_BY).filter(|_| noted)?;
        Some(RequestedBy::parse(by))
    }
}

// A primary that is being made goes into the record of what comes next: a write for itself would be one more in every
// release.
fn is_to_be_recorded(made: Option<&Made>, canary: &Canary, state: &State) -> bool {
    let Some(made) = made.filter(|_| !matches!(state.stage, Stage::Building | Stage::Replacing | Stage::Left)) else {
        return false;
    };
    !status::made(canary).is_some_and(|recorded| recorded.same_as(made))
}

async fn write(context: &Context, canary: &Canary, status: CanaryStatus) -> Result<Canary, kube::Error> {
    let key = key(canary);
    let mut next = Canary::clone(canary);
    next.status = Some(status);
    let api = Api::<Canary>::namespaced(context.effects.client.clone(), &key.0);
    let params = PostParams {
        field_manager: Some(labels::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let mut stored = api.replace_status(&key.1, &params, &next).await?;
    if let Some(version) = version(stored.metadata.resource_version.as_deref()) {
        context.memory.of(&key, |canary| canary.written.note_status(version));
    }
    dropped::unless_lost(context, next.status.as_ref(), stored.status.as_ref()).await?;
    // What was stored is what somebody wrote; this one is completed by its policy, alerts and hooks too.
    stored.spec = next.spec;
    Ok(stored)
}

#[cfg(test)]
mod tests;
