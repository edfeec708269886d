//! What a revision, its run or its promotion waits for.

use crate::analysis::{Observation, Rollout, Stage, State};
use crate::api::Canary;
use crate::api::canary::status::conditions::{NOT_RELEASED, Trouble};

/// What a promotion that primary does not follow says to people: who serves meanwhile, and the ways out.
pub(super) fn stuck(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
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
pub(super) fn unbuilt(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
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
pub(super) fn apart(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
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
pub(super) fn unjudged(
    canary: &Canary,
    state: &State,
    store: impl Fn(&str, &str) -> Option<String>,
) -> Option<Trouble> {
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

/// What a test says to people by which nobody meets the canary: its checks go by without users.
pub(super) fn untested(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
    if !state.stage.in_run() || !state.intent.matched || !seen.tests_nobody {
        return None;
    }
    let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
    Some(Trouble {
        reason: "NobodyMatches",
        message: format!(
            "nobody can meet the new revision of {kind} {target} in this test: the routes to Service {} ask something else of the \
             headers or parameters in analysis.match, or have no word for them. Checks go by without users, and where they pass \
             it is promoted untried; choose by headers or parameters that spec.service.match and your routes say nothing of",
            canary.service_name()
        ),
        stalled: false,
    })
}

/// What a run says to people whose canary is shown by routes that everybody passes over.
pub(super) fn bypassed(state: &State, seen: &Observation) -> Option<Trouble> {
    let why = seen.bypassed.as_ref().filter(|_| state.stage.in_run())?;
    Some(Trouble {
        reason: "RoutesBypassed",
        message: format!("{why}. Where nobody comes by them, the checks of this run say nothing of users"),
        stalled: false,
    })
}

/// What a revision says that waits because its app sleeps, or its author has paused it.
pub(super) fn asleep(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
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
