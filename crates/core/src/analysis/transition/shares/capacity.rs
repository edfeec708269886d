//! How many ready pods a share of traffic needs, and which side has them.
//!
//! Weights only rise, and only stay, where ready endpoints carry them; before the pods of one side go, those of the other
//! are looked at. Ready thresholds (`canaryReadyThreshold`, `primaryReadyThreshold`) say how many of all pods are enough.

use crate::analysis::{
    ReleaseEvent, Rollout, Strategy, Target,
    sizes::{enough, returning_size, share_of},
    transition::step::Step,
};

impl Step<'_> {
    /// All the pods that the target needs to carry everything.
    pub(in crate::analysis) fn whole(&self, target: &Target) -> u32 {
        // On other nodes than primary's there may be fewer of a DaemonSet's pods: all of them it is then.
        if target.fixed {
            return target.replicas.max(1);
        }
        let primary = self.seen.primary.as_ref().map_or(0, |p| p.replicas);
        target.wanted.max(primary).max(1)
    }

    /// How many of the target's pods must be endpoints for it to carry everything.
    pub(in crate::analysis) fn enough_for_all(&self, target: &Target) -> u32 {
        enough(self.whole(target), self.settings.canary_threshold)
    }

    // What production runs on now is the measure of a share, not what it is just being scaled to.
    fn needed(&self, target: &Target, weight: u8) -> u32 {
        let all = if target.fixed || self.seen.scaler.is_some() {
            target.replicas
        } else {
            target.wanted.max(1)
        };
        let now = self.seen.primary.as_ref().and_then(|p| p.endpoints).filter(|e| *e > 0);
        share_of(
            enough(all.min(now.unwrap_or(all)), self.settings.canary_threshold),
            weight,
        )
    }

    /// Whether the target's ready endpoints carry a share of `weight` percent.
    pub(in crate::analysis) fn carries(&self, weight: u8) -> bool {
        self.target()
            .is_some_and(|t| t.endpoints.is_none_or(|ready| ready >= self.needed(t, weight)))
    }

    /// Whether the target has any ready endpoint, as far as that can be known.
    pub(in crate::analysis) fn target_answers(&self) -> bool {
        self.target()
            .is_some_and(|t| t.replicas > 0 && t.endpoints.is_none_or(|ready| ready > 0))
    }

    /// Whether primary was to have pods and none of them is an endpoint.
    pub(in crate::analysis) fn primary_is_gone(&self) -> bool {
        self.seen
            .primary
            .as_ref()
            .is_none_or(|p| p.replicas > 0 && p.endpoints == Some(0) || p.replicas == 0 && self.is_awake())
    }

    /// Whether primary is no place for traffic while the target is: it has no pods, or what somebody else made of it, and
    /// is about to be put right.
    pub(in crate::analysis) fn primary_is_to_be_left(&self) -> bool {
        self.primary_is_gone() || self.seen.primary.as_ref().is_some_and(|p| p.edited)
    }

    fn is_awake(&self) -> bool {
        self.target().is_some_and(|t| t.wanted > 0)
    }

    /// Whether primary's ready endpoints carry production.
    pub(in crate::analysis) fn primary_carries(&self) -> bool {
        self.seen.primary.as_ref().filter(|p| !p.edited).is_some_and(|p| {
            let all = if p.fixed || self.seen.scaler.is_some() {
                p.replicas
            } else {
                returning_size(self.seen)
            };
            p.endpoints
                .is_none_or(|ready| ready >= enough(all, self.settings.primary_threshold))
        })
    }

    /// Whether more pods of primary answer than of the target: where that was to be served by the target, and nobody got to do
    /// it while primary was gone, it is too late for it.
    pub(in crate::analysis) fn primary_has_more(&self) -> bool {
        let primary = self.seen.primary.as_ref().filter(|p| !p.edited);
        let primary = primary.and_then(|p| p.endpoints).unwrap_or_default();
        let target = self.target().and_then(|t| t.endpoints);
        target.is_some_and(|target| primary > target)
    }

    /// Takes so much of the canary's share away that its ready pods carry what is left, where they do not carry what it
    /// has. `true` when that was this step.
    pub(in crate::analysis) fn sheds(&mut self) -> bool {
        let weight = self.state.intent.canary();
        if self.carries(weight) {
            return false;
        }
        let lower = match &self.settings.strategy {
            Strategy::Weighted(steps) => steps.iter().rev().copied().find(|s| *s < weight && self.carries(*s)),
            Strategy::Matched(_) | Strategy::Iterations(_) => None,
        };
        let Some(lower) = lower else {
            self.falter();
            return true;
        };
        self.state.stalled.get_or_insert(self.now);
        self.emit(ReleaseEvent::CanaryNotReady(self.few(weight)));
        self.show_weight(lower);
        self.next_due(self.now);
        true
    }

    /// Says once that the canary cannot get the share that is next.
    pub(in crate::analysis) fn say_too_few(&mut self, weight: u8) {
        self.state.stalled.get_or_insert(self.now);
        let why = self.few(weight);
        self.emit_once("too few pods", ReleaseEvent::CanaryNotReady(why));
    }

    pub(in crate::analysis) fn few(&self, weight: u8) -> String {
        let (ready, needed) = self
            .target()
            .map_or((0, 0), |t| (t.endpoints.unwrap_or(0), self.needed(t, weight)));
        format!("{ready} of {needed} pods are ready that a weight of {weight} needs")
    }

    /// What `rollout` waits for, or how many of the pods it says are ready are no endpoints yet.
    pub(in crate::analysis) fn until_endpoints(rollout: &Rollout, endpoints: Option<u32>, needed: u32) -> Rollout {
        match (rollout, endpoints) {
            (Rollout::Ready, Some(ready)) if ready < needed => {
                Rollout::Waiting(format!("{ready} of {needed} ready pods are endpoints of the Service"))
            }
            (rollout, _) => rollout.clone(),
        }
    }
}
