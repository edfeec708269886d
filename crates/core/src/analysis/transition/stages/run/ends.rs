//! How a run ends without a promotion: given up, or called off.

use crate::analysis::{ReleaseEvent, Stage, transition::step::Step};
use crate::api::canary::Phase;
use crate::routing::Traffic;

impl Step<'_> {
    pub(in crate::analysis) fn roll_back(&mut self, why: ReleaseEvent) {
        self.state.intent = Traffic::PRIMARY;
        self.enter(Stage::RollingBack, Phase::Progressing);
        self.emit(why);
    }

    pub(in crate::analysis) fn rolling_back(&mut self) {
        if self.left_the_target() {
            self.enter(Stage::Rest, Phase::Failed);
            self.over();
            self.emit(ReleaseEvent::Failed);
        }
    }

    pub(in crate::analysis) fn cancelling(&mut self) {
        if self.left_the_target() {
            self.cancel_at_rest();
        }
    }

    // The run ends without a verdict; what primary serves is what there is.
    pub(in crate::analysis) fn cancel_at_rest(&mut self) {
        self.state.intent = Traffic::PRIMARY;
        self.state.last_applied.clone_from(&self.state.last_promoted);
        self.enter(Stage::Rest, Phase::Succeeded);
        if self.state.started {
            self.over();
        }
        self.emit(ReleaseEvent::Cancelled);
    }
}
