//! An app that sleeps: no pods are wanted of it. Primary goes to zero at rest, a run in progress gives its traffic back and
//! waits, and so does a revision that comes meanwhile: nothing starts until the app wakes. What is being promoted is
//! promoted to its end first. A revision under its author's own pause waits in the same place until the pause ends: none
//! of its pods would start.

use crate::analysis::{Observation, ReleaseEvent, Stage, Target, transition::step::Step};
use crate::{api::canary::Phase, routing::Traffic};

impl Observation {
    /// Whether nobody wants any pod of the app. A set that counts nodes does not sleep, and an autoscaler wakes by itself.
    pub fn sleeps(&self) -> bool {
        let asleep = |target: &Target| target.wanted == 0 && !target.fixed;
        self.scaler.is_none() && self.target.as_ref().is_some_and(asleep)
    }
}

impl Observation {
    /// Why nothing of a new revision starts, by its author's will.
    pub(in crate::analysis) fn standstill(&self) -> Option<(&'static str, ReleaseEvent)> {
        if self.sleeps() {
            return Some(("asleep", ReleaseEvent::Asleep));
        }
        let paused = self.target.as_ref().is_some_and(|target| target.paused && !target.held);
        paused.then_some(("paused", ReleaseEvent::Paused))
    }
}

impl Step<'_> {
    /// Gives up what a run has got to, if the app is to sleep; `true` when that was this step. Traffic leaves first: also
    /// before its first share the canary may hold requests of a share that it lost.
    pub(in crate::analysis) fn falls_asleep(&mut self) -> bool {
        if !self.seen.sleeps() {
            return false;
        }
        self.state.intent = Traffic::PRIMARY;
        self.enter(Stage::Restarting, Phase::Progressing);
        true
    }

    /// Whether the revision waits for its author; said once.
    pub(in crate::analysis) fn stands_still(&mut self) -> bool {
        let standstill = self.seen.standstill();
        if let Some((reason, event)) = standstill.clone() {
            self.emit_once(reason, event);
        }
        standstill.is_some()
    }
}
