//! What is said in the conditions of a Canary whose desired state is not made, or that waits: one trouble at a time, the first
//! that there is.

use crate::controller::difference::Conflict;
use crate::{
    analysis::{Observation, Rollout, Stage, State},
    api::{
        Canary,
        canary::{
            Phase,
            status::conditions::{NAME_CONFLICT, NOT_RELEASED, Trouble},
        },
        labels,
    },
};
use jiff::Timestamp;
use std::time::Duration;

/// How long an app at rest may not serve before its Canary says so: pods may be starting.
const STARTS: Duration = Duration::from_secs(10);

/// What the troubles of a Canary are found in.
pub struct Evidence<'a> {
    /// Whose.
    pub canary: &'a Canary,
    /// The state that was decided on.
    pub state: &'a State,
    /// What was seen.
    pub seen: &'a Observation,
    /// What is in the way of the desired state.
    pub conflicts: &'a [Conflict],
    /// That its target is not there, if that is so.
    pub absence: Option<Trouble>,
    /// What the API server refuses, in its words.
    pub refusal: Option<String>,
    /// When.
    pub now: Timestamp,
}

/// The trouble that is said: of several, the one that keeps the others from being mended. `store` names the store of a
/// MetricTemplate, by namespace and name, where that cannot be asked.
pub fn first(evidence: Evidence<'_>, store: impl Fn(&str, &str) -> Option<String>) -> Option<Trouble> {
    let Evidence {
        canary,
        state,
        seen,
        conflicts,
        absence,
        refusal,
        now,
    } = evidence;
    conflict(conflicts)
        .or(absence)
        .or_else(|| stuck(canary, state, seen))
        .or_else(|| unbuilt(canary, state, seen))
        .or_else(|| refusal.map(refused_write))
        .or_else(|| leaving(canary, state, seen))
        .or_else(|| apart(canary, state, seen))
        .or_else(|| unjudged(canary, state, store))
        .or_else(|| left_alone(canary, state))
        .or_else(|| silent(canary, state, seen, now))
        .or_else(|| asleep(canary, state, seen))
        .or_else(|| given_back(canary, state))
        .map(Trouble::bounded)
}

/// What the first of `conflicts` says to people.
pub fn conflict(conflicts: &[Conflict]) -> Option<Trouble> {
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

/// What a Canary whose target is not there says to people.
pub fn missing(canary: &Canary) -> Trouble {
    let (kind, name) = (&canary.spec.target_ref.kind, canary.target_name());
    Trouble {
        reason: "TargetMissing",
        message: format!("{kind} {name}.{} does not exist", canary.namespace_name()),
        stalled: false,
    }
}

/// What a promotion that primary does not follow says to people: who serves meanwhile, and the ways out.
fn stuck(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
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
fn unbuilt(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
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

/// What a write that the API server refuses says to people, in its words.
fn refused_write(words: String) -> Trouble {
    Trouble {
        reason: "Refused",
        message: format!("the API server refuses a write: {words}. It is tried again within a minute"),
        stalled: true,
    }
}

/// What a Canary on its way out says to people when it waits.
fn leaving(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
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

/// What a revision says to people that may not run beside primary.
fn apart(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
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

/// What a run says to people that waits at a metric whose store cannot be asked: no check will ever judge it. `store`
/// names the store of a MetricTemplate, by namespace and name, where it is such a one.
fn unjudged(canary: &Canary, state: &State, store: impl Fn(&str, &str) -> Option<String>) -> Option<Trouble> {
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

/// What a target that is left alone says to people: Flagger left it different from what primary serves.
fn left_alone(canary: &Canary, state: &State) -> Option<Trouble> {
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
fn silent(canary: &Canary, state: &State, seen: &Observation, now: Timestamp) -> Option<Trouble> {
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
fn asleep(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
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
fn given_back(canary: &Canary, state: &State) -> Option<Trouble> {
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

#[cfg(test)]
pub mod tests;
