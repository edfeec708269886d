//! From a plain Deployment to a pair, and the rest between runs.

use crate::analysis::{
    Inherited, Primary, ReleaseEvent, Rollout, Stage, Target,
    inputs::state::ADOPTED,
    instants::after,
    transition::step::{SLOW, Step},
};
use crate::api::{
    canary::{HookType, Phase},
    labels::TargetState,
};
use crate::{
    plan::revision::{self, hash},
    routing::Traffic,
};

const NO_POD: &str = "none of its pods is ready, traffic stays on the target until they are";

/// Whether pods are there that may have read what their configs were before.
pub(in crate::analysis) fn may_have_older_data(target: &Target) -> bool {
    revision::has_configs(&target.revision) && (target.replicas > 0 || target.active.is_some())
}

impl Step<'_> {
    pub(in crate::analysis) fn building(&mut self) {
        let Some(target) = self.target().cloned() else { return };
        if self.settings.dry_run {
            return self.emit_once("dry run", ReleaseEvent::WouldInitialize);
        }
        // Nothing of it is built, so nothing keeps it from being built.
        if self.adopts_an_existing_primary(&target) {
            return;
        }
        let unbuilt = self.cannot_be_built(&target);
        if let Some(was) = self.state.inherits(self.seen).cloned() {
            return self.inherit(&target, was);
        }
        let hot = target.is_hot();
        let revision = self.first_revision(&target);
        let replicas = if hot {
            target.replicas.max(target.wanted)
        } else {
            target.wanted
        };
        let known = !hot || self.knows_all_services();
        let ready = revision.is_some() && self.primary_ready(revision.as_deref(), replicas);
        // A hot pair moves only when the data plane had primary long enough. A cold one has nothing to lose, but whoever
        // waits for Initialized sends requests then, and pods of a template replaced while building may be routed to yet.
        if !self.held_for(ready && known, self.settings.settle) {
            if ready && !known {
                self.say_unknown("");
            } else if !unbuilt && !self.lacks_configs(&target) {
                self.say_primary_waits();
            }
            return;
        }
        self.state.last_promoted = revision;
        self.state.last_applied.clone_from(&self.state.last_promoted);
        self.state.intent = Traffic::PRIMARY;
        if hot {
            self.enter(Stage::Switching, Phase::Initializing);
        } else {
            self.initialized();
        }
    }

    // The revision that primary begins with: the one that serves users already, else the first that was asked for.
    fn first_revision(&self, target: &Target) -> Option<String> {
        if target.is_hot() {
            target.active.clone()
        } else if self.state.primary_serves() {
            self.seen.primary.as_ref().and_then(|primary| primary.revision.clone())
        } else {
            Some(target.revision.clone())
        }
    }

    // A Canary made anew over a pair that serves (the old one was deleted, or a hand-written one takes over): what
    // primary serves is the promoted revision, and nothing is built over it.
    fn adopts_an_existing_primary(&mut self, target: &Target) -> bool {
        if !self.state.is_adopted() {
            let past = matches!(target.state, Some(TargetState::Serving | TargetState::Rest));
            let serves = |p: &&Primary| past && p.revision.is_some() && p.rollout.is_ready();
            let Some(primary) = self.seen.primary.as_ref().filter(serves) else {
                return false;
            };
            self.state.last_promoted.clone_from(&primary.revision);
            self.state.last_applied.clone_from(&primary.revision);
        }
        if self.is_named_ahead() {
            self.enter(Stage::Switching, Phase::Initializing);
        }
        true
    }

    // Where a route did not name the halves, the data plane has heard of them before anybody is sent there.
    fn is_named_ahead(&mut self) -> bool {
        if !self.state.is_adopted() {
            if !self.seen.unnamed {
                return true;
            }
            self.state.reason = Some(ADOPTED.to_owned());
        }
        let known = self.knows_all_services();
        if !known {
            self.say_unknown(ADOPTED);
        }
        self.held_for(known, self.settings.settle)
    }

    // A primary that Flagger made serves what it serves, and that is the promoted revision. What the target holds besides
    // is not started by itself: Flagger gave it up, or never got to the end of it, and nobody asked for it since. Whatever
    // traffic the target has leaves first.
    fn inherit(&mut self, target: &Target, was: Inherited) {
        let serves = |p: &Primary| p.replicas == 0 || p.endpoints.is_none_or(|endpoints| endpoints > 0);
        if !self.seen.primary.as_ref().is_some_and(serves) {
            return self.say_primary_waits();
        }
        let failed = was.phase == Phase::Failed && was.revision != target.revision;
        let phase = match was.phase {
            _ if failed => Phase::Failed,
            Phase::Unset | Phase::Initializing | Phase::Initialized => Phase::Initialized,
            _ => Phase::Succeeded,
        };
        self.state.last_promoted = Some(was.revision);
        self.state.last_applied = Some(target.revision.clone());
        self.state.intent = Traffic::PRIMARY;
        self.enter(Stage::Switching, phase);
        self.emit(ReleaseEvent::Inherited);
    }

    fn say_primary_waits(&mut self) {
        let Some(primary) = &self.seen.primary else { return };
        match primary.rollout.clone() {
            Rollout::Ready => {}
            Rollout::Waiting(why) => {
                // Of the stage: since when primary has no pod says nothing of when it was asked for.
                if self.has_lasted(self.settings.deadline) {
                    self.emit_once("deadline", ReleaseEvent::PrimaryFailed(why));
                } else {
                    self.emit_slow(ReleaseEvent::PrimaryNotReady(why));
                }
            }
            Rollout::Failed(why) => self.emit_once("failed", ReleaseEvent::PrimaryFailed(why)),
        }
    }

    // The target serves on until primary has been seen to carry everything; where primary breaks down meanwhile, traffic
    // goes back.
    pub(in crate::analysis) fn switching(&mut self) {
        if self.primary_is_to_be_left() && self.target_answers() {
            self.head_for(Traffic::CANARY);
            return self.emit_once("primary is gone", ReleaseEvent::PrimaryNotReady(String::from(NO_POD)));
        }
        if self.primary_carries() || self.primary_has_more() || !self.target_answers() {
            self.head_for(Traffic::PRIMARY);
        }
        if !self.left_for_primary() {
            return;
        }
        if self.state.phase == Phase::Initializing {
            self.initialized();
        } else {
            // As Flagger left it.
            self.enter(Stage::Rest, self.state.phase);
        }
    }

    fn head_for(&mut self, traffic: Traffic) {
        if self.state.intent != traffic {
            self.state.intent = traffic;
            self.state.moved_at = None;
        }
    }

    fn initialized(&mut self) {
        self.enter(Stage::Rest, Phase::Initialized);
        self.emit(ReleaseEvent::Initialized);
    }

    pub(in crate::analysis) fn rest(&mut self) {
        self.post_rollout();
        self.mind_users();
        let Some(target) = self.target().cloned() else { return };
        if self.primary_cannot_come_back(&target) {
            self.enter(Stage::Building, Phase::Initializing);
            // Nobody has been served since now, whenever the next look is.
            self.state.stalled = Some(self.now);
            return;
        }
        let promoted = self.state.last_promoted.as_deref();
        // A hash of another version of the rule says nothing about the template: re-baseline instead of firing.
        if promoted.is_none_or(|hash| !hash::is_current(hash)) {
            self.state.last_promoted = Some(target.revision.clone());
            self.state.last_applied = Some(target.revision);
            return;
        }
        if promoted == Some(target.revision.as_str()) {
            if self.state.last_applied != self.state.last_promoted {
                self.state.last_applied.clone_from(&self.state.last_promoted);
                self.state.phase = Phase::Succeeded;
            }
            return;
        }
        // What passed in a dry run is released once no dry run is asked for any more.
        let dry_run_is_over = self.state.dry_run && self.state.phase == Phase::Waiting && !self.settings.dry_run;
        let same = self.state.last_applied.as_deref() == Some(target.revision.as_str());
        if same && !dry_run_is_over || self.lacks_configs(&target) || self.is_apart(&target) {
            return;
        }
        self.say_bypassed(&target);
        self.begin(&target);
    }

    // Since when nobody is answered: primary has no ready pod, or its route leads nowhere.
    fn mind_users(&mut self) {
        if !self.seen.leaves_users_alone() {
            self.state.stalled = None;
            return;
        }
        let since = *self.state.stalled.get_or_insert(self.now);
        let told = after(since, SLOW);
        if self.now < told {
            self.wake_at(told);
        }
    }

    /// A run, from its first gate on.
    pub(in crate::analysis) fn begin(&mut self, target: &Target) {
        if self.seen.standstill().is_some() {
            return self.start_run(target);
        }
        if self.asks(HookType::ConfirmRollout) {
            self.start_run(target);
            self.enter(Stage::Waiting, Phase::Waiting);
            return self.waiting();
        }
        self.emit(ReleaseEvent::NewRevision);
        if may_have_older_data(target) {
            self.enter(Stage::Emptying, Phase::Progressing);
        } else {
            self.start_run(target);
        }
    }

    pub(in crate::analysis) fn start_run(&mut self, target: &Target) {
        self.state.started = false;
        self.state.skip = false;
        self.state.queued = None;
        self.state.dry_run = self.settings.dry_run;
        self.state.last_applied = Some(target.revision.clone());
        self.state.failed_checks = 0;
        self.state.iterations = 0;
        self.state.waits = 0;
        self.state.had_data = false;
        self.state.remember_size(self.seen);
        self.state.intent = Traffic::PRIMARY;
        if self.seen.standstill().is_some() {
            self.enter(Stage::Waiting, Phase::Waiting);
            self.stands_still();
            return;
        }
        self.enter(Stage::Scaling, Phase::Progressing);
    }
}
