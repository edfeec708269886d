//! A revision under analysis: scaled up, settled, given its share, checked, and given up or passed on.

use crate::analysis::{ReleaseEvent, Rollout, Stage, Strategy, Target, Verdict, instants::after, step::Step};
use crate::api::{
    canary::{HookType, Phase},
    labels::TargetState,
};
use crate::plan::{ApexSide, revision};
use crate::routing::Traffic;
use jiff::Timestamp;

impl Step<'_> {
    pub(in crate::analysis) fn scaling(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if self.falls_asleep() {
            return;
        }
        if self.queues(&target) {
            self.queue(&target);
        } else if self.state.last_applied.as_deref() != Some(target.revision.as_str()) && target.missing.is_none() {
            let promoted = self.state.last_promoted.as_deref() == Some(target.revision.as_str());
            if promoted || self.is_apart(&target) {
                return self.cancel_at_rest();
            }
            self.say_bypassed(&target);
            self.emit(ReleaseEvent::Restarting);
            return self.start_over(&target);
        }
        // While it is held, the pods that are ready are those of the revision before.
        let moved = !target.held && target.overridden;
        if moved && self.target_ready(self.state.run_size(&target, self.seen)) {
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
            Rollout::Failed(why) => self.roll_back(ReleaseEvent::RollingBack(with_trouble(why))),
            _ if late => {
                let seconds = self.settings.deadline.as_secs();
                self.roll_back(ReleaseEvent::RollingBack(with_trouble(format!(
                    "progress deadline of {seconds}s exceeded"
                ))));
            }
            Rollout::Waiting(_) if self.lacks_configs(target) => {}
            Rollout::Waiting(why) => self.emit_slow(ReleaseEvent::CanaryNotReady(with_trouble(why))),
            Rollout::Ready => {}
        }
    }

    pub(in crate::analysis) fn settling(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if self.falls_asleep() || self.revision_changed(&target) {
            return;
        }
        let ready = self.target_ready(1);
        let few = self.first_weight().filter(|weight| !self.carries(*weight));
        let routed = self.seen.route_trouble.is_none();
        self.mind_readiness(ready && few.is_none() && routed);
        if !ready {
            self.wait_for_target(&target);
        }
        // The label comes first: from it on, the webhook holds a new template instead of letting it roll under traffic. Where
        // there is no webhook, the pause is ours.
        let safe = ready && target.state == Some(TargetState::Serving) && (self.seen.webhook || target.held);
        if !self.held_for(safe, self.settings.settle_and_delay()) || self.state.stage != Stage::Settling {
            return;
        }
        if let Some(why) = self.seen.route_trouble.clone() {
            return self.stall(ReleaseEvent::RouteTrouble(why.clone()), why);
        }
        if self.settings.skip_analysis || self.state.skip {
            return self.promote();
        }
        if let Some(weight) = few {
            let why = self.few(weight);
            return self.stall(ReleaseEvent::CanaryNotReady(why.clone()), why);
        }
        if !self.may_start() {
            return;
        }
        self.enter(Stage::Analysing, Phase::Progressing);
        self.show_first();
    }

    // A warm-up and the approvals in it may take longer than the deadline: it counts from where pods are missed.
    fn mind_readiness(&mut self, ready: bool) {
        let settled = self
            .state
            .moved_at
            .is_some_and(|at| self.now >= after(at, self.settings.settle));
        if !ready {
            self.state.stalled.get_or_insert(self.now);
        } else if settled {
            self.state.stalled = None;
        }
    }

    // Says `event` once and gives the revision up, because of `why`, when the deadline has passed since.
    fn stall(&mut self, event: ReleaseEvent, why: String) {
        self.state.stalled.get_or_insert(self.now);
        if self.past_deadline() {
            return self.roll_back(ReleaseEvent::RollingBack(why));
        }
        self.emit_once(&why, event);
    }

    pub(in crate::analysis) fn analysing(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if self.falls_asleep() || self.revision_changed(&target) {
            return;
        }
        if let Rollout::Failed(why) = &target.rollout {
            return self.roll_back(ReleaseEvent::RollingBack(why.clone()));
        }
        if target.endpoints == Some(0) {
            return self.falter();
        }
        if self.sheds() || self.is_stalled(&target) {
            return;
        }
        let Some(due) = self.state.due.filter(|_| self.state.moved_at.is_some()) else {
            return;
        };
        if self.now < due {
            self.wake_at(due);
            if self.opened() {
                self.proceed(self.now);
            }
            return;
        }
        match self.verdict(due).cloned() {
            None => self.ask = Some(due),
            Some(verdict) => self.judge(verdict, due),
        }
    }

    // Whether the share is not where it is meant, or not as much as it is to be: said, and given up at the deadline. A
    // share is checked an interval after it was really shown, however late that was.
    fn is_stalled(&mut self, target: &Target) -> bool {
        let follows = self.follows(self.state.traffic(), ApexSide::Primary);
        if self.state.moved_at.is_none() && !follows {
            let why = self.seen.route_trouble.clone();
            self.state.stalled.get_or_insert(self.now);
            if self.past_deadline() {
                let why = why.unwrap_or_else(|| String::from("the route did not follow"));
                self.roll_back(ReleaseEvent::RollingBack(why));
            } else {
                self.say_route();
            }
            return true;
        }
        if self.state.moved_at.is_none() {
            self.state.moved_at = Some(self.now);
            self.trial_begins();
            let whole = after(self.now, self.settings.interval);
            self.state.due = Some(self.state.due.map_or(whole, |due| due.max(whole)));
        }
        if self.carries(100) {
            self.state.stalled = None;
        } else if self.state.stalled.is_some() && self.past_deadline() {
            self.wait_for_target(target);
            return true;
        }
        false
    }

    fn judge(&mut self, verdict: Verdict, due: Timestamp) {
        match verdict {
            Verdict::Pass => {
                self.state.had_data = true;
                self.advance(due);
            }
            Verdict::Early(message) => self.too_early(message, due),
            // Before a run's first value there may simply be no traffic yet: wait, but not for ever.
            // Without traffic of its own there is nothing to measure, and nothing can be spoilt.
            Verdict::NoData(message) if self.state.dry => {
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
    fn proceed(&mut self, at: Timestamp) {
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

    // The canary's endpoints do not carry what it was given: traffic, if any, goes to primary at once, and begins again
    // with the first step when they do. Where none is left users have met it, so that is a failed check; a canary that dies
    // again and again is rolled back.
    pub(in crate::analysis) fn falter(&mut self) {
        let dead = !self.target_answers();
        self.state.intent = Traffic::PRIMARY;
        // The check with live traffic is still to come.
        if let Strategy::Iterations(of) = self.settings.strategy {
            self.state.iterations = self.state.iterations.min(of);
        }
        self.enter(Stage::Faltering, Phase::Progressing);
        self.emit(ReleaseEvent::CanaryNotReady(String::from(
            "its ready pods do not carry its traffic, which goes to primary until they do",
        )));
        if dead {
            self.count_failure();
        }
    }

    pub(in crate::analysis) fn faltering(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if self.falls_asleep() || self.revision_changed(&target) {
            return;
        }
        if self.target_ready(1) {
            return self.enter(Stage::Settling, Phase::Progressing);
        }
        self.wait_for_target(&target);
    }

    // Under traffic a new template is held by the webhook; traffic leaves before it starts. Without the webhook its pods are
    // starting already, and traffic leaves all the same.
    pub(in crate::analysis) fn revision_changed(&mut self, target: &Target) -> bool {
        if self.state.last_applied.as_deref() == Some(target.revision.as_str()) || self.lacks_configs(target) {
            return false;
        }
        if self.queues(target) {
            self.queue(target);
            return false;
        }
        if self.is_apart(target) {
            // Nothing of it may run, so there is nothing to go on with.
            self.state.intent = Traffic::PRIMARY;
            self.enter(Stage::Cancelling, Phase::Progressing);
            return true;
        }
        self.withdraw(target);
        true
    }

    // Traffic goes to primary, and then on with what the target is now.
    pub(in crate::analysis) fn withdraw(&mut self, target: &Target) {
        self.state.intent = Traffic::PRIMARY;
        if self.state.last_promoted.as_deref() == Some(target.revision.as_str()) {
            self.enter(Stage::Cancelling, Phase::Progressing);
        } else {
            self.enter(Stage::Restarting, Phase::Progressing);
            self.say_bypassed(target);
            self.emit(ReleaseEvent::Restarting);
        }
    }

    // Where a change is taken up; from then on the target carries a mark that it is known.
    pub(in crate::analysis) fn say_bypassed(&mut self, target: &Target) {
        if target.bypassed {
            self.emit(ReleaseEvent::Bypassed);
        }
    }

    // The data that was verified is not there any more, so it cannot be promoted. A template is always there: ReplicaSets
    // remember it.
    pub(in crate::analysis) fn verified_configs_are_lost(&mut self, target: &Target) -> bool {
        let lost = self.state.last_applied.as_ref().is_some_and(|verified| {
            let template = |known: &String| revision::same_template(known, verified);
            !target.known.contains(verified) && target.known.iter().any(template)
        });
        if lost {
            self.withdraw(target);
        }
        lost
    }

    // What is to be read is not there: nothing is decided until it is.
    pub(in crate::analysis) fn lacks_configs(&mut self, target: &Target) -> bool {
        let Some(missing) = &target.missing else { return false };
        self.emit_once(missing, ReleaseEvent::ConfigMissing(missing.clone()));
        true
    }

    fn queues(&self, target: &Target) -> bool {
        self.settings.queues(&self.state, target)
    }

    fn queue(&mut self, target: &Target) {
        if self.state.queued.as_ref() != Some(&target.revision) {
            self.state.queued = Some(target.revision.clone());
            self.emit(ReleaseEvent::Queued);
        }
    }

    pub(in crate::analysis) fn restarting(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if !self.left_the_target() {
            return;
        }
        if self.is_apart(&target) {
            return self.cancel_at_rest();
        }
        self.start_over(&target);
    }

    // Pods read their environment once: those of the same template are to go before the ones that read the new data.
    fn start_over(&mut self, target: &Target) {
        let last = self.state.last_applied.as_deref().unwrap_or_default();
        if revision::same_template(last, &target.revision) {
            self.enter(Stage::Emptying, Phase::Progressing);
        } else {
            self.start_run(target);
        }
    }

    pub(in crate::analysis) fn emptying(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if target.replicas > 0 || target.active.is_some() || self.lacks_configs(&target) {
            return;
        }
        let promoted = self.state.last_promoted.as_deref() == Some(target.revision.as_str());
        if promoted || self.is_apart(&target) {
            return self.cancel_at_rest();
        }
        self.start_run(&target);
    }

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
