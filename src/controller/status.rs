//! Between the recorded [`State`] and `status` of the Canary. Pure.

use crate::{
    analysis::{Stage, State},
    api::canary::{Canary, CanaryStatus, Condition, Intent, Measurement, Phase, RunStatus},
    routing::{Traffic, Weights},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

/// Newest measurements kept in the status.
const MEASUREMENTS: usize = 100;

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

/// The status that records `state`, with everything else of the old one kept.
pub fn status(canary: &Canary, state: &State, measured: &[Measurement], now: Timestamp) -> CanaryStatus {
    let old = canary.status.clone().unwrap_or_default();
    let micro = |time: Timestamp| MicroTime(time);
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let new_run = old.last_applied_spec != state.last_applied && state.stage == Stage::Scaling;
    let mut measurements = if new_run {
        Vec::new()
    } else {
        old.canary_analysis.clone().unwrap_or_default()
    };
    measurements.extend_from_slice(measured);
    let surplus = measurements.len().saturating_sub(MEASUREMENTS);
    measurements.drain(..surplus);
    let old_run = old.run.clone().unwrap_or_default();
    CanaryStatus {
        phase: state.phase,
        failed_checks: count(state.failed_checks),
        canary_weight: i32::from(state.canary_weight()),
        iterations: count(state.iterations),
        last_applied_spec: state.last_applied.clone(),
        last_promoted_spec: state.last_promoted.clone(),
        observed_generation: canary.metadata.generation,
        canary_analysis: (!measurements.is_empty()).then_some(measurements),
        conditions: Some(conditions(canary, &old, state, now)),
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
            author: old_run.author,
            manager: old_run.manager,
        }),
        last_transition_time: Some(Time(now)),
        ..old
    }
}

fn conditions(canary: &Canary, old: &CanaryStatus, state: &State, now: Timestamp) -> Vec<Condition> {
    let (status, message) = promoted(canary, state.phase);
    let reason = state.phase.as_str();
    let before = old.condition("Promoted");
    let mut kept: Vec<Condition> = old
        .conditions
        .clone()
        .unwrap_or_default()
        .into_iter()
        .filter(|c| c.kind != "Promoted")
        .collect();
    let promoted = match before {
        Some(same) if same.status == status && same.reason == reason => same.clone(),
        _ => Condition {
            kind: String::from("Promoted"),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: Some(message),
            last_update_time: Some(Time(now)),
            last_transition_time: match before {
                Some(same) if same.status == status => same.last_transition_time.clone(),
                _ => Some(Time(now)),
            },
        },
    };
    kept.insert(0, promoted);
    kept
}

/// Flagger's `Promoted` condition of a phase: status and message.
fn promoted(canary: &Canary, phase: Phase) -> (&'static str, String) {
    let kind = &canary.spec.target_ref.kind;
    match phase {
        Phase::Unset | Phase::Initializing | Phase::Terminating | Phase::Terminated => {
            ("Unknown", format!("New {kind} detected, starting initialization."))
        }
        Phase::Initialized => ("True", format!("{kind} initialization completed.")),
        Phase::Waiting | Phase::WaitingPromotion => ("Unknown", String::from("Waiting for approval.")),
        Phase::Progressing => (
            "Unknown",
            String::from("New revision detected, progressing canary analysis."),
        ),
        Phase::Promoting => (
            "Unknown",
            String::from("Canary analysis completed, starting primary rolling update."),
        ),
        Phase::Finalising => (
            "Unknown",
            String::from("Canary analysis completed, routing all traffic to primary."),
        ),
        Phase::Succeeded => (
            "True",
            String::from("Canary analysis completed successfully, promotion finished."),
        ),
        Phase::Failed => ("False", format!("Canary analysis failed, {kind} scaled to zero.")),
    }
}

/// Whether the status has to be written for `state`.
pub fn differs(canary: &Canary, state: &State, now: Timestamp) -> bool {
    let Some(old) = &canary.status else { return true };
    let new = status(canary, state, &[], now);
    let settled = CanaryStatus {
        last_transition_time: old.last_transition_time.clone(),
        ..new
    };
    settled != *old
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[test]
    fn a_state_survives_the_status() {
        let now = Timestamp::from_str("2026-11-23T10:00:00.123456Z").unwrap();
        let mut canary = Canary::new("web", Default::default());
        assert_eq!(state(&canary, now), State::new(now));
        let recorded = State {
            phase: Phase::Progressing,
            stage: Stage::Analysing,
            moved_at: Some(now),
            due: Some(now),
            intent: Traffic {
                mirror: 20,
                matched: true,
                ..Traffic::share(30)
            },
            failed_checks: 2,
            last_applied: Some("v1-a".into()),
            last_promoted: Some("v1-b".into()),
            ..State::new(now)
        };
        let written = status(&canary, &recorded, &[], now);
        assert_eq!(written.canary_weight, 30);
        assert_eq!(written.condition("promoted").unwrap().status, "Unknown");
        canary.status = serde_json::from_value(serde_json::to_value(written).unwrap()).unwrap();
        assert_eq!(state(&canary, now), recorded);
        assert!(!differs(&canary, &recorded, now));
    }
}
