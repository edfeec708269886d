//! Between the recorded [`State`] and `status` of the Canary. Pure.
//!
//! Before it, a step has decided, and [`difference`](super::difference) has found what is to be written. It is recorded first
//! ([`record`]); after it, [`apply`](super::effects::apply) writes the rest.

pub mod dropped;
pub mod exposition;
mod measured;
pub mod record;
pub mod trouble;

use super::context::memory::primary::Made;
use crate::{
    analysis::{Commands, Stage, State, Wait},
    api::{
        canary::{
            Announced, Canary, CanaryStatus, GateStatus, HookType, Measurement, Phase, RunStatus,
            status::conditions::{ConditionInputs, DryRun, Trouble, conditions},
        },
        requested_by::RequestedBy,
    },
    plan::revision::template_of,
    routing::{Cookies, Traffic},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

const SKIP: &str = "skip-analysis";
const RESET: &str = "reset";

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
    let instant = |time: &Option<MicroTime>| time.as_ref().map(|t| past(t.0, now));
    let count = |n: i32| u32::try_from(n).unwrap_or(0);
    State {
        phase: status.phase,
        stage,
        since: instant(&run.since).unwrap_or(now),
        moved_at: instant(&run.moved_at),
        traffic_since: instant(&run.traffic_since),
        due: run.due.as_ref().map(|t| t.0.clamp(Timestamp::UNIX_EPOCH, latest(now))),
        intent: run
            .intent
            .map_or_else(|| Traffic::share(percent(status.canary_weight)), Traffic::from),
        cookies: Cookies::recorded(status),
        failed_checks: count(status.failed_checks),
        iterations: count(status.iterations),
        waits: count(run.waits),
        had_data: run.had_data,
        stalled: instant(&run.stalled),
        min_replicas: count(run.min_replicas),
        last_applied: whole(&run.applied_revision, &status.last_applied_spec),
        last_promoted: whole(&run.promoted_revision, &status.last_promoted_spec),
        gate: run.gate.and_then(|of| gate(of, now)),
        started: run.started,
        skip: run.skip,
        dry_run: run.dry_run,
        commands: Commands {
            skip: run.commands.iter().any(|w| w == SKIP),
            reset: run.commands.iter().any(|w| w == RESET),
        },
        queued: run.queued,
        reason: run.reason,
    }
}

// Flagger's field is the template's hash; the whole revision counts as long as it belongs to it.
fn whole(revision: &Option<String>, template: &Option<String>) -> Option<String> {
    let whole = revision
        .as_ref()
        .filter(|r| Some(template_of(r)) == template.as_deref());
    whole.or(template.as_ref()).cloned()
}

/// What the status says primary was when it was written last.
pub fn made(canary: &Canary) -> Option<Made> {
    let run = canary.status.as_ref()?.run.as_ref()?;
    run.primary.as_ref().map(Made::from)
}

fn hash(revision: &Option<String>) -> Option<String> {
    revision.as_deref().map(template_of).map(str::to_owned)
}

// Whoever may write a status may write any instant, and every sum with one must stay a time.
fn past(instant: Timestamp, now: Timestamp) -> Timestamp {
    instant.clamp(Timestamp::UNIX_EPOCH, now.max(Timestamp::UNIX_EPOCH))
}

// No interval is longer than GoDuration's 292 years.
fn latest(now: Timestamp) -> Timestamp {
    let longest = SignedDuration::from_nanos(i64::MAX);
    now.checked_add(longest).unwrap_or(now).max(Timestamp::UNIX_EPOCH)
}

fn gate(of: GateStatus, now: Timestamp) -> Option<Wait> {
    Some(Wait {
        kind: HookType::parse(&of.kind)?,
        since: past(of.since?.0, now),
        at: of.asked.map(|t| past(t.0, now)),
        hook: of.hook,
    })
}

fn gate_status(of: &Wait) -> GateStatus {
    GateStatus {
        kind: of.kind.as_str().to_owned(),
        hook: of.hook.clone(),
        since: Some(MicroTime(of.since)),
        asked: of.at.map(MicroTime),
    }
}

fn commands(of: Commands) -> Vec<String> {
    let named = [(of.skip, SKIP), (of.reset, RESET)];
    named
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

fn percent(n: i32) -> u8 {
    u8::try_from(n.clamp(0, 100)).unwrap_or(0)
}

// Analyses that route and promote nothing say so.
fn dry_run(state: &State) -> DryRun {
    match (state.dry_run, state.stage) {
        (false, _) => DryRun::No,
        (true, Stage::Rest) if state.phase == Phase::Waiting => DryRun::Passed,
        (true, _) => DryRun::Yes,
    }
}

/// What a status says besides the state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'a> {
    /// The target's revision; `None` without a target.
    pub revision: Option<&'a str>,
    /// Hash of the target's template as it is stored, which is what the webhook announces.
    pub template: Option<&'a str>,
    /// Who asked for that template, as the webhook noted it on the target.
    pub requested_by: Option<&'a RequestedBy>,
    /// Why nothing can go on.
    pub trouble: Option<&'a Trouble>,
    /// The announced revision was never stored: somebody refused it after our webhook.
    pub refused: bool,
    /// What has been measured since the last record.
    pub measured: &'a [Measurement],
}

