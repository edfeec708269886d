//! What a step decided, and what it saw, written into the Canary's status before anything else is written.

use super::{Seen, exposition, trouble};
use crate::controller::{
    context::{
        Context,
        memory::{check::CheckRun, primary::Made, timers::Kept},
    },
    effects::notify::{alert, announce::announce},
    queue::key,
    status,
    watch::{cache::Kind, configs, live::Live},
};
use crate::object::{annotation, label, version};
use crate::{
    analysis::{Decision, ReleaseEvent, Stage, State, Subject, instants::after},
    api::{
        Canary,
        canary::{
            Announced, CanaryStatus, Phase, RunStatus,
            status::conditions::{NOT_RELEASED, READY, Trouble},
        },
        labels,
        requested_by::RequestedBy,
    },
    messages::Severity,
    plan::{
        Workload,
        configs::{MOST, MOST_BYTES},
        workload::template,
    },
};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, ResourceExt, api::PostParams, core::DynamicObject};
use std::{sync::Arc, time::Duration};

/// A target that comes this much later than its Canary is not missed.
const IN_ONE_APPLY: Duration = Duration::from_secs(5);

/// What is stored is in the cache by then.
const ON_ITS_WAY_TO_US: Duration = Duration::from_secs(2);

/// The warning, once a run, that some configs are shared with the target and not copied.
fn shared_configs(live: &Live) -> Option<String> {
    let survey = live.survey(live.target.as_ref()?)?;
    let first = survey.shared.first()?;
    Some(format!(
        "{first} and {} more are not released with their pods: more than {} MiB of ConfigMaps and Secrets, or more than {}, \
         are not tracked. Primary shares them with its target",
        survey.shared.len() - 1,
        MOST_BYTES / 1024 / 1024,
        MOST
    ))
}

/// The warning, once a run, where Secrets may not be read.
const SHARED_SECRETS: &str =
    "Secrets may not be listed here: primary shares them with its target, and their changes are no release";

/// One decision and what belongs to it.
pub struct Recorded<'a> {
    /// The live objects.
    pub live: &'a Live,
    /// The state it was made in.
    pub before: &'a State,
    /// The decision.
    pub decision: &'a Decision,
    /// The target's revision.
    pub revision: Option<&'a str>,
    /// Hash of the target's template as it is stored.
    pub template: Option<String>,
    /// What keeps its desired state from being made.
    pub trouble: Option<Trouble>,
    /// When.
    pub now: Timestamp,
}

