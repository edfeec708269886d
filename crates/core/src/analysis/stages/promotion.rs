//! Promotion without rolling primary under traffic: the verified canary carries everything while primary is replaced.

use crate::analysis::{
    ReleaseEvent, Rollout, Stage, Target,
    instants::after,
    shares::{capacity::enough, scaling::returning_size},
    step::Step,
};
use crate::api::canary::Phase;
use crate::plan::ApexSide;
use crate::routing::Traffic;

/// The word in the record for a promotion that primary does not follow.
pub(in crate::analysis) const STUCK: &str = "stuck";

impl Step<'_> {
    pub(in crate::analysis) fn promote(&mut self) {
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
        self.emit(ReleaseEvent::WouldPromote);
    }

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

    fn cut_over(&mut self) {
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

    pub(in crate::analysis) fn replacing(&mut self) {
        if self.takes_back() || self.loses_the_canary() {
            return;
        }
        let ready = self.replaced();
        if ready {
            self.state.reason = None;
        }
        if self.held_for(ready, self.settings.settle) {
            return self.return_to_primary();
        }
        if ready {
            return;
        }
        let made = self.primary_is(&self.state.last_applied);
        if let Some(target) = self.target().cloned()
            && !made
            && self.verified_configs_are_lost(&target)
        {
            return;
        }
        self.say_primary_is_missed();
    }

    fn say_primary_is_missed(&mut self) {
        let late = self.past_deadline();
        let Some(primary) = self.seen.primary.clone() else {
            if late {
                self.stuck(String::from("it does not exist yet"));
            }
            return;
        };
        let needed = enough(returning_size(self.seen), self.settings.primary_threshold);
        match Self::until_endpoints(&primary.rollout, primary.endpoints, needed) {
            Rollout::Failed(why) => self.stuck(why),
            Rollout::Waiting(why) if late => self.stuck(why),
            Rollout::Waiting(why) => self.emit_slow(ReleaseEvent::PrimaryNotReady(why)),
            Rollout::Ready => {}
        }
    }

    // The canary is verified, carries everything and stays; promotion goes on by itself when primary becomes ready, and is
    // taken back when another revision is wanted.
    fn stuck(&mut self, why: String) {
        self.emit_once(STUCK, ReleaseEvent::PromotionStuck(why));
    }

    fn primary_is(&self, revision: &Option<String>) -> bool {
        self.seen.primary.as_ref().and_then(|p| p.revision.as_ref()) == revision.as_ref()
    }

    // Another revision is wanted: the promoted one at once, a newer one when primary cannot follow this one. Primary is
    // idle, and gets what it served before; the newer revision is released after that.
    fn takes_back(&mut self) -> bool {
        let (Some(target), Some(promoted)) = (self.target(), self.state.last_promoted.clone()) else {
            return false;
        };
        let back = target.revision == promoted;
        let newer = !back && self.state.last_applied.as_ref() != Some(&target.revision);
        let stuck = self.state.is_stuck();
        let known = target.known.contains(&promoted);
        let taken = self.state.last_applied.as_ref() == Some(&promoted);
        if taken || !known || !(back || newer && stuck) {
            return false;
        }
        self.state.last_applied = Some(promoted);
        self.enter(Stage::Replacing, Phase::Promoting);
        self.emit(ReleaseEvent::PromotionTakenBack);
        true
    }

    // The canary has no pod left: traffic goes to whatever primary has. One that was not replaced yet serves what it did.
    fn loses_the_canary(&mut self) -> bool {
        if self.target_answers() || self.primary_is_gone() {
            return false;
        }
        if self.primary_is(&self.state.last_applied) {
            self.all_to_primary();
        } else if self.target().is_none() {
            self.state.intent = Traffic::PRIMARY;
            self.enter(Stage::Cancelling, Phase::Progressing);
        } else {
            self.roll_back(ReleaseEvent::RollingBack(String::from(
                "the canary lost all its pods in promotion",
            )));
        }
        true
    }

    fn replaced(&self) -> bool {
        self.primary_ready(self.state.last_applied.as_deref(), returning_size(self.seen))
    }

    // Primary broke down under the traffic it was given back, and the canary is still there.
    fn loses_primary(&mut self) -> bool {
        if !self.primary_is_to_be_left() || !self.target_answers() {
            return false;
        }
        self.state.intent = Traffic::CANARY;
        self.enter(Stage::Replacing, Phase::Promoting);
        self.emit(ReleaseEvent::PrimaryNotReady(String::from(
            "it lost its pods, traffic goes back to the canary until they are there",
        )));
        true
    }

    fn return_to_primary(&mut self) {
        if self.settings.promotion_step == 0 || !self.seen.routed {
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
            .saturating_sub(self.settings.promotion_step.max(1));
        self.state.intent = Traffic::share(canary);
        self.state.due = Some(after(self.now, self.settings.interval));
        self.state.stalled = None;
        self.wake_at(after(self.now, self.settings.interval));
        self.emit(ReleaseEvent::PrimaryWeight(self.state.intent.primary()));
        if canary == 0 {
            self.all_to_primary();
        }
    }

    pub(in crate::analysis) fn returning(&mut self) {
        if self.loses_primary() {
            return;
        }
        if !self.target_answers() {
            return self.all_to_primary();
        }
        match self.state.due {
            Some(due) if self.now < due => self.wake_at(due),
            _ if self.replaced() => self.give_back(),
            _ => {
                if !self.gives_primary_up() {
                    self.emit_once(
                        "waiting",
                        ReleaseEvent::PrimaryNotReady(String::from("primary lost pods")),
                    );
                }
            }
        }
    }

    // Primary has some of its pods, but not enough, for longer than the deadline: the canary takes everything again, and
    // whatever ends a promotion that primary cannot follow ends this one.
    fn gives_primary_up(&mut self) -> bool {
        self.state.stalled.get_or_insert(self.now);
        let gives = self.past_deadline() && self.can_carry();
        if gives {
            self.state.intent = Traffic::CANARY;
            self.enter(Stage::Replacing, Phase::Promoting);
        }
        gives
    }

    fn all_to_primary(&mut self) {
        self.state.intent = Traffic::PRIMARY;
        self.enter(Stage::Draining, Phase::Finalising);
        self.emit(ReleaseEvent::RoutingToPrimary);
    }

    pub(in crate::analysis) fn draining(&mut self) {
        if self.loses_primary() || !self.primary_carries() && self.gives_primary_up() || !self.left_for_primary() {
            return;
        }
        // Taken back: primary serves what it served before.
        if self.state.last_promoted == self.state.last_applied {
            return self.cancel_at_rest();
        }
        self.state.last_promoted.clone_from(&self.state.last_applied);
        self.enter(Stage::Rest, Phase::Succeeded);
        self.over();
        self.emit(if self.settings.skip_analysis || self.state.skip {
            ReleaseEvent::PromotedUnanalysed
        } else {
            ReleaseEvent::Promoted
        });
    }
}
