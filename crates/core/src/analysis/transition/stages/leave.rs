//! The way out: back to a plain Deployment that serves, without a lost request.

use crate::analysis::{
    ReleaseEvent, Rollout, Stage, Target,
    sizes::enough,
    transition::step::{SLOW, Step},
};
use crate::api::canary::Phase;
use crate::plan::{ApexSide, revision::same_template};
use crate::routing::Traffic;

impl Step<'_> {
    /// Handles a Canary that is leaving; `false` when the stage's own rules are to run (a run ends first).
    pub(in crate::analysis) fn leave(&mut self) -> bool {
        match self.state.stage {
            Stage::LeavingScale => self.leaving_scale(),
            Stage::LeavingSwitch => self.leaving_switch(),
            Stage::Left => {}
            Stage::Building => self.leave_unbuilt(),
            Stage::Rest | Stage::Switching => self.start_leaving(),
            // A run's own end is as good, where the target is to be changed before it can stay.
            Stage::Replacing if self.target_answers() && (self.state.is_stuck() || self.is_plain()) => {
                self.leave_promoting();
            }
            // From the cutover on, primary is about to be, or being, replaced: the run ends by itself.
            Stage::Cutover | Stage::Replacing | Stage::Returning | Stage::Draining => return false,
            Stage::RollingBack | Stage::Cancelling => return false,
            _ => {
                self.state.intent = Traffic::PRIMARY;
                self.enter(Stage::Cancelling, Phase::Progressing);
            }
        }
        true
    }

    // A hot target serves by itself and its traffic was never touched, unless it was on its way out before and stayed; a cold
    // one is simply let go.
    fn leave_unbuilt(&mut self) {
        let hot = self.target().is_some_and(Target::is_hot);
        let routed = self.seen.led && self.seen.traffic.is_some_and(|traffic| traffic != Traffic::CANARY);
        let touched = routed || self.seen.apex == Some(ApexSide::Primary);
        self.emit(ReleaseEvent::Terminating);
        let stage = if hot && !touched {
            Stage::Left
        } else {
            Stage::LeavingScale
        };
        self.enter(stage, Phase::Terminating);
    }

    /// Whether primary serves everybody and no traffic has been moved on the way out.
    pub(in crate::analysis) fn primary_serves_on(&self) -> bool {
        self.state.intent == Traffic::PRIMARY && self.state.last_promoted.is_some() && self.primary_carries()
    }

    /// An order to leave was taken back in time. A target whose template is not the promoted one's keeps what failed.
    pub(in crate::analysis) fn stay(&mut self) {
        let promoted = |target: &Target| {
            let serves = self.state.last_promoted.as_ref();
            serves.is_some_and(|hash| same_template(&target.revision, hash))
        };
        let phase = if self.target().is_none_or(promoted) {
            Phase::Initialized
        } else {
            Phase::Failed
        };
        self.enter(Stage::Rest, phase);
    }

    // The verified revision serves everybody from the target, which is where leaving ends: primary is not waited for.
    fn leave_promoting(&mut self) {
        let serves = self.target().and_then(|target| target.active.clone());
        self.state.last_promoted = serves.or_else(|| self.state.last_applied.clone());
        self.emit(ReleaseEvent::Terminating);
        self.enter(Stage::LeavingScale, Phase::Terminating);
    }

    fn is_plain(&self) -> bool {
        self.target().is_some_and(|target| target.plain)
    }

    fn start_leaving(&mut self) {
        self.state.remember_size(self.seen);
        // Where primary broke down in enrolment, the target serves.
        if !self.primary_is_gone() || !self.target_answers() {
            self.state.intent = Traffic::PRIMARY;
        }
        self.emit(ReleaseEvent::Terminating);
        let stage = if self.target().is_some() {
            Stage::LeavingScale
        } else {
            Stage::Left
        };
        self.enter(stage, Phase::Terminating);
    }

    fn leaving_scale(&mut self) {
        let Some(target) = self.target().cloned() else {
            return self.enter(Stage::Left, Phase::Terminating);
        };
        if self.state.intent == Traffic::CANARY && !self.target_answers() && !self.primary_is_gone() {
            self.state.intent = Traffic::PRIMARY;
            self.state.moved_at = None;
        }
        let primary = self.seen.primary.as_ref().map_or(0, |p| p.replicas);
        let all = if target.fixed {
            target.replicas.max(1)
        } else {
            primary.max(target.wanted)
        };
        let enough = enough(all, self.settings.canary_threshold);
        let rollout = Self::until_endpoints(&target.rollout, target.endpoints, enough);
        // What is given no other template serves by what of it is ready.
        let answers = rollout.is_ready() || !target.restorable;
        let ready = self.is_restored(&target) && target.replicas >= all && answers;
        let known = self.knows_all_services();
        if self.held_for(ready && known, self.settings.settle) {
            return self.enter(Stage::LeavingSwitch, Phase::Terminating);
        }
        if !ready {
            self.say_leaving_waits(&target, rollout);
        } else if !known {
            self.say_unknown("");
        }
    }

    // Whether the target's template is what its author wrote and everybody was served. What is not remembered any more
    // cannot be brought back, and another revision, perhaps one that failed, is no substitute while primary serves it.
    fn is_restored(&self, target: &Target) -> bool {
        let same = |hash: &String| same_template(&target.revision, hash);
        let lost = |hash: &String| self.seen.primary.is_none() && !target.known.iter().any(|k| same_template(k, hash));
        let promoted = self.state.last_promoted.as_ref();
        target.plain && (!target.restorable || promoted.is_none_or(|hash| same(hash) || lost(hash)))
    }

    fn say_leaving_waits(&mut self, target: &Target, rollout: Rollout) {
        let why = match rollout {
            Rollout::Ready if self.is_restored(target) => return,
            Rollout::Ready
                if target
                    .known
                    .iter()
                    .any(|k| self.state.last_promoted.as_ref() == Some(k)) =>
            {
                return;
            }
            Rollout::Ready => String::from("the promoted revision is not remembered any more; apply it again"),
            Rollout::Waiting(why) | Rollout::Failed(why) => why,
        };
        // Said again when more is known: what keeps pods away is looked up only after a while.
        let known = target.trouble.clone().unwrap_or_else(|| String::from("leaving"));
        let why = match &target.trouble {
            Some(trouble) => format!("{why}: {trouble}"),
            None => why,
        };
        if self.has_lasted(SLOW) {
            self.emit_once(&known, ReleaseEvent::LeavingWaits(why));
        }
    }

    // Primary is there until the target has been seen to serve in its place.
    fn leaving_switch(&mut self) {
        let asleep = self.target().is_none_or(|target| target.replicas == 0);
        if !asleep && !self.target_answers() && !self.primary_is_gone() {
            self.state.intent = Traffic::PRIMARY;
            self.emit(ReleaseEvent::LeavingWaits(String::from("it lost its pods")));
            return self.enter(Stage::LeavingScale, Phase::Terminating);
        }
        let apex = !self.seen.served || self.seen.apex == Some(ApexSide::Target) || self.target().is_none();
        let moved = apex && !self.seen.led && !self.waits_for_a_gateway();
        if !moved {
            self.say_route();
        }
        if self.held_for(moved, self.settings.settle_and_drain()) {
            self.enter(Stage::Left, Phase::Terminating);
            self.emit(ReleaseEvent::Terminated);
        }
    }
}
