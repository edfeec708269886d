//! What a step decided, and what it saw, written into the Canary's status before anything else is written.

use super::{
    alert,
    announce::announce,
    cache::Kind,
    checks::Finished,
    configs,
    context::{Context, key},
    difference::Conflict,
    finish,
    live::Live,
    made::Made,
    status::{self, Seen},
    write::version,
};
use crate::{
    analysis::{self, Decision, Note, Stage, State, Subject},
    api::{
        Canary,
        canary::{
            CanaryStatus, Phase,
            conditions::{NAME_CONFLICT, READY, Trouble},
        },
        labels,
    },
    metrics::Severity,
    plan::{Workload, template},
};
use jiff::Timestamp;
use kube::{Api, ResourceExt, api::PostParams, core::DynamicObject};
use std::{sync::Arc, time::Duration};

/// A target that comes this much later than its Canary is not missed.
const IN_ONE_APPLY: Duration = Duration::from_secs(5);

/// Said once a run where Secrets may not be read.
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
    /// What keeps its world from being made.
    pub trouble: Option<Trouble>,
    /// When.
    pub now: Timestamp,
}

/// What the first of `conflicts` says to people.
pub fn trouble(conflicts: &[Conflict]) -> Option<Trouble> {
    conflicts.first().map(|conflict| match conflict {
        Conflict::Name(kind, name) => Trouble {
            reason: NAME_CONFLICT,
            message: format!("{kind} {name} exists and was not made by this Canary; rename one of the two"),
            stalled: true,
        },
        Conflict::LostConfig(config) => Trouble {
            reason: "LostConfig",
            message: format!("{config} is gone or has other data than what primary is to read; put it back"),
            stalled: true,
        },
        Conflict::LostRevision(hash) => Trouble {
            reason: "LostRevision",
            message: format!("no ReplicaSet remembers revision {hash}; apply the target again"),
            stalled: true,
        },
    })
}

