//! The target has its share and is checked; where its pods do not carry it, traffic leaves until they do.

use crate::analysis::{ReleaseEvent, Rollout, Stage, Strategy, Target, instants::after, transition::step::Step};
use crate::api::canary::Phase;
use crate::plan::ApexSide;
use crate::routing::Traffic;

impl Step<'_> {
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
}