impl Recorded<'_> {
    /// Stores the status if it says anything new, then says the decision's events. Answers when an announcement is to be
    /// looked at again.
    pub async fn store(&self, context: &Arc<Context>, canary: &Canary) -> Result<Option<Timestamp>, kube::Error> {
        let (key, state) = (key(canary), &self.decision.state);
        let judged = state.due != self.before.due || state.stage != self.before.stage;
        let measured = context.memory.of(&key, |canary| {
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
        let mut next = status::status(canary, state, seen, self.now);
        let old = canary.status.clone().unwrap_or_default();
        let changed = configs::record(&old, &mut next, &self.live.surveys());
        let pending = announced(next.run.as_ref()).map(|a| again(a.expires(), self.now));
        let kept = Kept::of(state, self.decision.timed, &old, &next);
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

    // Who asked for the target's template. The webhook notes both in one write: what is of another template is about that.
    fn requested_by(&self) -> Option<RequestedBy> {
        let target = self.live.target.as_ref()?;
        let noted = label(target, labels::REVISION) == self.template.as_deref();
        let by = annotation(target, labels::REQUESTED_BY).filter(|_| noted)?;
        Some(RequestedBy::parse(by))
    }

    fn say_what_is_new(
        &self,
        context: &Arc<Context>,
        (canary, stored): (&Canary, &Canary),
        config_has_changed: impl Iterator<Item = String>,
    ) {
        let (key, state) = (key(canary), &self.decision.state);
        let tell = |severity, text| announce(context, &key, canary, state, severity, text);
        exposition::publish(context, canary, self.before, state);
        if let Some(trouble) = self.trouble.as_ref().filter(|t| !is_known(canary, t)) {
            tell(Severity::Warning, trouble.message.clone());
        }
        if state.phase == Phase::Progressing {
            config_has_changed.for_each(|message| tell(Severity::Normal, message));
        }
        say(context, stored, self.before, self.decision);
        self.say_on_the_target(context, stored);
        let new_run = state.last_applied != self.before.last_applied;
        if new_run && self.live.configs.shares_secrets(self.live.target.as_ref()) {
            tell(Severity::Warning, SHARED_SECRETS.to_owned());
        }
        if let Some(message) = shared_configs(self.live).filter(|_| new_run) {
            tell(Severity::Warning, message);
        }
    }

    // Whoever looks at the Deployment is to see it there.
    fn say_on_the_target(&self, context: &Context, canary: &Canary) {
        let unbuilt = |note: &&ReleaseEvent| matches!(note, ReleaseEvent::Unbuilt(_));
        let target = self.live.target.clone();
        let target = target.and_then(|target| serde_json::from_value::<Deployment>(target).ok());
        if let (Some(event), Some(target)) = (self.decision.events.iter().find(unbuilt), target) {
            context
                .effects
                .events
                .record(&target, Severity::Warning, event.text(&subject(canary)));
        }
    }
}

fn subject(canary: &Canary) -> Subject {
    Subject {
        canary: canary.name_any(),
        namespace: canary.namespace_name().to_owned(),
        target: canary.target_name().to_owned(),
        workload: Workload::of(canary).unwrap_or_default(),
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

fn is_known(canary: &Canary, trouble: &Trouble) -> bool {
    let told = canary.status.as_ref().and_then(|status| status.condition(READY));
    told.is_some_and(|c| c.reason == trouble.reason && c.message.as_deref() == Some(trouble.message.as_str()))
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
    // What was stored is what somebody wrote; this one is completed by its policy, alerts and hooks too.
    stored.spec = next.spec;
    if let Some(version) = version(stored.metadata.resource_version.as_deref()) {
        context.memory.of(&key, |canary| canary.written.note_status(version));
    }
    Ok(stored)
}

fn announced(run: Option<&RunStatus>) -> Option<&Announced> {
    run?.announced.as_ref()
}

// When an announcement is looked at again: one that is over is on its way to the cache, and the store is not asked without
// end meanwhile.
fn again(expires: Timestamp, now: Timestamp) -> Timestamp {
    expires.max(after(now, ON_ITS_WAY_TO_US))
}

// Whether the announced revision can not come any more. The cache may lag behind the store, so the store is asked.
async fn refused(context: &Context, canary: &Canary, seen: Option<&str>, now: Timestamp) -> Result<bool, kube::Error> {
    let run = canary.status.as_ref().and_then(|status| status.run.as_ref());
    let Some(announced) = announced(run).filter(|a| seen != Some(a.revision.as_str()) && a.expires() <= now) else {
        return Ok(false);
    };
    let workload = Workload::of(canary).unwrap_or_default();
    let resource = Kind::of(workload).resource();
    let api: Api<DynamicObject> =
        Api::namespaced_with(context.effects.client.clone(), canary.namespace_name(), &resource);
    let target = api.get_opt(canary.target_name()).await?;
    let revision = target
        .as_ref()
        .and_then(|target| serde_json::to_value(target).ok())
        .and_then(|target| template::revision(&target));
    Ok(revision.as_deref() != Some(announced.revision.as_str()))
}

fn say(context: &Arc<Context>, canary: &Canary, before: &State, decision: &Decision) {
    let (key, state) = (key(canary), &decision.state);
    let subject = subject(canary);
    let in_run = |stage: Stage| stage.in_run() || stage == Stage::Waiting;
    let rehearsal = state.dry && (in_run(before.stage) || in_run(state.stage));
    for event in &decision.events {
        if *event == ReleaseEvent::Bypassed {
            context.effects.metrics.bypassed_change(&subject.namespace);
        }
        let text = event.text(&subject);
        let text = if rehearsal { format!("Dry run: {text}") } else { text };
        announce(context, &key, canary, state, event.severity(), text);
        alert::raise(context, &key, canary, (state.phase, rehearsal), event, &subject);
    }
}

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

#[cfg(test)]
mod tests;
