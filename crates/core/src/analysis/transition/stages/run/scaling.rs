//! The target is scaled up, until its pods can be shown to somebody.

use crate::analysis::{ReleaseEvent, Rollout, Stage, Target, transition::step::Step};
use crate::api::canary::Phase;

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
    pub(super) fn wait_for_target(&mut self, target: &Target) {
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
}
