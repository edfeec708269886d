//! Promotion without rolling primary under traffic: the verified canary carries everything while primary is replaced.

mod carrying;
mod replacing;
mod returning;

use crate::analysis::{ReleaseEvent, Stage, transition::step::Step};
use crate::api::canary::Phase;
use crate::routing::Traffic;

impl Step<'_> {
    pub(in crate::analysis) fn promote(&mut self) {
        if self.state.dry_run {
            return self.end_dry_run();
        }
        self.state.remember_size(self.seen);
        if self.can_carry() {
            self.cut_over();
        } else {
            self.enter(Stage::Carrying, Phase::Promoting);
        }
    }

    // The dry run ends where promotion would begin; no traffic has to leave.
    fn end_dry_run(&mut self) {
        let waits = self.state.last_applied != self.state.last_promoted;
        let phase = if waits { Phase::Waiting } else { Phase::Succeeded };
        self.enter(Stage::Rest, phase);
        self.state.intent = Traffic::PRIMARY;
        self.emit(ReleaseEvent::WouldPromote);
    }
}
