//! What a step works on, and what every stage asks of it: the state that it changes, what it says, and when it is to look again.

use crate::analysis::{
    Observation, Primary, Question, ReleaseEvent, RunSettings, Stage, State, Target, Verdict, instants::after,
    sizes::enough,
};
use crate::api::canary::Phase;
use crate::foreign::cut;
use crate::plan::ApexSide;
use crate::routing::Traffic;
use jiff::Timestamp;
use std::time::Duration;

/// Most bytes of a reason that is remembered.
const REASON: usize = 256;

/// From here on a wait is worth a word.
pub(super) const SLOW: Duration = Duration::from_secs(10);
/// How long a gateway is waited for whose word on a route is missing. A gateway that has lost the API server tries again after a
/// pause that it doubles each time, up to 30 s, so it may be that long before it writes into the status of a route again.
const GATEWAY: Duration = Duration::from_secs(45);

const BEHIND: &str = "a gateway has not taken up the route as it is";
const UNNAMED: &str = "a route does not name the Services yet that users are sent to next; see who else writes it";
const NOT_YET: &str = "the live route or Service does not say yet what was written; see who else writes it";

pub(super) struct Step<'a> {
    pub(super) settings: &'a RunSettings,
    pub(super) seen: &'a Observation,
    pub(super) now: Timestamp,
    pub(super) state: State,
    pub(super) events: Vec<ReleaseEvent>,
    pub(super) ask: Option<Timestamp>,
    pub(super) questions: Vec<Question>,
    pub(super) wake: Option<Timestamp>,
}

