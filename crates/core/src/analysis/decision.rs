//! One step: at most one change of stage, and the desired state the outcome wants.

use super::{DesiredState, Observation, Question, ReleaseEvent, RunSettings, Stage, State, step::Step};
use crate::api::canary::Phase;
use jiff::Timestamp;
use std::time::Duration;

/// The longest wait that may be taken twice.
const SHORT: Duration = Duration::from_secs(15);

/// What a step comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutcome {
    /// The state to store before anything else is written.
    pub state: State,
    /// What is to be true in it.
    pub desired: DesiredState,
    /// What to say, in order.
    pub events: Vec<ReleaseEvent>,
    /// The check to run now, named by its due time.
    pub ask: Option<Timestamp>,
    /// What to ask hooks now, unless they are being asked.
    pub questions: Vec<Question>,
    /// Take the annotations away that `state` has recorded.
    pub take_annotations: bool,
    /// When to step again if nothing happens before.
    pub wake: Option<Timestamp>,
    /// Whether timers are to be stored even when nothing else has changed. A short wait that is taken anew after a crash
    /// is worth no record.
    pub timed: bool,
}

impl StepOutcome {
    /// One that changes nothing, for tests (the program's too) that say only what they are about.
    pub fn untouched() -> Self {
        Self {
            state: State::new(Timestamp::UNIX_EPOCH),
            desired: DesiredState::untouched(),
            events: Vec::new(),
            ask: None,
            questions: Vec::new(),
            take_annotations: false,
            wake: None,
            timed: false,
        }
    }
}

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
