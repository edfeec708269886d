//! What annotations on the Canary ask for, each done once. A command is first recorded, then its annotation is taken away,
//! and only then is it followed: a crash in between neither forgets it nor follows it twice.

use super::{stages::bootstrap::may_have_older_data, step::Step};
use crate::analysis::{ReleaseEvent, Stage};
use crate::api::canary::Phase;
use crate::routing::Traffic;

impl Step<'_> {
    /// Records what the annotations ask for.
    pub(super) fn record_commands(&mut self) {
        self.state.commands.skip |= self.seen.commands.skip;
        self.state.commands.reset |= self.seen.commands.reset;
    }

    /// Follows a command where the Canary stands; `true` when that was this step. One that cannot be followed yet waits.
    pub(super) fn follow_commands(&mut self) -> bool {
        if self.seen.commands.any() {
            return false;
        }
        let commands = self.state.commands;
        (commands.reset && self.reset()) || (commands.skip && self.skip())
    }

    fn reset(&mut self) -> bool {
        let Some(target) = self.target().cloned() else {
            return false;
        };
        match self.state.stage {
            Stage::Rest | Stage::Waiting if self.state.last_promoted.is_some() => {
                self.emit(ReleaseEvent::RunningAgain);
                self.begin(&target);
            }
            Stage::Scaling | Stage::Settling | Stage::Analysing | Stage::Faltering => {
                self.emit(ReleaseEvent::RunningAgain);
                self.state.intent = Traffic::PRIMARY;
                self.enter(Stage::Restarting, Phase::Progressing);
            }
            // It starts from the beginning as it is.
            Stage::Restarting => {}
            _ => return false,
        }
        self.state.commands.reset = false;
        true
    }

    fn skip(&mut self) -> bool {
        if self.settings.analysis_demanded {
            self.emit(ReleaseEvent::SkippingForbidden);
            self.state.commands.skip = false;
            return false;
        }
        match self.state.stage {
            Stage::Waiting | Stage::Scaling | Stage::Settling | Stage::Faltering => {
                self.state.skip = true;
                self.emit(ReleaseEvent::Skipping);
            }
            Stage::Analysing => {
                self.state.skip = true;
                self.emit(ReleaseEvent::Skipping);
                self.promote();
            }
            Stage::Rest if self.target().is_some_and(may_have_older_data) => return false,
            Stage::Rest => self.skip_at_rest(),
            // The run that comes after it is.
            Stage::Emptying | Stage::Restarting | Stage::RollingBack | Stage::Cancelling => return false,
            // It does not keep the stage from looking after its traffic.
            _ => {
                self.emit(ReleaseEvent::NothingToSkip);
                self.state.commands.skip = false;
                return false;
            }
        }
        self.state.commands.skip = false;
        true
    }

    // The revision that failed is promoted; where nothing failed there is nothing to promote.
    fn skip_at_rest(&mut self) {
        let unpromoted = self
            .target()
            .filter(|t| self.state.last_promoted.as_ref().is_some_and(|p| *p != t.revision));
        match unpromoted.cloned() {
            Some(target) => {
                self.emit(ReleaseEvent::Skipping);
                self.start_run(&target);
                self.state.skip = true;
                self.emit(ReleaseEvent::NewRevision);
            }
            None => self.emit(ReleaseEvent::NothingToSkip),
        }
    }
}
