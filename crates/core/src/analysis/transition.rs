//! One step: at most one change of stage, and the desired state the outcome wants.
//!
//! `commands` does what annotations ask for, `stages` what is to be done in each stage: by how much traffic each side gets
//! (`shares`), by what hooks say (`gates`), and on what all of them ask and change (`step`).

mod commands;
mod gates;
mod shares;
mod stages;
mod step;

use super::{DesiredState, Observation, RunSettings, Stage, State, StepOutcome};
use crate::api::canary::Phase;
use jiff::Timestamp;
use std::time::Duration;
use step::Step;

/// The longest wait that may be taken twice.
const SHORT: Duration = Duration::from_secs(15);

/// Evaluates a Canary once. Total: every input has an answer, and the same input has the same answer.
pub fn step(settings: &RunSettings, state: &State, seen: &Observation, now: Timestamp) -> StepOutcome {
    let mut step = Step {
        settings,
        seen,
        now,
        state: state.clone(),
        events: Vec::new(),
        ask: None,
        questions: Vec::new(),
        wake: None,
    };
    if settings.leaving || !settings.suspended {
        step.record_commands();
        step.dispatch();
    }
    let desired = DesiredState::of(settings, &step.state, seen);
    let timed = match step.state.stage {
        // A primary that was seen ready may be routed to, which decides more than a wait.
        Stage::Building => true,
        Stage::Analysing => settings.interval > SHORT,
        Stage::Settling => settings.settle_and_delay() > SHORT,
        _ => settings.settle_and_drain() > SHORT,
    };
    StepOutcome {
        state: step.state,
        desired,
        events: step.events,
        ask: step.ask,
        questions: step.questions,
        take_annotations: seen.commands.any() && !settings.suspended,
        wake: step.wake,
        timed,
    }
}

impl Step<'_> {
    fn dispatch(&mut self) {
        if self.settings.leaving && self.leave() {
            return;
        }
        if self.follow_commands() || self.told_to_roll_back() {
            return;
        }
        match self.state.stage {
            Stage::Waiting => self.waiting(),
            Stage::Building => self.building(),
            Stage::Switching => self.switching(),
            Stage::Rest => self.rest(),
            Stage::Scaling => self.scaling(),
            Stage::Settling => self.settling(),
            Stage::Analysing => self.analysing(),
            Stage::Faltering => self.faltering(),
            Stage::Restarting => self.restarting(),
            Stage::Emptying => self.emptying(),
            Stage::Carrying => self.carrying(),
            Stage::Cutover => self.cutover(),
            Stage::Replacing => self.replacing(),
            Stage::Returning => self.returning(),
            Stage::Draining => self.draining(),
            Stage::RollingBack => self.rolling_back(),
            Stage::Cancelling => self.cancelling(),
            // Whoever was leaving and stays: as it was while primary serves, else built anew from what is there.
            Stage::LeavingScale if self.primary_serves_on() => self.stay(),
            Stage::LeavingScale | Stage::LeavingSwitch | Stage::Left => {
                self.enter(Stage::Building, Phase::Initializing)
            }
        }
    }
}
