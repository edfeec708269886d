//! What a Canary and its policy ask for, resolved: defaults applied, units settled.

mod resolve;
mod strategy;

use super::{observation::Target, state::State};
use crate::api::canary::HookType;
use std::{collections::BTreeSet, time::Duration};

/// How a revision is exposed while it is analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    /// The canary's share in percent, one entry per step, rising. Never empty.
    Weighted(Vec<u8>),
    /// A/B: this many checks with the users who match `analysis.match`.
    Matched(u32),
    /// Blue/green: this many checks without traffic of the canary's own, then promotion.
    Iterations(u32),
}

/// Cookies that keep users on their side (`analysis.sessionAffinity`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// `cookieName`.
    pub canary: String,
    /// `primaryCookieName`.
    pub primary: Option<String>,
    /// What makes the cookies of this Canary differ from those of any other: its uid.
    pub seed: String,
}

/// The resolved settings of one Canary.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSettings {
    /// How a revision is exposed.
    pub strategy: Strategy,
    /// Percent of requests copied to the canary, one entry per check, rising; empty without a mirror.
    pub mirror: Vec<u8>,
    /// `analysis.iterations` beside weights: passed checks after which a revision is promoted at any weight.
    pub most_checks: Option<u32>,
    /// `analysis.match` with weights in the place of `iterations`: all who match see the canary from the first check, where
    /// Flagger gives them the weights step by step.
    pub all_at_once: bool,
    /// `analysis.sessionAffinity`, where the provider has cookies.
    pub sessions: Option<Sessions>,
    /// `analysis.stepWeightPromotion` in percent; 0 means all at once.
    pub promotion_step: u8,
    /// `analysis.interval`: the spacing of checks.
    pub interval: Duration,
    /// `analysis.threshold`: failed checks in a run that roll it back; at least 1.
    pub threshold: u32,
    /// `analysis.canaryReadyThreshold`: how many of the target's pods, in percent, are enough.
    pub canary_threshold: u32,
    /// `analysis.primaryReadyThreshold`: how many of primary's pods, in percent, are enough.
    pub primary_threshold: u32,
    /// `spec.progressDeadlineSeconds`.
    pub deadline: Duration,
    /// `analysis.delay`: warm-up between canary ready and its first traffic.
    pub delay: Duration,
    /// Bound on how long the data plane takes to use new endpoints or weights.
    pub settle: Duration,
    /// How long requests under way may take after traffic left a side.
    pub drain: Duration,
    /// `spec.skipAnalysis`.
    pub skip_analysis: bool,
    /// The guard rails of its policy demand an analysis: the annotation that asks to skip it does not count.
    pub analysis_demanded: bool,
    /// The types of `analysis.webhooks` that are there.
    pub hooks: BTreeSet<HookType>,
    /// The policy's `onNewRevision` is Queue (or Refuse, and the webhook was away): a second revision waits for its turn.
    pub queue: bool,
    /// Nothing is routed and nothing promoted: `spec.dryRun`, the annotation, or `--dry-run`.
    pub dry_run: bool,
    /// `spec.suspend`.
    pub suspended: bool,
    /// The Canary is being deleted, or its namespace opted out: converge to a plain Deployment.
    pub leaving: bool,
}

impl RunSettings {
    /// Whether the target's template waits for the end of the run. It can where the webhook holds it and the run's own pods
    /// stay; going back to what is promoted never waits.
    pub fn queues(&self, state: &State, target: &Target) -> bool {
        let revision = Some(&target.revision);
        self.queue
            && target.held
            && state.last_applied.as_ref() != revision
            && state.last_promoted.as_ref() != revision
            && target.active.is_some()
            && target.active == state.last_applied
    }

    /// How long pods are ready before they get traffic.
    pub fn settle_and_delay(&self) -> Duration {
        self.settle.saturating_add(self.delay)
    }

    /// The time after which a side that traffic has left holds no request any more.
    pub fn settle_and_drain(&self) -> Duration {
        self.settle.saturating_add(self.drain)
    }
}

/// Flagger's weight maths (`pkg/controller` of 1.44) as a list: the weights a run goes through, without its dead ends.
///
/// `step_weights` wins over `step_weight`, which is added until `max_weight` is reached (the last step may pass it, as in
/// Flagger: 20 up to 50 gives 20, 40, 60). Entries above 100 end at 100; entries that do not rise are left out.
/// A run without any step gets one at 100, so that nothing waits for ever.
pub fn weight_steps(step_weight: u8, max_weight: u8, step_weights: &[u8]) -> Vec<u8> {
    let mut steps = Vec::new();
    let mut push = |weight: u8| {
        let weight = weight.min(100);
        if weight > 0 && steps.last().is_none_or(|last| weight > *last) {
            steps.push(weight);
        }
    };
    if step_weights.is_empty() {
        let max = if max_weight == 0 { 100 } else { max_weight.min(100) };
        let mut weight = 0u8;
        while step_weight > 0 && weight < max {
            weight = weight.saturating_add(step_weight).min(100);
            push(weight);
        }
    } else {
        step_weights.iter().copied().for_each(&mut push);
    }
    if steps.is_empty() {
        steps.push(100);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_go_as_flaggers_do() {
        assert_eq!(weight_steps(10, 50, &[]), [10, 20, 30, 40, 50]);
        assert_eq!(weight_steps(20, 50, &[]), [20, 40, 60]);
        assert_eq!(weight_steps(60, 100, &[]), [60, 100]);
        assert_eq!(weight_steps(30, 0, &[]), [30, 60, 90, 100]);
        assert_eq!(weight_steps(0, 50, &[1, 2, 10, 80]), [1, 2, 10, 80]);
        assert_eq!(weight_steps(5, 50, &[40, 20, 60, 120]), [40, 60, 100]);
        assert_eq!(weight_steps(0, 0, &[]), [100]);
    }
}
