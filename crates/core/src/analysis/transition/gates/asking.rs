//! How a gate is asked, and what its answer does to it.

use crate::analysis::instants::after;
use crate::analysis::transition::step::Step;
use crate::analysis::{Answer, Question, Refusal, ReleaseEvent, Wait};
use crate::api::canary::HookType;
use jiff::Timestamp;

impl Step<'_> {
    pub(in crate::analysis) fn asks(&self, kind: HookType) -> bool {
        self.settings.hooks.contains(&kind)
    }

    pub(super) fn question(&self, kind: HookType, at: Timestamp) -> Question {
        let repeats = !matches!(kind, HookType::PreRollout | HookType::PostRollout);
        let edition = if repeats {
            self.seen.edition.clone()
        } else {
            String::new()
        };
        Question { kind, at, edition }
    }

    pub(super) fn answer(&self, question: &Question) -> Option<Answer> {
        self.seen.answers.iter().find(|a| a.question == *question).cloned()
    }

    // The answer, or the question once more: whoever runs hooks knows which ones are on their way.
    pub(super) fn heard(&mut self, kind: HookType, at: Timestamp) -> Option<Answer> {
        let question = self.question(kind, at);
        let answer = self.answer(&question);
        if answer.is_none() {
            self.questions.push(question);
        }
        answer
    }

    // The same, and a refusal is asked again an interval later.
    pub(super) fn polled(&mut self, kind: HookType, at: Timestamp) -> Option<Answer> {
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

    pub(super) fn passed(&mut self, answer: &Answer) {
        for hook in &answer.agreed {
            self.emit(ReleaseEvent::HookPassed(answer.question.kind, hook.clone()));
        }
        self.state.gate = None;
    }

    // Said when the hook is first heard, and again only when another one keeps the gate closed.
    pub(super) fn hold(&mut self, kind: HookType, refusal: Refusal) {
        let Some(wait) = self.state.gate.as_mut().filter(|w| w.kind == kind) else {
            return;
        };
        if wait.hook.as_deref() != Some(refusal.hook.as_str()) {
            wait.hook = Some(refusal.hook.clone());
            self.emit(ReleaseEvent::GateClosed(kind, refusal));
        }
    }

    pub(super) fn at_gate(&mut self, kind: HookType) -> Wait {
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
    pub(in crate::analysis) fn is_open(&mut self, kind: HookType) -> bool {
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
}
