//! A revision under analysis: scaled up, settled, given its share, checked, and given up or passed on.

use super::{ApexSide, Note, Rollout, Stage, Strategy, Target, Verdict, step::Step};
use crate::api::{canary::Phase, labels::TargetState};
use crate::routing::Traffic;
use jiff::Timestamp;

impl Step<'_> {
    pub(super) fn scaling(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if self.state.last_applied.as_deref() != Some(target.revision.as_str()) {
            if self.state.last_promoted.as_deref() == Some(target.revision.as_str()) {
                return self.cancel_at_rest();
            }
            self.start_run(&target);
            self.note(Note::Restarting);
            return;
        }
        if target.dressed && self.target_ready(self.state.run_size(&target, self.seen)) {
            return self.enter(Stage::Settling, Phase::Progressing);
        }
        self.wait_for_target(&target);
    }

    // Says once what is waited for, and gives the revision up when waiting cannot help any more.
    fn wait_for_target(&mut self, target: &Target) {
        let late = self.past_deadline();
        let with_trouble = |why: String| match &target.trouble {
            Some(trouble) => format!("{why}: {trouble}"),
            None => why,
        };
        match target.rollout.clone() {
            Rollout::Failed(why) => self.roll_back(Note::RollingBack(with_trouble(why))),
            _ if late => {
                let seconds = self.rules.deadline.as_secs();
                self.roll_back(Note::RollingBack(with_trouble(format!(
                    "progress deadline of {seconds}s exceeded"
                ))));
            }
            Rollout::Waiting(why) => self.note_once("waiting", Note::CanaryNotReady(with_trouble(why))),
            Rollout::Ready => {}
        }
    }

    pub(super) fn settling(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if self.revision_changed(&target) {
            return;
        }
        let ready = self.target_ready(1);
        if !ready {
            self.wait_for_target(&target);
        }
        // The label comes first: from it on, the door holds a new template instead of letting it roll under traffic.
        let safe = ready && target.state == Some(TargetState::Serving);
        if !self.held_for(safe, self.rules.settle + self.rules.delay) || self.state.stage != Stage::Settling {
            return;
        }
        if self.rules.skip_analysis {
            return self.promote();
        }
        self.note(Note::Starting);
        let first = match &self.rules.strategy {
            Strategy::Weighted(steps) => steps.first().copied().unwrap_or(100).max(self.state.resume),
            Strategy::Iterations(_) => 0,
        };
        self.enter(Stage::Analysing, Phase::Progressing);
        self.set_weight(first);
    }

    fn set_weight(&mut self, weight: u8) {
        self.state.intent = Traffic::share(weight);
        self.state.moved_at = None;
        if weight > 0 {
            self.note(Note::CanaryWeight(weight));
        }
    }

    pub(super) fn analysing(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if self.revision_changed(&target) {
            return;
        }
        if let Rollout::Failed(why) = &target.rollout {
            return self.roll_back(Note::RollingBack(why.clone()));
        }
        if target.endpoints == Some(0) && self.state.intent.canary() > 0 {
            return self.falter();
        }
        let in_place = self.in_place(self.state.intent, ApexSide::Primary);
        if self.state.moved_at.is_none() && in_place {
            self.state.moved_at = Some(self.now);
            self.state.due.get_or_insert(self.now + self.rules.interval);
        }
        let Some(due) = self.state.due.filter(|_| self.state.moved_at.is_some()) else {
            return;
        };
        if self.now < due {
            return self.wake_at(due);
        }
        match self.verdict(due).cloned() {
            None => self.ask = Some(due),
            Some(verdict) => self.judge(verdict, due),
        }
    }

    fn judge(&mut self, verdict: Verdict, due: Timestamp) {
        match verdict {
            Verdict::Pass => {
                self.state.had_data = true;
                self.advance(due);
            }
            // Before a run's first value there may simply be no traffic yet: wait, but not for ever.
            Verdict::NoData(message) if !self.state.had_data && self.state.waits < self.rules.threshold => {
                self.state.waits += 1;
                self.note(Note::Halt(message));
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
        self.note(Note::Halt(message));
        self.state.failed_checks += 1;
        if self.state.failed_checks >= self.rules.threshold {
            self.roll_back(Note::ThresholdReached(self.state.failed_checks));
        } else {
            self.next_due(due);
        }
    }

    // The checks keep their spacing; one that comes late does not pull the next ones together.
    fn next_due(&mut self, due: Timestamp) {
        let next = due + self.rules.interval;
        let next = if next > self.now {
            next
        } else {
            self.now + self.rules.interval
        };
        self.state.due = Some(next);
        self.wake_at(next);
    }

    fn advance(&mut self, due: Timestamp) {
        match self.rules.strategy.clone() {
            Strategy::Iterations(of) => {
                self.state.iterations += 1;
                self.note(Note::Iteration(self.state.iterations.min(of), of));
                if self.state.iterations >= of {
                    return self.promote();
                }
            }
            Strategy::Weighted(_) => match self.rules.next_weight(self.state.intent.canary()) {
                Some(weight) => self.set_weight(weight),
                None => return self.promote(),
            },
        }
        self.next_due(due);
    }

    // All of the canary's endpoints are gone under traffic: it goes to primary at once, and comes back with them.
    fn falter(&mut self) {
        self.state.resume = self.state.intent.canary();
        self.state.intent = Traffic::PRIMARY;
        self.enter(Stage::Faltering, Phase::Progressing);
        self.note(Note::CanaryNotReady(String::from(
            "no pod is ready, traffic goes to primary until one is",
        )));
    }

    pub(super) fn faltering(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if self.revision_changed(&target) {
            return;
        }
        if self.target_ready(1) {
            return self.enter(Stage::Settling, Phase::Progressing);
        }
        self.wait_for_target(&target);
    }

    // Under traffic a new template is held by the door; traffic leaves before it starts. Without the door its pods are
    // starting already, and traffic leaves all the same.
    fn revision_changed(&mut self, target: &Target) -> bool {
        if self.state.last_applied.as_deref() == Some(target.revision.as_str()) {
            return false;
        }
        self.state.intent = Traffic::PRIMARY;
        if self.state.last_promoted.as_deref() == Some(target.revision.as_str()) {
            self.enter(Stage::Cancelling, Phase::Progressing);
        } else {
            self.enter(Stage::Restarting, Phase::Progressing);
            self.note(Note::Restarting);
        }
        true
    }

    pub(super) fn restarting(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if self.left_the_target() {
            self.start_run(&target);
        }
    }

    pub(super) fn roll_back(&mut self, why: Note) {
        self.state.intent = Traffic::PRIMARY;
        self.enter(Stage::RollingBack, Phase::Progressing);
        self.note(why);
    }

    pub(super) fn rolling_back(&mut self) {
        if self.left_the_target() {
            self.enter(Stage::Rest, Phase::Failed);
            self.note(Note::Failed);
        }
    }

    pub(super) fn cancelling(&mut self) {
        if self.left_the_target() {
            self.cancel_at_rest();
        }
    }

    // The run ends without a verdict; what primary serves is what there is.
    pub(super) fn cancel_at_rest(&mut self) {
        self.state.intent = Traffic::PRIMARY;
        self.state.last_applied.clone_from(&self.state.last_promoted);
        self.enter(Stage::Rest, Phase::Succeeded);
        self.note(Note::Cancelled);
    }
}
