//! The data plane learns of the target's pods; what is asked before the first of them is shown.

use crate::analysis::{ReleaseEvent, Stage, instants::after, transition::step::Step};
use crate::api::{canary::Phase, labels::TargetState};

impl Step<'_> {
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
}
