//! What the verdict of a check leads to: the next share, the next check, promotion, or a failure that counts.

use crate::analysis::{ReleaseEvent, Strategy, Verdict, instants::after, transition::step::Step};
use crate::api::canary::{HookType, Phase};
use jiff::Timestamp;

impl Step<'_> {
    pub(super) fn judge(&mut self, verdict: Verdict, due: Timestamp) {
        match verdict {
            Verdict::Pass => {
                self.state.had_data = true;
                self.advance(due);
            }
            Verdict::Early(message) => self.too_early(message, due),
            // Before a run's first value there may simply be no traffic yet: wait, but not for ever.
            // Without traffic of its own there is nothing to measure, and nothing can be spoilt.
            Verdict::NoData(message) if self.state.dry_run => {
                self.emit(ReleaseEvent::Halt(message));
                self.advance(due);
            }
            Verdict::NoData(message) if !self.state.had_data && self.state.waits < self.settings.threshold => {
                self.state.waits = self.state.waits.saturating_add(1);
                self.emit(ReleaseEvent::Halt(message));
                self.next_due(due);
            }
            // Nobody can say anything about the canary: it keeps what it has until somebody changes the Canary.
            Verdict::Unsupported(message) => {
                self.emit(ReleaseEvent::Halt(message));
                self.next_due(due);
            }
            Verdict::Fail(message) => {
                self.state.had_data = true;
                self.failed_check(message, due);
            }
            Verdict::NoData(message) | Verdict::Error(message) => self.failed_check(message, due),
        }
    }

    fn failed_check(&mut self, message: String, due: Timestamp) {
        self.emit(ReleaseEvent::Halt(message));
        // What was asked after a passed check is asked again after the next one that passes.
        if let Some(wait) = self.state.gate.as_mut() {
            wait.at = None;
        }
        self.next_due(due);
        self.count_failure();
    }

    pub(in crate::analysis) fn count_failure(&mut self) {
        self.state.failed_checks = self.state.failed_checks.saturating_add(1);
        if self.state.failed_checks >= self.settings.threshold {
            self.roll_back(ReleaseEvent::ThresholdReached(self.state.failed_checks));
        }
    }

    // The checks keep their spacing; one that comes late does not pull the next ones together.
    pub(in crate::analysis) fn next_due(&mut self, due: Timestamp) {
        let next = after(due, self.settings.interval);
        let next = if next > self.now {
            next
        } else {
            after(self.now, self.settings.interval)
        };
        self.state.due = Some(next);
        self.wake_at(next);
    }

    fn advance(&mut self, due: Timestamp) {
        self.next_due(due);
        self.proceed(due);
    }

    // What the checks passed so far lead to, as far as its gates are open. Whatever moves is checked an interval later.
    pub(super) fn proceed(&mut self, at: Timestamp) {
        let iterated = match self.settings.strategy {
            Strategy::Weighted(_) => false,
            Strategy::Matched(of) | Strategy::Iterations(of) => self.state.iterations >= of,
        };
        let due = iterated || self.state.phase == Phase::WaitingPromotion;
        if due && !self.may_promote(at) {
            return;
        }
        let weighted = matches!(self.settings.strategy, Strategy::Weighted(_));
        if !due && weighted && !self.allowed(HookType::ConfirmTrafficIncrease, at) {
            return;
        }
        if !(due && weighted) && self.show_next() {
            self.state.phase = Phase::Progressing;
            return self.next_due(at);
        }
        if due || self.may_promote(at) {
            self.promote();
        }
    }

    fn may_promote(&mut self, at: Timestamp) -> bool {
        if self.asks(HookType::ConfirmPromotion) {
            self.state.phase = Phase::WaitingPromotion;
        }
        self.allowed(HookType::ConfirmPromotion, at)
    }
}
