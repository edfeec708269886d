//! Another revision, or other configs, in mid-run: it waits for its turn, or traffic leaves and the run begins anew.

use crate::analysis::{ReleaseEvent, Stage, Target, transition::step::Step};
use crate::api::canary::Phase;
use crate::plan::revision;
use crate::routing::Traffic;

impl Step<'_> {
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

    // Whether configs that the template requires do not exist, which is said; nothing is decided until they do.
    pub(in crate::analysis) fn lacks_configs(&mut self, target: &Target) -> bool {
        let Some(missing) = &target.missing else { return false };
        self.emit_once(missing, ReleaseEvent::ConfigMissing(missing.clone()));
        true
    }

    pub(super) fn queues(&self, target: &Target) -> bool {
        self.settings.queues(&self.state, target)
    }

    pub(super) fn queue(&mut self, target: &Target) {
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
    pub(super) fn start_over(&mut self, target: &Target) {
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
}
