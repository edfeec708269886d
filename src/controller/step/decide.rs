//! What is to be, and what has to be written for it.

use super::{snapshot::Snapshot, turn::Turn};
use crate::analysis::{self, Observation, RunSettings, Stage, StepOutcome};
use crate::controller::{
    context::Context,
    difference::{Conflict, Pair, difference, write::Write},
    status::trouble,
};
use crate::plan::workload::revisions;
use jiff::Timestamp;

/// What a step comes to, and what that takes.
pub struct Decided {
    /// What is to be.
    pub outcome: StepOutcome,
    /// What has to be written for it, in this order.
    pub writes: Vec<Write>,
    /// What is in the way.
    pub conflicts: Vec<Conflict>,
}

impl Decided {
    /// Whether the app has been given back, with nothing left to do.
    pub fn is_the_end(&self) -> bool {
        self.outcome.state.stage == Stage::Left && self.writes.is_empty() && self.conflicts.is_empty()
    }

    /// Whether no release is under way, and neither is anything to be written besides the record, nor is anybody to be
    /// asked.
    pub fn is_rest(&self) -> bool {
        let outcome = &self.outcome;
        let asks = outcome.ask.is_some() || !outcome.questions.is_empty() || outcome.take_annotations;
        outcome.state.stage == Stage::Rest && self.writes.is_empty() && !asks
    }
}

/// Decides by what was `seen`. What is in the way of a pair that is being built keeps it from being built: then it is
/// decided once more, by that.
pub fn decide(context: &Context, turn: &Turn, pair: &mut Snapshot, seen: &mut Observation) -> Decided {
    let (canary, now) = (&turn.canary, turn.now);
    let policy = context.cluster.policy_of(canary, pair.live.target.as_ref());
    let policy = policy.as_ref().map(|policy| &policy.spec);
    let mut settings = RunSettings::of(canary, policy, &context.options.defaults, turn.leaving);
    settings.analysis_demanded = context.cluster.demands_analysis(canary, pair.live.target.as_ref());
    let mut decided = by(&settings, pair, seen, now);
    let building = decided.outcome.state.stage == Stage::Building;
    let mut in_the_way = decided.conflicts.iter().filter(|one| one.keeps_from_building());
    let in_the_way = in_the_way.find(|_| building && seen.refused.is_none());
    let trouble = in_the_way.and_then(|conflict| trouble::conflict(std::slice::from_ref(conflict)));
    if let Some(trouble) = trouble {
        seen.refused = Some(trouble.message);
        decided = by(&settings, pair, seen, now);
    }
    let state = &decided.outcome.state;
    context.memory.of(&turn.key, |canary| canary.timers.note_lack(state));
    decided
}

fn by(settings: &RunSettings, pair: &mut Snapshot, seen: &Observation, now: Timestamp) -> Decided {
    let outcome = analysis::step(settings, &pair.state, seen, now);
    let workload = pair.blueprint.workload;
    let exposure = &mut pair.blueprint.exposure;
    exposure.cookies = outcome.state.cookies.clone();
    exposure.revision = revisions::named(workload, outcome.state.last_applied.as_deref());
    let compared = Pair {
        live: &pair.live,
        selector: &pair.selector,
        blueprint: &pair.blueprint,
        seen,
    };
    let (writes, conflicts) = difference(&outcome.desired, compared);
    Decided {
        outcome,
        writes,
        conflicts,
    }
}
