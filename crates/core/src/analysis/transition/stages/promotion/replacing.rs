//! Primary, idle, gets the verified revision, or back what it served before.

use crate::analysis::{
    ReleaseEvent, Rollout, Stage,
    inputs::state::STUCK,
    sizes::{enough, returning_size},
    transition::step::Step,
};
use crate::api::canary::Phase;
use crate::routing::Traffic;

impl Step<'_> {
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

    pub(super) fn replaced(&self) -> bool {
        self.primary_ready(self.state.last_applied.as_deref(), returning_size(self.seen))
    }
}
