//! What a step decided, and what it saw, written into the Canary's status before anything else is written.

use super::Seen;
use crate::controller::{
    apply::made::Made,
    ask::checks::Finished,
    context::{Context, key},
    difference::Conflict,
    lifecycle::finish,
    notify::{alert, announce::announce},
    status,
    watch::{
        cache::Kind,
        configs,
        live::{Live, annotation, version},
    },
};
use crate::{
    analysis::{Decision, Note, Observation, Rollout, Stage, State, Subject, instants::after},
    api::{
        Canary,
        canary::{
            Announced, CanaryStatus, Phase, RunStatus,
            conditions::{NAME_CONFLICT, NOT_RELEASED, READY, Trouble},
        },
        labels,
        requested_by::RequestedBy,
    },
    metrics::Severity,
    plan::{
        Workload,
        configs::{MOST, MOST_BYTES},
        template,
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
/// How long an app at rest may not serve before its Canary says so: pods may be starting.
const STARTS: Duration = Duration::from_secs(10);

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

/// What the first of `conflicts` says to people.
pub fn trouble(conflicts: &[Conflict]) -> Option<Trouble> {
    conflicts.first().map(|conflict| match conflict {
        Conflict::Name(kind, name) => Trouble {
            reason: NAME_CONFLICT,
            message: format!("{kind} {name} exists and was not made by this Canary; rename one of the two"),
            stalled: true,
        },
        Conflict::Apex(name) => Trouble {
            reason: NAME_CONFLICT,
            message: format!(
                "Service {name} points at other pods or none, so it is not moved; name another in spec.service.name, or point it \
                 at the target's pods"
            ),
            stalled: true,
        },
        Conflict::LostConfig(config) => Trouble {
            reason: "LostConfig",
            message: format!("{config} is gone or has other data than what primary is to read; put it back"),
            stalled: true,
        },
        Conflict::LostRevision(hash) => Trouble {
            reason: "LostRevision",
            message: format!(
                "nothing remembers revision {hash}, neither its history nor a ReplicaSet; apply the target again"
            ),
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
        let by = self.live.target.as_ref();
        let by = by
            .and_then(|target| annotation(target, labels::REQUESTED_BY))
            .map(RequestedBy::parse);
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
        self.say_on_the_target(context, &stored);
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
        if let Some(message) = shared_configs(self.live).filter(|_| new_run) {
            announce(context, &key, canary, state, Severity::Warning, message);
        }
        Ok(pending)
    }
}

impl Recorded<'_> {
    // Whoever looks at the Deployment is to see it there.
    fn say_on_the_target(&self, context: &Context, canary: &Canary) {
        let unbuilt = |note: &&Note| matches!(note, Note::Unbuilt(_));
        let target = self.live.target.clone();
        let target = target.and_then(|target| serde_json::from_value::<Deployment>(target).ok());
        if let (Some(note), Some(target)) = (self.decision.notes.iter().find(unbuilt), target) {
            context
                .events
                .record(&target, Severity::Warning, note.text(&subject(canary)));
        }
    }
}

fn subject(canary: &Canary) -> Subject {
    Subject {
        canary: canary.name_any(),
        namespace: canary.namespace_name().to_owned(),
        target: canary.target_name().to_owned(),
        workload: Workload::parse(&canary.spec.target_ref.kind).unwrap_or_default(),
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

/// What an app at rest says that answers nobody, once that has lasted longer than pods that start do.
pub fn silent(canary: &Canary, state: &State, seen: &Observation, now: Timestamp) -> Option<Trouble> {
    let lasts = |since: Timestamp| now.duration_since(since).as_secs() >= STARTS.as_secs().cast_signed();
    if state.stage != Stage::Rest || !state.stalled.is_some_and(lasts) {
        return None;
    }
    let target = canary.target_name();
    let message = match (
        &seen.route_trouble,
        seen.primary.as_ref().map(|primary| &primary.rollout),
    ) {
        (Some(why), _) => format!("Traffic of {target} does not arrive as asked: {why}"),
        (None, Some(Rollout::Waiting(why) | Rollout::Failed(why))) => {
            format!("{target}-primary has no ready pod, so nobody is answered: {why}")
        }
        (None, _) => format!("{target}-primary has no ready pod, so nobody is answered"),
    };
    Some(Trouble {
        reason: "NotServing",
        message,
        stalled: false,
    })
}

/// What a revision says that waits because its app sleeps, or its author has paused it.
pub fn asleep(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
    let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
    if state.stage != Stage::Waiting {
        return None;
    }
    if !seen.sleeps() {
        let paused = seen.target.as_ref().is_some_and(|target| target.paused && !target.held);
        return paused.then(|| Trouble {
            reason: "Paused",
            message: format!(
                "{kind} {target} is paused by its author; its new revision is analysed when the pause ends"
            ),
            stalled: false,
        });
    }
    Some(Trouble {
        reason: "Asleep",
        message: format!(
            "No pods of {kind} {target} are wanted (0 replicas); its new revision is analysed when it is scaled up"
        ),
        stalled: false,
    })
}

/// What a Canary that stays behind says to people when its app was given back by order.
pub fn given_back(canary: &Canary, state: &State) -> Option<Trouble> {
    if state.stage != Stage::Left || canary.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
    Some(Trouble {
        reason: "GivenBack",
        message: format!(
            "Coalmine was told to leave: {kind} {target} serves by itself and is not released as a canary any more. It is taken \
             up again when that order is taken back (coalmine leave --cancel) or Coalmine is installed anew"
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
        context.written.note(&key, version);
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
    let subject = subject(canary);
    let in_run = |stage: Stage| stage.in_run() || stage == Stage::Waiting;
    let rehearsal = state.dry && (in_run(before.stage) || in_run(state.stage));
    for note in &decision.notes {
        if *note == Note::Bypassed {
            context.metrics.bypassed_change(&subject.namespace);
        }
        let text = note.text(&subject);
        let text = if rehearsal { format!("Dry run: {text}") } else { text };
        announce(context, &key, canary, state, note.severity(), text);
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
        reason: NOT_RELEASED,
        message: why,
        stalled: true,
    };
    unstepped(context, canary, &trouble, now).await
}

/// What a Canary whose target is not there says to people.
pub fn missing(canary: &Canary) -> Trouble {
    let (kind, name) = (&canary.spec.target_ref.kind, canary.target_name());
    Trouble {
        reason: "TargetMissing",
        message: format!("{kind} {name}.{} does not exist", canary.namespace_name()),
        stalled: false,
    }
}

/// What a run says to people that waits at a metric whose store cannot be asked: no check will ever judge it. `store`
/// names the store of a MetricTemplate, by namespace and name, where it is such a one.
pub fn unjudged(canary: &Canary, state: &State, store: impl Fn(&str, &str) -> Option<String>) -> Option<Trouble> {
    if !state.stage.in_run() || state.stage.ends_sessions() || state.skip {
        return None;
    }
    let mut metrics = canary.analysis().metrics.iter().flatten();
    metrics.find_map(|metric| {
        let reference = metric.template_ref.as_ref()?;
        let (namespace, name) = (reference.namespace_or(canary.namespace_name()), &reference.name);
        let store = store(namespace, name)?;
        Some(Trouble {
            reason: "MetricsUnsupported",
            message: format!(
                "metric {} asks {store} by MetricTemplate {namespace}/{name}, and {store} is not supported yet: the release \
                 waits, unjudged. Take the metric out of the Canary, or let it name the template of another store",
                metric.name
            ),
            stalled: true,
        })
    })
}

/// What a promotion that primary does not follow says to people: who serves meanwhile, and the ways out.
pub fn stuck(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
    if !state.is_stuck() {
        return None;
    }
    let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
    let why = match seen.primary.as_ref().map(|primary| &primary.rollout) {
        Some(Rollout::Waiting(why) | Rollout::Failed(why)) => why.as_str(),
        Some(Rollout::Ready) | None => "it is not ready",
    };
    Some(Trouble {
        reason: "PrimaryNotReady",
        message: format!(
            "{target}-primary cannot follow the promotion: {why}. {kind} {target} runs the verified revision and serves \
             everybody meanwhile; make room for {target}-primary, or apply {kind} {target} with another revision"
        ),
        stalled: true,
    })
}

/// What a pair that cannot be built says to people: who serves meanwhile.
pub fn unbuilt(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
    if !state.is_unbuilt() {
        return None;
    }
    let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
    let waits = seen.primary.as_ref().map(|primary| &primary.rollout);
    let why = match (&seen.refused, waits) {
        (Some(why), _) | (None, Some(Rollout::Waiting(why) | Rollout::Failed(why))) => why.as_str(),
        (None, Some(Rollout::Ready) | None) => "none of its pods could be made",
    };
    Some(Trouble {
        reason: "NotBuilt",
        message: format!(
            "{target}-primary cannot be built: {why}. {kind} {target} runs by itself meanwhile, and its changes are not \
             released as canaries; it goes on by itself when that is gone"
        ),
        stalled: true,
    })
}

/// What a revision says to people that may not run beside primary.
pub fn apart(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
    let target = seen.target.as_ref().filter(|_| state.stage == Stage::Rest)?;
    let why = target.apart.as_ref()?;
    if state.last_promoted.as_ref() == Some(&target.revision) {
        return None;
    }
    let (kind, name) = (&canary.spec.target_ref.kind, canary.target_name());
    Some(Trouble {
        reason: NOT_RELEASED,
        message: format!("this revision of {kind} {name} is not released, {name}-primary serves on: {why}"),
        stalled: true,
    })
}

/// What a write that the API server refuses says to people, in its words.
pub fn refused_write(words: String) -> Trouble {
    Trouble {
        reason: "Refused",
        message: format!("the API server refuses a write: {words}. It is tried again within a minute"),
        stalled: true,
    }
}

/// What a Canary on its way out says to people when it waits.
pub fn leaving(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
    let leaves = matches!(state.stage, Stage::LeavingScale | Stage::LeavingSwitch);
    if !leaves || state.reason.is_none() {
        return None;
    }
    let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
    let object = seen.target.as_ref()?;
    let why = match (&object.trouble, &object.rollout, &seen.route_trouble) {
        (Some(trouble), ..) => trouble.clone(),
        (None, Rollout::Waiting(why) | Rollout::Failed(why), _) => why.clone(),
        (None, Rollout::Ready, Some(why)) => why.clone(),
        (None, Rollout::Ready, None) => String::from("its traffic is not where it is to be yet"),
    };
    Some(Trouble {
        reason: "LeavingWaits",
        message: format!("{kind} {target} is to serve in place of {target}-primary before this Canary goes: {why}"),
        stalled: true,
    })
}

/// A Canary whose target is not there and never was.
pub async fn target_missing(
    context: &Context,
    canary: &Canary,
    now: Timestamp,
) -> Result<Option<Duration>, kube::Error> {
    let trouble = missing(canary);
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
    let template = context.target(canary).as_ref().and_then(template::revision);
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
