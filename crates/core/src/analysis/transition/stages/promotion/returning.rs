//! Traffic goes back to primary, at once or by steps, and leaves the target.

use crate::analysis::{ReleaseEvent, Stage, instants::after, transition::step::Step};
use crate::api::canary::Phase;
use crate::routing::Traffic;

impl Step<'_> {
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

    pub(super) fn return_to_primary(&mut self) {
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

    pub(super) fn all_to_primary(&mut self) {
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
