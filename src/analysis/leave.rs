//! The way out: back to a plain Deployment that serves, without a lost request.

use super::{ApexSide, Note, Stage, step::Step};
use crate::api::canary::Phase;
use crate::plan::revision::same_template;
use crate::routing::Traffic;

impl Step<'_> {
    /// Handles a Canary that is leaving; `false` when the stage's own rules are to run (a run ends first).
    pub(super) fn leave(&mut self) -> bool {
        match self.state.stage {
            Stage::LeavingScale => self.leaving_scale(),
            Stage::LeavingSwitch => self.leaving_switch(),
            Stage::Left => {}
            Stage::Building => self.leave_unbuilt(),
            Stage::Rest | Stage::Switching => self.start_leaving(),
            // From the cutover on, primary is about to be, or being, replaced: the run ends by itself.
            Stage::Cutover | Stage::Replacing | Stage::Returning | Stage::Draining => return false,
            Stage::RollingBack | Stage::Cancelling => return false,
            _ => {
                self.state.intent = Traffic::PRIMARY;
                self.enter(Stage::Cancelling, Phase::Progressing);
            }
        }
        true
    }

    // A hot target serves by itself and its traffic was never touched; a cold one is simply let go.
    fn leave_unbuilt(&mut self) {
        let hot = self.target().is_some_and(super::bootstrap::is_hot);
        self.note(Note::Terminating);
        self.enter(if hot { Stage::Left } else { Stage::LeavingScale }, Phase::Terminating);
    }

    fn start_leaving(&mut self) {
        self.state.remember_size(self.seen);
        self.state.intent = Traffic::PRIMARY;
        self.note(Note::Terminating);
        let stage = if self.target().is_some() {
            Stage::LeavingScale
        } else {
            Stage::Left
        };
        self.enter(stage, Phase::Terminating);
    }

    fn leaving_scale(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.enter(Stage::Left, Phase::Terminating);
        };
        let primary = self.seen.primary.as_ref().map_or(0, |p| p.replicas);
        let same = |hash: &String| {
            same_template(&target.revision, hash) || !target.known.iter().any(|k| same_template(k, hash))
        };
        let restored = target.plain && self.state.last_promoted.as_ref().is_none_or(same);
        let all = if target.fixed {
            target.replicas.max(1)
        } else {
            primary.max(target.wanted)
        };
        let ready = restored
            && target.replicas >= all
            && target.rollout.is_ready()
            && target.endpoints.is_none_or(|e| e >= all);
        if self.held_for(ready, self.rules.settle) {
            self.enter(Stage::LeavingSwitch, Phase::Terminating);
        }
    }

    fn leaving_switch(&mut self) {
        let apex = !self.seen.served || self.seen.apex == Some(ApexSide::Target);
        let moved = apex && !self.seen.split;
        if self.held_for(moved, self.rules.settle_and_drain()) {
            self.enter(Stage::Left, Phase::Terminating);
            self.note(Note::Terminated);
        }
    }
}