/// The status that records `state`, with everything else of the old one kept.
pub fn status(canary: &Canary, state: &State, seen: Seen<'_>, now: Timestamp) -> CanaryStatus {
    let old = canary.status.clone().unwrap_or_default();
    let old_run = old.run.clone().unwrap_or_default();
    let before = whole(&old_run.applied_revision, &old.last_applied_spec);
    let new_run = before != state.last_applied && matches!(state.stage, Stage::Scaling | Stage::Waiting);
    let kept = if new_run { None } else { old.canary_analysis.clone() };
    let measurements = measured::newest(kept.unwrap_or_default(), seen.measured);
    let mut run = run_status(state, old_run, seen);
    if new_run {
        let by = asked_by(state, seen, &before);
        run.author = by.map(|by| by.user.clone());
        run.manager = by.and_then(|by| by.manager.clone());
    }
    let inputs = inputs(canary, state, seen, run.announced.is_some());
    let conditions = conditions(inputs, old.conditions.as_deref().unwrap_or_default(), now);
    let mut new = CanaryStatus {
        phase: state.phase,
        failed_checks: count(state.failed_checks),
        canary_weight: i32::from(state.canary_weight()),
        iterations: count(state.iterations),
        last_applied_spec: hash(&state.last_applied),
        last_promoted_spec: hash(&state.last_promoted),
        session_affinity_cookie: state.cookies.canary.clone(),
        primary_session_affinity_cookie: state.cookies.primary.clone(),
        previous_session_affinity_cookie: state.cookies.previous.clone(),
        observed_generation: canary.metadata.generation,
        canary_analysis: (!measurements.is_empty()).then_some(measurements),
        conditions: Some(conditions),
        run: Some(run),
        ..old.clone()
    };
    if old.last_transition_time.is_none() || shown(&new) != shown(&old) {
        new.last_transition_time = Some(Time(now));
    }
    new
}

/// The status of a Canary that is not even looked at: its conditions say why, and everything else is as it was.
pub fn unlooked(canary: &Canary, trouble: &Trouble, now: Timestamp) -> CanaryStatus {
    let old = canary.status.clone().unwrap_or_default();
    let seen = Seen {
        trouble: Some(trouble),
        ..Seen::default()
    };
    let announced = old.run.as_ref().is_some_and(|run| run.announced.is_some());
    let inputs = ConditionInputs {
        // Also that of a status without our record.
        phase: old.phase,
        ..inputs(canary, &state(canary, now), seen, announced)
    };
    let conditions = conditions(inputs, old.conditions.as_deref().unwrap_or_default(), now);
    CanaryStatus {
        observed_generation: canary.metadata.generation,
        conditions: Some(conditions),
        ..old
    }
}

// The record of `state`, with what no state says as it was in the `old` one.
fn run_status(state: &State, old: RunStatus, seen: Seen<'_>) -> RunStatus {
    RunStatus {
        stage: state.stage.as_str().to_owned(),
        since: Some(MicroTime(state.since)),
        moved_at: state.moved_at.map(MicroTime),
        traffic_since: state.traffic_since.map(MicroTime),
        due: state.due.map(MicroTime),
        intent: Some(state.intent.into()),
        waits: count(state.waits),
        had_data: state.had_data,
        // While building, only the memory of the process has it: see `Timers`.
        stalled: state.stalled.filter(|_| state.stage != Stage::Building).map(MicroTime),
        applied_revision: state.last_applied.clone(),
        promoted_revision: state.last_promoted.clone(),
        min_replicas: count(state.min_replicas),
        gate: state.gate.as_ref().map(gate_status),
        started: state.started,
        skip: state.skip,
        dry_run: state.dry_run,
        commands: commands(state.commands),
        queued: state.queued.clone(),
        reason: state.reason.clone(),
        announced: announced(&old, seen),
        promoted_configs: old.promoted_configs,
        primary: old.primary,
        author: old.author,
        manager: old.manager,
    }
}

// Who asked for the template that a run begins with, where `before` was tried last. Of configs that changed, the template's
// author knows nothing.
fn asked_by<'a>(state: &State, seen: Seen<'a>, before: &Option<String>) -> Option<&'a RequestedBy> {
    let applied = hash(&state.last_applied);
    let brought = applied != hash(before);
    seen.requested_by
        .filter(|_| brought && seen.template == applied.as_deref())
}

fn inputs<'a>(canary: &'a Canary, state: &State, seen: Seen<'a>, announced: bool) -> ConditionInputs<'a> {
    ConditionInputs {
        kind: &canary.spec.target_ref.kind,
        phase: state.phase,
        ahead: announced || is_ahead(state, seen.revision),
        trouble: seen.trouble,
        stuck: state.is_stuck(),
        dry_run: dry_run(state),
    }
}

fn count(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
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
fn announced(old: &RunStatus, seen: Seen<'_>) -> Option<Announced> {
    let open = |a: &Announced| !seen.refused && seen.template != Some(a.revision.as_str());
    old.announced.clone().filter(open)
}

#[cfg(test)]
mod tests;
