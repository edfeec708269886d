//! The gates that a run stands at, from before its start to after its end.

use crate::analysis::instants::after;
use crate::analysis::transition::step::Step;
use crate::analysis::{ReleaseEvent, Stage, Strategy};
use crate::api::canary::{HookType, Phase};
use jiff::Timestamp;

impl Step<'_> {
    /// A new revision before its canary is scaled up.
    pub(in crate::analysis) fn waiting(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        let revision = Some(target.revision.as_str());
        if self.state.last_promoted.as_deref() == revision && self.state.last_applied.as_deref() != revision {
            return self.cancel_at_rest();
        }
        if self.state.last_applied.as_deref() != revision {
            if self.is_apart(&target) {
                return self.cancel_at_rest();
            }
            return self.begin(&target);
        }
        if self.stands_still() {
            return;
        }
        if self.state.skip || self.is_open(HookType::ConfirmRollout) {
            self.enter(Stage::Scaling, Phase::Progressing);
            self.emit(ReleaseEvent::NewRevision);
        }
    }

    /// Whether the first traffic may flow: `pre-rollout` and then the first `confirm-traffic-increase`.
    pub(in crate::analysis) fn may_start(&mut self) -> bool {
        if self.state.started {
            return true;
        }
        let before = self.state.gate.as_ref().map(|w| w.kind);
        if before.is_none() {
            self.emit(ReleaseEvent::Starting);
        }
        if before != Some(HookType::ConfirmTrafficIncrease) && !self.pre_rollout() {
            return false;
        }
        let weighted = matches!(self.settings.strategy, Strategy::Weighted(_));
        if weighted && !self.is_open(HookType::ConfirmTrafficIncrease) {
            return false;
        }
        self.state.started = true;
        true
    }

    // A refusal counts as a failed check, and the next attempt comes an interval later.
    fn pre_rollout(&mut self) -> bool {
        let kind = HookType::PreRollout;
        if !self.asks(kind) {
            return true;
        }
        let at = self.at_gate(kind).at.unwrap_or(self.now);
        if self.now < at {
            self.wake_at(at);
            return false;
        }
        let Some(answer) = self.heard(kind, at) else {
            return false;
        };
        let Some(refusal) = answer.refused.clone() else {
            self.passed(&answer);
            return true;
        };
        let next = after(self.now, self.settings.interval);
        if let Some(wait) = self.state.gate.as_mut() {
            wait.at = Some(next);
            wait.hook = Some(refusal.hook.clone());
        }
        self.wake_at(next);
        self.emit(ReleaseEvent::HookFailed(kind, refusal));
        self.count_failure();
        false
    }

    /// Whether what a passed check leads to is allowed; asked after each passed check, `at` being its due time.
    pub(in crate::analysis) fn allowed(&mut self, kind: HookType, at: Timestamp) -> bool {
        if !self.asks(kind) {
            return true;
        }
        let wait = self.at_gate(kind);
        let answer = wait.at.and_then(|asked| self.answer(&self.question(kind, asked)));
        let asked = match (answer, wait.at) {
            (Some(answer), _) if answer.refused.is_none() => {
                self.passed(&answer);
                return true;
            }
            // On its way.
            (None, Some(asked)) => asked,
            _ => at,
        };
        if let Some(wait) = self.state.gate.as_mut() {
            wait.at = Some(asked);
        }
        self.heard(kind, asked);
        false
    }

    /// Between two checks: whether the gate a passed check led to has opened.
    pub(in crate::analysis) fn opened(&mut self) -> bool {
        let Some(wait) = self.state.gate.clone() else {
            return false;
        };
        if !self.asks(wait.kind) {
            self.state.gate = None;
            return true;
        }
        let Some(answer) = wait.at.and_then(|at| self.heard(wait.kind, at)) else {
            return false;
        };
        let Some(refusal) = answer.refused else { return true };
        self.hold(wait.kind, refusal);
        false
    }

    /// Asks the `rollback` hooks; `true` when one of them wants this run to end.
    pub(in crate::analysis) fn told_to_roll_back(&mut self) -> bool {
        use Stage::{Analysing, Faltering, Scaling, Settling, Waiting};
        let polled = matches!(self.state.stage, Waiting | Scaling | Settling | Analysing | Faltering);
        if !polled || !self.asks(HookType::Rollback) {
            return false;
        }
        let Some(answer) = self.polled(HookType::Rollback, self.state.since) else {
            return false;
        };
        if answer.agreed.is_empty() {
            return false;
        }
        self.passed(&answer);
        self.roll_back(ReleaseEvent::RollingBackByHook);
        true
    }

    /// The run is over: whoever wanted to hear of it is told.
    pub(in crate::analysis) fn over(&mut self) {
        if self.asks(HookType::PostRollout) && !self.state.dry_run {
            self.at_gate(HookType::PostRollout);
        }
    }

    /// What the `post-rollout` hooks said; it changes nothing any more.
    pub(in crate::analysis) fn post_rollout(&mut self) {
        let Some(at) = self.state.gate.as_ref().map(|w| w.at.unwrap_or(w.since)) else {
            return;
        };
        let Some(answer) = self.heard(HookType::PostRollout, at) else {
            return;
        };
        self.passed(&answer);
        if let Some(refusal) = answer.refused {
            self.emit(ReleaseEvent::HookFailed(HookType::PostRollout, refusal));
        }
    }
}
