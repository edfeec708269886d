//! Rules of a Canary.

mod analysis;
mod autoscaler;
mod contradiction;
mod extras;
mod guard_rails;
mod life;
mod matching;
mod provider;
mod service;
mod target;

pub(super) use analysis::JudgedAnalysis;
pub(super) use guard_rails::within;
pub(super) use service::gateways;

use super::facts::ClusterFacts;
use super::report::{Findings, Report};
use super::values::size;
use crate::api::Canary;
use crate::plan::settings::effective::{Circumstances, Effective, effective};
use crate::routing::registry;
use kube_core::ResourceExt;

/// What every rule looks at.
pub(super) struct Subject<'a> {
    pub canary: &'a Canary,
    pub facts: &'a ClusterFacts,
    /// The routing provider in force.
    pub provider: &'a str,
}

impl<'a> Subject<'a> {
    fn new(canary: &'a Canary, facts: &'a ClusterFacts) -> Self {
        Self {
            canary,
            facts,
            provider: canary.provider(facts.default_provider()),
        }
    }

    /// Whether the field shapes what the provider makes.
    fn obeys(&self, field: &str) -> bool {
        registry::router(self.provider).is_some_and(|router| router.obeys().contains(&field))
    }

    /// The other Canaries of the namespace.
    fn others(&self) -> impl Iterator<Item = &'a Canary> + use<'a> {
        let (name, namespace) = (self.canary.name_any(), self.canary.namespace_name());
        let others = self.facts.canaries.iter().map(AsRef::as_ref);
        others.filter(move |other: &&Canary| other.namespace_name() == namespace && other.name_any() != name)
    }
}

/// Judges a new or changed Canary. One that is being deleted is never refused: its finalizer must go.
pub fn canary(new: &Canary, old: Option<&Canary>, facts: &ClusterFacts) -> Findings {
    if new.metadata.deletion_timestamp.is_some() {
        return Findings::default();
    }
    let mut report = judged(new, facts);
    life::check(&mut report, new, old);
    report.ratchet(old.map(|old| judged(old, facts)))
}

/// Judges the Canary as its policy completes it. What is the policy's is judged with the policy. Of one that is too large
/// nothing is read, not even to complete it.
fn judged(canary: &Canary, facts: &ClusterFacts) -> Report {
    if let Some(excess) = size::excess("Canary", &canary.spec) {
        return excess;
    }
    // As it was written: what a policy adds is not its author's.
    if let Some(large) = size::large(&canary.spec) {
        return large;
    }
    let around = Circumstances {
        default_provider: facts.default_provider(),
        user_route: facts.user_route,
    };
    let policy = facts.policy.as_ref().map(|policy| &policy.spec);
    let all = effective(canary, policy, around);
    complete(&all, facts).without(&all.inherited)
}

fn complete(all: &Effective, facts: &ClusterFacts) -> Report {
    let canary = &all.canary;
    // The policy, too, may have been stored before there were limits.
    let excess = || size::excess("Canary", &canary.spec);
    if let Some(excess) = (!all.inherited.is_empty()).then(excess).flatten() {
        return excess;
    }
    let subject = Subject::new(canary, facts);
    let mut report = Report::default();
    target::check(&mut report, &subject);
    provider::check(&mut report, &subject);
    autoscaler::check(&mut report, &subject);
    service::check(&mut report, &subject);
    analysis::canary(&mut report, &subject);
    contradiction::check(&mut report, &subject);
    extras::check(&mut report, &subject);
    guard_rails::check(&mut report, &subject);
    report
}
