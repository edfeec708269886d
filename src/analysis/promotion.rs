//! Promotion without rolling primary under traffic: the verified canary carries everything while primary is replaced.

use super::{ApexSide, Note, Rollout, Stage, scaling::returning_size, step::Step};
use crate::api::canary::Phase;
use crate::routing::Traffic;

impl Step<'_> {
    pub(super) fn promote(&mut self) {
        if self.state.dry {
            return self.rehearsed();
        }
        self.state.remember_size(self.seen);
        if self.can_carry() {
            self.cut_over();
        } else {
            self.enter(Stage::Carrying, Phase::Promoting);
        }
    }

    // The rehearsal ends where promotion would begin; no traffic has to leave.
    fn rehearsed(&mut self) {
        let waits = self.state.last_applied != self.state.last_promoted;
        let phase = if waits { Phase::Waiting } else { Phase::Succeeded };
        self.enter(Stage::Rest, phase);
        self.state.intent = Traffic::PRIMARY;
        self.note(Note::WouldPromote);
    }

    // As many pods as primary has, or as are wanted, whichever is more, all of them endpoints.
    pub(super) fn can_carry(&self) -> bool {
        let primary = self.seen.primary.as_ref().map_or(0, |p| p.replicas);
        self.target().is_some_and(|t| {
            // On other nodes than primary's there may be fewer of a DaemonSet's pods: all of them it is then.
            let all = if t.fixed {
                t.replicas.max(1)
            } else {
                t.wanted.max(primary).max(1)
            };
            t.replicas >= all && (t.held || t.rollout.is_ready()) && t.endpoints.is_none_or(|e| e >= all)
        })
    }

    pub(super) fn carrying(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        if self.verified_configs_are_lost(&target) {
            return;
        }
        let ready = self.can_carry();
        if self.held_for(ready, self.rules.settle) {
            return self.cut_over();
        }
        if ready {
            return;
        }
        let late = self.past_deadline();
        match target.rollout {
            Rollout::Failed(why) => self.roll_back(Note::RollingBack(why)),
            Rollout::Waiting(why) if late => self.roll_back(Note::RollingBack(why)),
            Rollout::Waiting(why) => self.note_slow(Note::CanaryNotReady(why)),
            Rollout::Ready => {}
        }
    }

    fn cut_over(&mut self) {
        self.state.intent = Traffic::CANARY;
        self.enter(Stage::Cutover, Phase::Promoting);
    }

    pub(super) fn cutover(&mut self) {
        if self.target().is_none_or(|t| t.endpoints == Some(0)) {
            // Primary still runs what it served before: the safe side.
            return self.roll_back(Note::RollingBack(String::from(
                "the canary lost all its pods in promotion",
            )));
        }
        if let Some(target) = self.target().cloned()
            && self.verified_configs_are_lost(&target)
        {
            return;
        }
        let in_place = self.in_place(Traffic::CANARY, ApexSide::Target);
        if self.held_for(in_place, self.rules.settle_and_drain()) {
            self.enter(Stage::Replacing, Phase::Promoting);
            self.note(Note::Copying);
        }
    }

    pub(super) fn replacing(&mut self) {
        let ready = self.replaced();
        if ready {
            self.state.phase = Phase::Promoting;
            self.state.reason = None;
        }
        if self.held_for(ready, self.rules.settle) {
            return self.return_to_primary();
        }
        if ready {
            return;
        }
        let made = self.seen.primary.as_ref().and_then(|p| p.revision.as_ref()) == self.state.last_applied.as_ref();
        if let Some(target) = self.target().cloned()
            && !made
            && self.verified_configs_are_lost(&target)
        {
            return;
        }
        let Some(primary) = self.seen.primary.clone() else {
            return;
        };
        let late = self.past_deadline();
        match primary.rollout {
            Rollout::Failed(why) => self.stuck(why),
            Rollout::Waiting(why) if late => self.stuck(why),
            Rollout::Waiting(why) => self.note_slow(Note::PrimaryNotReady(why)),
            Rollout::Ready => {}
        }
    }

    // The canary is verified, carries everything and stays; promotion goes on by itself when primary becomes ready.
    fn stuck(&mut self, why: String) {
        self.state.phase = Phase::Failed;
        self.note_once("stuck", Note::PromotionStuck(why));
    }

    fn replaced(&self) -> bool {
        self.primary_ready(self.state.last_applied.as_deref(), returning_size(self.seen))
    }

    fn return_to_primary(&mut self) {
        if self.rules.promotion_step == 0 || !self.seen.routed {
            return self.all_to_primary();
        }
        self.enter(Stage::Returning, Phase::Promoting);
        self.give_back();
    }

    fn give_back(&mut self) {
        let canary = self
            .state
            .intent
            .canary()
            .saturating_sub(self.rules.promotion_step.max(1));
        self.state.intent = Traffic::share(canary);
        self.state.due = Some(self.now + self.rules.interval);
        self.wake_at(self.now + self.rules.interval);
        self.note(Note::PrimaryWeight(self.state.intent.primary()));
        if canary == 0 {
            self.all_to_primary();
        }
    }

    pub(super) fn returning(&mut self) {
        match self.state.due {
            Some(due) if self.now < due => self.wake_at(due),
            _ if self.replaced() => self.give_back(),
            _ => self.note_once("waiting", Note::PrimaryNotReady(String::from("primary lost pods"))),
        }
    }

    fn all_to_primary(&mut self) {
        self.state.intent = Traffic::PRIMARY;
        self.enter(Stage::Draining, Phase::Finalising);
        self.note(Note::RoutingToPrimary);
    }

    pub(super) fn draining(&mut self) {
        if !self.left_the_target() {
            return;
        }
        self.state.last_promoted.clone_from(&self.state.last_applied);
        self.enter(Stage::Rest, Phase::Succeeded);
        self.over();
        self.note(if self.rules.skip_analysis || self.state.skip {
            Note::PromotedUnanalysed
        } else {
            Note::Promoted
        });
    }
}
