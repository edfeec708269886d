//! What is asked of hooks, and what their answers mean. A question is a value; somebody else asks it and brings the answer
//! to a later step, so a hook that takes minutes holds up nothing but the gate it was asked for.

use super::{ReleaseEvent, Stage, Strategy, instants::after, step::Step};
use crate::api::canary::{HookType, Phase};
use jiff::Timestamp;

/// One question to the hooks of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whom.
    pub kind: HookType,
    /// What it is about: the instant the gate was reached, or the check after which it is asked again.
    pub at: Timestamp,
    /// The edition of the Canary it was asked for; empty where a change of the Canary changes nothing.
    pub edition: String,
}

/// An answer, to be given to the step that asked; to any other it is stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The question.
    pub question: Question,
    /// When it came.
    pub at: Timestamp,
    /// The hooks that agreed, in their order.
    pub agreed: Vec<String>,
    /// The hook that did not, and its text.
    pub refused: Option<Refusal>,
}

/// A hook that did not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its name.
    pub hook: String,
    /// What it said.
    pub error: String,
    /// `muteAlert`: nobody is to be alarmed.
    pub muted: bool,
}

/// A gate the Canary stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Whose answer is awaited.
    pub kind: HookType,
    /// Since when.
    pub since: Timestamp,
    /// The question's instant; `None` when it is to be asked again after the next passed check.
    pub at: Option<Timestamp>,
    /// The hook that keeps it closed, once it was heard.
    pub hook: Option<String>,
}

impl Step<'_> {
    pub(super) fn asks(&self, kind: HookType) -> bool {
        self.settings.hooks.contains(&kind)
    }

    fn question(&self, kind: HookType, at: Timestamp) -> Question {
        let repeats = !matches!(kind, HookType::PreRollout | HookType::PostRollout);
        let edition = if repeats {
            self.seen.edition.clone()
        } else {
            String::new()
        };
        Question { kind, at, edition }
    }

    fn answer(&self, question: &Question) -> Option<Answer> {
        self.seen.answers.iter().find(|a| a.question == *question).cloned()
    }

    // The answer, or the question once more: whoever runs hooks knows which ones are on their way.
    fn heard(&mut self, kind: HookType, at: Timestamp) -> Option<Answer> {
        let question = self.question(kind, at);
        let answer = self.answer(&question);
        if answer.is_none() {
            self.questions.push(question);
        }
        answer
    }

    // The same, and a refusal is asked again an interval later.
    fn polled(&mut self, kind: HookType, at: Timestamp) -> Option<Answer> {
        let answer = self.heard(kind, at)?;
        let silent = kind == HookType::Rollback && answer.agreed.is_empty();
        if answer.refused.is_some() || silent {
            let again = after(answer.at, self.settings.interval);
            // A clock that was set back must not keep a gate closed.
            if self.now >= again || self.now < answer.at {
                self.questions.push(answer.question.clone());
            } else {
                self.wake_at(again);
            }
        }
        Some(answer)
    }

    fn passed(&mut self, answer: &Answer) {
        for hook in &answer.agreed {
            self.emit(ReleaseEvent::HookPassed(answer.question.kind, hook.clone()));
        }
        self.state.gate = None;
    }

    // Said when the hook is first heard, and again only when another one keeps the gate closed.
    fn hold(&mut self, kind: HookType, refusal: Refusal) {
        let Some(wait) = self.state.gate.as_mut().filter(|w| w.kind == kind) else {
            return;
        };
        if wait.hook.as_deref() != Some(refusal.hook.as_str()) {
            wait.hook = Some(refusal.hook.clone());
            self.emit(ReleaseEvent::GateClosed(kind, refusal));
        }
    }

    fn at_gate(&mut self, kind: HookType) -> Wait {
        let now = self.now;
        let new = || Wait {
            kind,
            since: now,
            at: Some(now),
            hook: None,
        };
        match &self.state.gate {
            Some(wait) if wait.kind == kind => wait.clone(),
            _ => self.state.gate.insert(new()).clone(),
        }
    }

    /// Whether a gate that is asked every interval is open.
    pub(super) fn is_open(&mut self, kind: HookType) -> bool {
        if !self.asks(kind) {
            return true;
        }
        let wait = self.at_gate(kind);
        let Some(answer) = self.polled(kind, wait.at.unwrap_or(wait.since)) else {
            return false;
        };
        match answer.refused.clone() {
            None => self.passed(&answer),
            Some(refusal) => self.hold(kind, refusal),
        }
        answer.refused.is_none()
    }

    /// A new revision before its canary is scaled up.
    pub(super) fn waiting(&mut self) {
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
    pub(super) fn may_start(&mut self) -> bool {
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
    pub(super) fn allowed(&mut self, kind: HookType, at: Timestamp) -> bool {
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
    pub(super) fn opened(&mut self) -> bool {
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
    pub(super) fn told_to_roll_back(&mut self) -> bool {
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
    pub(super) fn over(&mut self) {
        if self.asks(HookType::PostRollout) && !self.state.dry {
            self.at_gate(HookType::PostRollout);
        }
    }

    /// What the `post-rollout` hooks said; it changes nothing any more.
    pub(super) fn post_rollout(&mut self) {
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
