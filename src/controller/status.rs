//! Between the recorded [`State`] and `status` of the Canary. Pure.

use super::measured;
use crate::{
    analysis::{Stage, State},
    api::canary::{
        Announced, Canary, CanaryStatus, Intent, Measurement, RunStatus,
        conditions::{Standing, Trouble, conditions},
    },
    routing::{Traffic, Weights},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

/// The state a Canary's status records; a new one when it records none.
pub fn state(canary: &Canary, now: Timestamp) -> State {
    let Some(status) = &canary.status else {
        return State::new(now);
    };
    let fresh = State::new(now);
    let run = status.run.clone().unwrap_or_default();
    // A status without our record is Flagger's, or somebody's edit: the pair is looked at anew.
    let Some(stage) = Stage::parse(&run.stage) else {
        return fresh;
    };
    let instant = |time: &Option<MicroTime>| time.as_ref().map(|t| t.0);
    let count = |n: i32| u32::try_from(n).unwrap_or(0);
    State {
        phase: status.phase,
        stage,
        since: instant(&run.since).unwrap_or(now),
        moved_at: instant(&run.moved_at),
        due: instant(&run.due),
        intent: run
            .intent
            .map_or_else(|| Traffic::share(percent(status.canary_weight)), traffic),
        failed_checks: count(status.failed_checks),
        iterations: count(status.iterations),
        waits: count(run.waits),
        had_data: run.had_data,
        resume: percent(run.resume),
        floor: count(run.floor),
        last_applied: status.last_applied_spec.clone(),
        last_promoted: status.last_promoted_spec.clone(),
        reason: run.reason,
    }
}

fn percent(n: i32) -> u8 {
    u8::try_from(n.clamp(0, 100)).unwrap_or(0)
}

fn traffic(of: Intent) -> Traffic {
    Traffic {
        weights: Weights::canary_share(percent(of.canary)),
        matched: of.matched,
        mirror: percent(of.mirror),
        sticky: of.sticky,
    }
}

fn intent(of: Traffic) -> Intent {
    Intent {
        primary: i32::from(of.primary()),
        canary: i32::from(of.canary()),
        mirror: i32::from(of.mirror),
        matched: of.matched,
        sticky: of.sticky,
    }
}

/// What a status says besides the state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'a> {
    /// The target's revision; `None` without a target.
    pub revision: Option<&'a str>,
    /// Hash of the target's template as it is stored, which is what the door announces.
    pub template: Option<&'a str>,
    /// Why nothing can go on.
    pub trouble: Option<&'a Trouble>,
    /// The announced revision was looked for in vain: it was refused after the door.
    pub refused: bool,
    /// What has been measured since the last record.
    pub measured: &'a [Measurement],
}

/// The status that records `state`, with everything else of the old one kept.
pub fn status(canary: &Canary, state: &State, seen: Seen<'_>, now: Timestamp) -> CanaryStatus {
    let old = canary.status.clone().unwrap_or_default();
    let micro = |time: Timestamp| MicroTime(time);
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let new_run = old.last_applied_spec != state.last_applied && state.stage == Stage::Scaling;
    let kept = if new_run { None } else { old.canary_analysis.clone() };
    let measurements = measured::newest(kept.unwrap_or_default(), seen.measured);
    let announced = announced(&old, seen);
    let old_run = old.run.clone().unwrap_or_default();
    let (author, manager) = if new_run {
        let by = old
            .announced
            .clone()
            .filter(|a| Some(&a.revision) == state.last_applied.as_ref());
        by.map_or((None, None), |a| (a.author, a.manager))
    } else {
        (old_run.author, old_run.manager)
    };
    let standing = Standing {
        kind: &canary.spec.target_ref.kind,
        phase: state.phase,
        ahead: announced.is_some() || is_ahead(state, seen.revision),
        trouble: seen.trouble,
    };
    let conditions = conditions(standing, old.conditions.as_deref().unwrap_or_default(), now);
    let new = CanaryStatus {
        phase: state.phase,
        failed_checks: count(state.failed_checks),
        canary_weight: i32::from(state.canary_weight()),
        iterations: count(state.iterations),
        last_applied_spec: state.last_applied.clone(),
        last_promoted_spec: state.last_promoted.clone(),
        observed_generation: canary.metadata.generation,
        canary_analysis: (!measurements.is_empty()).then_some(measurements),
        conditions: Some(conditions),
        announced,
        run: Some(RunStatus {
            stage: state.stage.as_str().to_owned(),
            since: Some(micro(state.since)),
            moved_at: state.moved_at.map(micro),
            due: state.due.map(micro),
            intent: Some(intent(state.intent)),
            waits: count(state.waits),
            had_data: state.had_data,
            resume: i32::from(state.resume),
            floor: count(state.floor),
            reason: state.reason.clone(),
            author,
            manager,
        }),
        ..old.clone()
    };
    let moved = old.last_transition_time.is_none() || shown(&new) != shown(&old);
    CanaryStatus {
        last_transition_time: if moved {
            Some(Time(now))
        } else {
            old.last_transition_time
        },
        ..new
    }
}

// What kubectl's columns and Flagger's scripts follow; its change is a transition.
fn shown(status: &CanaryStatus) -> impl PartialEq + use<'_> {
    (
        status.phase,
        status.canary_weight,
        status.failed_checks,
        status.iterations,
        status.last_applied_spec.as_deref(),
        status.last_promoted_spec.as_deref(),
    )
}

// At rest, a template that is neither what was tried last nor what serves starts a run, now or when it may.
fn is_ahead(state: &State, revision: Option<&str>) -> bool {
    let known = [state.last_applied.as_deref(), state.last_promoted.as_deref()];
    revision.is_some() && !known.contains(&revision)
}

// An announcement is over when its revision is seen, however soon the next one follows.
fn announced(old: &CanaryStatus, seen: Seen<'_>) -> Option<Announced> {
    let open = |a: &Announced| !seen.refused && seen.template != Some(a.revision.as_str());
    old.announced.clone().filter(open)
}

#[cfg(test)]
mod tests;
