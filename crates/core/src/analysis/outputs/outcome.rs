//! All that a step comes to.

use super::{desired_state::DesiredState, event::ReleaseEvent};
use crate::analysis::{Question, State};
use jiff::Timestamp;

/// The answer of a step.
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
