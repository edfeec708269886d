//! The check of a Canary that runs beside its steps, until a step has taken its answer up.

use crate::{analysis::Checks, api::canary::Measurement, controller::queue::tasks::Task};
use jiff::Timestamp;

/// A check that was begun.
#[derive(Debug)]
pub enum CheckRun {
    /// It runs, until another takes its place or the Canary goes; with its due time.
    UnderWay(Timestamp, #[expect(dead_code, reason = "kept for its end")] Task),
    /// Its answer, and what is recorded of it.
    Done(Checks, Vec<Measurement>),
}

impl CheckRun {
    /// Its due time, which names it.
    pub fn due(&self) -> Timestamp {
        match self {
            Self::UnderWay(due, _) => *due,
            Self::Done(checks, _) => checks.due,
        }
    }

    /// What it answered.
    pub fn answer(&self) -> Option<&Checks> {
        match self {
            Self::UnderWay(..) => None,
            Self::Done(checks, _) => Some(checks),
        }
    }

    /// What is recorded of it.
    pub fn measured(&self) -> &[Measurement] {
        match self {
            Self::UnderWay(..) => &[],
            Self::Done(_, measured) => measured,
        }
    }
}