impl Recorded<'_> {
    /// Stores the status if it says anything new, then says the decision's notes. Answers when an announcement is to be
    /// looked at again.
    pub async fn store(&self, context: &Arc<Context>, canary: &Canary) -> Result<Option<Timestamp>, kube::Error> {
        let (key, state) = (key(canary), &self.decision.state);
        let judged = state.due != self.before.due || state.stage != self.before.stage;
        let measured = match context.checks.lock().get(&key) {
            Some(Finished::Yes(_, measured)) if judged => measured.clone(),
            _ => Vec::new(),
        };
        let seen = Seen {
            revision: self.revision,
            template: self.template.as_deref(),
            trouble: self.trouble.as_ref(),
            refused: refused(context, canary, self.template.as_deref(), self.now).await?,
            measured: &measured,
        };
        let mut next = status::status(canary, state, seen, self.now);
        let old = canary.status.clone().unwrap_or_default();
        let changed = configs::record(&old, &mut next, &self.live.surveys());
        let pending = next.announced.as_ref().map(|a| a.expires());
        let nothing_new =
            context.timers.keep(&key, state, self.decision.timed, &old, &next) || canary.status.as_ref() == Some(&next);
        let made = context.primaries.known(&key);
        if nothing_new && !is_to_be_recorded(made.as_ref(), canary, state) {
            return Ok(pending);
        }
        if let (Some(run), Some(made)) = (&mut next.run, &made) {
            run.primary = Some(made.into());
        }
        let stored = write(context, canary, next).await?;
        if judged {
            context.checks.lock().remove(&key);
        }
        // Said only when it is recorded, or a conflict would say it twice.
        finish::publish(context, canary, self.before, state);
        if let Some(trouble) = self.trouble.as_ref().filter(|t| !is_known(canary, t)) {
            announce(context, &key, canary, state, Severity::Warning, trouble.message.clone());
        }
        if state.phase == Phase::Progressing {
            for config in changed {
                let message = format!("{config} has changed");
                announce(context, &key, canary, state, Severity::Normal, message);
            }
        }
        say(context, &stored, self.before, self.decision);
        let new_run = state.last_applied != self.before.last_applied;
        if new_run && self.live.configs.shares_secrets(self.live.target.as_ref()) {
            announce(
                context,
                &key,
                canary,
                state,
                Severity::Warning,
                SHARED_SECRETS.to_owned(),
            );
        }
        Ok(pending)
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

/// What a target that is left alone says to people: Flagger left it different from what primary serves.
pub fn left_alone(canary: &Canary, state: &State) -> Option<Trouble> {
    let passed = matches!(state.phase, Phase::Initialized | Phase::Succeeded);
    if state.stage != Stage::Rest || !passed || state.dry || state.last_applied == state.last_promoted {
        return None;
    }
    let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
    Some(Trouble {
        reason: "NotStarted",
        message: format!(
            "{kind} {target} differs from what {target}-primary serves since before Coalmine took over from Flagger, and \
             is not released by itself; change {kind} {target}, or annotate the Canary with {}=true to release it as it is",
            labels::RESET
        ),
        stalled: true,
    })
}

fn is_known(canary: &Canary, trouble: &Trouble) -> bool {
    let told = canary.status.as_ref().and_then(|status| status.condition(READY));
    told.is_some_and(|c| c.reason == trouble.reason && c.message.as_deref() == Some(trouble.message.as_str()))
}

async fn write(context: &Context, canary: &Canary, status: CanaryStatus) -> Result<Canary, kube::Error> {
    let key = key(canary);
    let mut next = Canary::clone(canary);
    next.status = Some(status);
    let api = Api::<Canary>::namespaced(context.client.clone(), &key.0);
    let params = PostParams {
        field_manager: Some(labels::FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let mut stored = api.replace_status(&key.1, &params, &next).await?;
    // What was stored is what somebody wrote; this one is completed by its policy, alerts and hooks too.
    stored.spec = next.spec;
    if let Some(version) = version(stored.metadata.resource_version.as_deref()) {
        context.written.lock().insert(key, version);
    }
    Ok(stored)
}

// Whether the announced revision can not come any more. The cache may lag behind the store, so the store is asked.
async fn refused(context: &Context, canary: &Canary, seen: Option<&str>, now: Timestamp) -> Result<bool, kube::Error> {
    let announced = canary.status.as_ref().and_then(|status| status.announced.as_ref());
    let Some(announced) = announced.filter(|a| seen != Some(a.revision.as_str()) && a.expires() <= now) else {
        return Ok(false);
    };
    let workload = Workload::parse(&canary.spec.target_ref.kind).unwrap_or_default();
    let resource = Kind::of(workload).resource();
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), canary.namespace_name(), &resource);
    let target = api.get_opt(canary.target_name()).await?;
    let revision = target
        .as_ref()
        .and_then(|target| serde_json::to_value(target).ok())
        .and_then(|target| template::revision(&target));
    Ok(revision.as_deref() != Some(announced.revision.as_str()))
}

fn say(context: &Arc<Context>, canary: &Canary, before: &State, decision: &Decision) {
    let (key, state) = (key(canary), &decision.state);
    let subject = Subject {
        canary: canary.name_any(),
        namespace: canary.namespace_name().to_owned(),
        target: canary.target_name().to_owned(),
        workload: Workload::parse(&canary.spec.target_ref.kind).unwrap_or_default(),
    };
    let in_run = |stage: Stage| stage.in_run() || stage == Stage::Waiting;
    let rehearsal = state.dry && (in_run(before.stage) || in_run(state.stage));
    for note in &decision.notes {
        let severity = match note.severity() {
            analysis::Severity::Normal => Severity::Normal,
            analysis::Severity::Warning => Severity::Warning,
        };
        if *note == Note::Bypassed {
            context.metrics.bypassed_change(&subject.namespace);
        }
        let text = note.text(&subject);
        let text = if rehearsal { format!("Dry run: {text}") } else { text };
        announce(context, &key, canary, state, severity, text);
        alert::raise(context, &key, canary, (state.phase, rehearsal), note, &subject);
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
        reason: "NotReleased",
        message: why,
        stalled: true,
    };
    unstepped(context, canary, &trouble, now).await
}

/// A Canary whose target is not there: primary, if it serves, goes on.
pub async fn target_missing(
    context: &Context,
    canary: &Canary,
    now: Timestamp,
) -> Result<Option<Duration>, kube::Error> {
    let (kind, name) = (&canary.spec.target_ref.kind, canary.target_name());
    let trouble = Trouble {
        reason: "TargetMissing",
        message: format!("{kind} {name}.{} does not exist", canary.namespace_name()),
        stalled: false,
    };
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
    let state = status::state(canary, now);
    let seen = Seen {
        trouble: Some(trouble),
        refused: refused(context, canary, None, now).await?,
        ..Seen::default()
    };
    let next = status::status(canary, &state, seen, now);
    let pending = next.announced.as_ref().map(|a| a.expires());
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
