//! The target is scaled to carry everything, and then does.

use crate::analysis::{ReleaseEvent, Rollout, Stage, Target, transition::step::Step};
use crate::api::canary::Phase;
use crate::plan::ApexSide;
use crate::routing::Traffic;

impl Step<'_> {
    // As many pods as primary has, or as are wanted, whichever is more, and enough of them endpoints.
    pub(in crate::analysis) fn can_carry(&self) -> bool {
        self.target().is_some_and(|t| {
            let rolled = t.held || t.rollout.is_ready();
            let enough = t.endpoints.is_none_or(|ready| ready >= self.enough_for_all(t));
            t.replicas >= self.whole(t) && rolled && enough
        })
    }

    pub(in crate::analysis) fn carrying(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.cancel_at_rest();
        };
        // Held, the pods are those that were verified, and the change waits; otherwise they are being replaced.
        let replaced = !target.held && self.revision_changed(&target);
        if replaced || self.verified_configs_are_lost(&target) || self.goes_back(&target) {
            return;
        }
        let shown = self.state.intent != Traffic::PRIMARY;
        if shown && (target.endpoints == Some(0) || !self.carries(self.state.intent.canary())) {
            return self.falter();
        }
        let ready = self.can_carry();
        if self.held_for(ready, self.settings.settle) {
            return self.cut_over();
        }
        if ready {
            return;
        }
        let late = self.past_deadline();
        match Self::until_endpoints(&target.rollout, target.endpoints, self.enough_for_all(&target)) {
            Rollout::Failed(why) => self.roll_back(ReleaseEvent::RollingBack(why)),
            Rollout::Waiting(why) if late => self.roll_back(ReleaseEvent::RollingBack(why)),
            Rollout::Waiting(why) => self.emit_slow(ReleaseEvent::CanaryNotReady(why)),
            Rollout::Ready => {}
        }
    }

    pub(super) fn cut_over(&mut self) {
        self.state.intent = Traffic::CANARY;
        self.enter(Stage::Cutover, Phase::Promoting);
    }

    // Primary still runs what it served before, so it is the safe side for as long as this lasts.
    pub(in crate::analysis) fn cutover(&mut self) {
        let Some(target) = self.target().cloned() else {
            self.state.intent = Traffic::PRIMARY;
            return self.enter(Stage::Cancelling, Phase::Progressing);
        };
        if target.endpoints == Some(0) {
            return self.roll_back(ReleaseEvent::RollingBack(String::from(
                "the canary lost all its pods in promotion",
            )));
        }
        if self.verified_configs_are_lost(&target) || self.goes_back(&target) {
            return;
        }
        if !self.can_carry() {
            return self.carry_again();
        }
        let follows = self.follows(Traffic::CANARY, ApexSide::Target);
        if !follows {
            self.say_route();
            if self.past_deadline() {
                let why = self.seen.route_trouble.clone();
                let why = why.unwrap_or_else(|| String::from("the route did not follow"));
                return self.roll_back(ReleaseEvent::RollingBack(why));
            }
        }
        if self.held_for(follows, self.settings.settle_and_drain()) {
            self.enter(Stage::Replacing, Phase::Promoting);
            self.emit(ReleaseEvent::Copying);
        }
    }

    // What is promoted was applied again while primary still serves it: nobody else is sent to the canary.
    fn goes_back(&mut self, target: &Target) -> bool {
        let back = self.state.last_promoted.as_deref() == Some(target.revision.as_str());
        let goes = back && self.state.last_applied != self.state.last_promoted;
        if goes {
            self.withdraw(target);
        }
        goes
    }

    fn carry_again(&mut self) {
        self.state.intent = Traffic::PRIMARY;
        self.enter(Stage::Carrying, Phase::Promoting);
        self.emit(ReleaseEvent::CanaryNotReady(String::from(
            "it lost pods in promotion, traffic goes to primary until it can carry everything",
        )));
    }
}