impl Step<'_> {
    pub(super) fn enter(&mut self, stage: Stage, phase: Phase) {
        self.state.stage = stage;
        self.state.phase = phase;
        self.state.since = self.now;
        self.state.moved_at = None;
        self.trial_ends();
        self.state.due = None;
        self.state.stalled = None;
        self.state.reason = None;
        self.state.gate = None;
        if matches!(stage, Stage::Rest | Stage::Building) {
            self.state.min_replicas = 0;
        }
        if stage.ends_sessions() {
            self.state.cookies.retire();
        }
        // The first look at the new stage's timers comes with the event of our own status write; this is for the case
        // that it is lost.
        self.wake_at(after(self.now, Duration::from_secs(1)));
    }

    pub(super) fn emit(&mut self, event: ReleaseEvent) {
        self.events.push(event);
    }

    // Said once per stage and reason, or every step would be an event.
    pub(super) fn emit_once(&mut self, reason: &str, event: ReleaseEvent) {
        // It is recorded, and may be what somebody else says.
        let reason = cut(reason, REASON);
        if self.state.reason.as_deref() != Some(&reason) {
            self.state.reason = Some(reason);
            self.events.push(event);
        }
    }

    // What is waited for, said when it takes longer than pods that start do: Flagger says it at its next tick.
    pub(super) fn emit_slow(&mut self, event: ReleaseEvent) {
        if self.has_lasted(self.settings.interval.min(SLOW)) {
            self.emit_once("waiting", event);
        }
    }

    pub(super) fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    pub(super) fn target(&self) -> Option<&Target> {
        self.seen.target.as_ref()
    }

    // Whether `condition` has held for `duration` since it was first seen in this stage.
    pub(super) fn held_for(&mut self, condition: bool, duration: Duration) -> bool {
        if !condition {
            self.state.moved_at = None;
            return false;
        }
        let since = *self.state.moved_at.get_or_insert(self.now);
        let until = after(since, duration);
        if self.now < until {
            self.wake_at(until);
        }
        self.now >= until
    }

    // Whether traffic is seen to be where this stage wants it.
    pub(super) fn in_place(&mut self, traffic: Traffic, apex: ApexSide) -> bool {
        let routed = !self.seen.routed || self.seen.traffic == Some(traffic) && !self.waits_for_a_gateway();
        routed && (!self.seen.served || self.seen.apex == Some(apex))
    }

    // Whether a gateway may still be sending users by what the routes said before. One that is gone, or has ceased to tell,
    // is not waited for longer than it takes to come back.
    pub(super) fn waits_for_a_gateway(&mut self) -> bool {
        self.seen.pending && !self.has_lasted(GATEWAY.min(self.settings.deadline / 2))
    }

    // Whether every data plane has heard of the Services that users are to be sent to next. Whoever applies a route that does not
    // name them has it named again, however long the stage has lasted by then. Nobody is kept for what the API server refuses, nor
    // past the deadline by somebody who takes the names off each time.
    pub(super) fn knows_all_services(&mut self) -> bool {
        let patience = if self.seen.refused.is_some() {
            GATEWAY.min(self.settings.deadline / 2)
        } else {
            self.settings.deadline
        };
        let named = !self.seen.unnamed || self.has_lasted(patience);
        named && !self.waits_for_a_gateway()
    }

    // Why users are not sent on to Services that are to be known first, once that has lasted. The stage's reason begins with `mark`.
    pub(super) fn say_unknown(&mut self, mark: &str) {
        let why = match &self.seen.route_trouble {
            Some(why) => why.clone(),
            None if self.seen.unnamed => String::from(UNNAMED),
            None => String::from(BEHIND),
        };
        if self.has_lasted(SLOW) {
            self.emit_once(&format!("{mark}{why}"), ReleaseEvent::RouteTrouble(why));
        }
    }

    // Traffic has been on primary alone for long enough that the target's pods hold no request.
    pub(super) fn left_the_target(&mut self) -> bool {
        self.left_the_target_and(true)
    }

    // The same, and primary carries it: only then may pods that could take it back go.
    pub(super) fn left_for_primary(&mut self) -> bool {
        let carries = self.primary_carries();
        if !carries {
            let why = String::from("its ready pods do not carry all traffic yet, the others stay until they do");
            self.emit_slow(ReleaseEvent::PrimaryNotReady(why));
        }
        self.left_the_target_and(carries)
    }

    fn left_the_target_and(&mut self, more: bool) -> bool {
        let in_place = self.in_place(Traffic::PRIMARY, ApexSide::Primary);
        if !in_place {
            self.say_route();
        }
        self.held_for(in_place && more, self.settings.settle_and_drain())
    }

    // What keeps traffic from being where it is meant: said at once when it is known, else when it takes long.
    pub(super) fn say_route(&mut self) {
        match self.seen.route_trouble.clone() {
            Some(why) => self.emit_once(&why, ReleaseEvent::RouteTrouble(why.clone())),
            None if self.seen.pending => self.emit_slow(ReleaseEvent::RouteTrouble(String::from(BEHIND))),
            None => self.emit_slow(ReleaseEvent::RouteTrouble(String::from(NOT_YET))),
        }
    }

    // Whether traffic is where this stage wants it, and no gateway has said that it does not follow.
    pub(super) fn follows(&mut self, traffic: Traffic, apex: ApexSide) -> bool {
        self.in_place(traffic, apex) && self.seen.route_trouble.is_none()
    }

    // Counts from the stage's beginning or, where the target was ready in it before, from when it ceased to be.
    pub(super) fn past_deadline(&mut self) -> bool {
        let since = self.state.stalled.unwrap_or(self.state.since);
        self.is_past(after(since, self.settings.deadline))
    }

    // Whether this stage is as old as that; looked at again when it is.
    pub(super) fn has_lasted(&mut self, long: Duration) -> bool {
        self.is_past(after(self.state.since, long))
    }

    pub(super) fn is_past(&mut self, until: Timestamp) -> bool {
        if self.now < until {
            self.wake_at(until);
        }
        self.now >= until
    }

    // The target's pods are ready and, where a Service routes to them, known as endpoints.
    pub(super) fn target_ready(&self, replicas: u32) -> bool {
        self.target().is_some_and(|t| {
            (t.fixed && t.replicas > 0 || t.replicas >= replicas)
                && t.rollout.is_ready()
                && t.endpoints.is_none_or(|e| e > 0)
        })
    }

    pub(super) fn primary_ready(&self, revision: Option<&str>, replicas: u32) -> bool {
        let needed = |p: &Primary| enough(replicas.min(p.replicas), self.settings.primary_threshold);
        self.seen.primary.as_ref().is_some_and(|p| {
            (p.fixed || p.replicas == replicas)
                && p.rollout.is_ready()
                && p.endpoints.is_none_or(|e| e >= needed(p))
                && revision.is_none_or(|r| p.revision.as_deref() == Some(r))
        })
    }

    pub(super) fn verdict(&self, due: Timestamp) -> Option<&Verdict> {
        self.seen
            .checks
            .as_ref()
            .filter(|checks| checks.due == due)
            .map(|checks| &checks.verdict)
    }
}
