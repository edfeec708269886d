//! What is true of every write, whatever people and pods did before it. docs/invariants.md says the same for people, and the
//! scenes on the cluster look for it by the same names.

use super::*;
use crate::plan::revision::same_template;

impl Model {
    /// Weights rise only where ready pods carry them, and production is given to a side only while that has pods.
    pub(in crate::analysis::tests) fn the_share_is_carried(&self, from: Traffic, to: Traffic) {
        let ready = |side: &Option<Workload>| side.as_ref().map_or(0, |w| w.ready);
        let (canary, primary) = (ready(&self.target), ready(&self.primary));
        let more = to.canary() > from.canary() || to.reaches_canary() && !from.reaches_canary();
        if more && !self.foreign && self.target.is_some() {
            let whole = self.effective().max(1);
            let all = if primary > 0 { whole.min(primary) } else { whole };
            let needed = share_of(enough(all, self.settings.canary_threshold), to.canary()).max(1);
            let nobody_else = primary == 0;
            assert!(
                canary >= needed || nobody_else || self.autoscaler_min_replicas.is_some() && canary > 0,
                "{to:?} needs {needed} pods of the canary, {canary} are ready: {:?}",
                self.state
            );
            self.it_is_what_is_analysed();
        }
        let gives = matches!(self.state.stage, Stage::Switching | Stage::Returning | Stage::Draining);
        if to.primary() > from.primary() && gives && !self.foreign {
            assert!(
                primary > 0 || canary == 0 || self.effective() == 0,
                "production is given to a primary without pods: {:?}",
                self.state
            );
        }
    }

    // Pods that get traffic have read what is being analysed.
    fn it_is_what_is_analysed(&self) {
        let Some(target) = self.target.as_ref().filter(|t| t.ready > 0) else {
            return;
        };
        let promotes = matches!(self.state.stage, Stage::Switching | Stage::Replacing);
        assert!(
            promotes || self.state.last_applied == Some(revision(target.running, target.read)),
            "pods with other data than what is analysed: {target:?} {:?}",
            self.state
        );
    }

    /// Before the target's pods go because primary serves, primary is seen to.
    pub(in crate::analysis::tests) fn the_other_side_was_looked_at(&self) {
        let promoted = self.state.last_promoted == self.state.last_applied;
        let ends = self.state.stage == Stage::Rest && promoted && self.state.phase != Phase::Failed;
        let gone = self
            .primary
            .as_ref()
            .is_none_or(|p| p.ready == 0 && self.effective() > 0);
        let cancelled = self.events.last() == Some(&ReleaseEvent::Cancelled);
        // Pods of a dry run serve nobody, so nobody loses them.
        let dry_run = self.state.dry_run;
        assert!(
            !dry_run || self.foreign || !self.canary_has_traffic(),
            "a dry run is shown"
        );
        assert!(
            self.foreign || !ends || cancelled || dry_run || !gone,
            "nobody serves any more: {:?} {:?}",
            self.primary,
            self.state
        );
    }

    /// No pod of a revision that was never released answers users.
    pub(in crate::analysis::tests) fn only_what_was_released_serves(&self) {
        let enrolls = matches!(
            self.state.stage,
            Stage::Building | Stage::Switching | Stage::LeavingScale | Stage::LeavingSwitch | Stage::Left
        );
        let Some(target) = self.target.as_ref().filter(|t| t.ready > 0) else {
            return;
        };
        let released = self
            .shown
            .iter()
            .any(|known| same_template(known, &hash(target.running)));
        assert!(
            self.foreign || enrolls || released || !self.canary_has_traffic(),
            "an unreleased revision serves: {target:?} {:?}",
            self.state
        );
    }

    /// Nothing rests at zero, or is kept at an old revision, for a pair that cannot be built: ten seconds after nobody could
    /// make primary or a pod of it, the target runs as it would without us. A step that follows a command does nothing
    /// else, so it is not `judged`.
    pub(in crate::analysis::tests) fn the_hold_never_outruns_the_pair(&mut self, seen: &Observation, judged: bool) {
        let nobody = seen.primary.as_ref().is_none_or(|primary| !primary.has_pods);
        let excused = self.config_gone || self.settings.suspended || self.settings.dry_run || self.settings.leaving;
        let held = |t: &&Workload| t.replicas == 0 && self.effective() > 0 || self.held;
        let waits = nobody && self.state.stage == Stage::Building && !excused;
        let Some(target) = self.target.as_ref().filter(held).filter(|_| waits) else {
            self.outruns = None;
            return;
        };
        let since = *self.outruns.get_or_insert(self.now);
        assert!(
            !judged || self.now < since + seconds(10),
            "held for a pair that cannot be built: {target:?} {:?}",
            self.state
        );
    }

    /// Users of any Service are sent to primary while a canary is tried: only a route shows it to anybody.
    pub(in crate::analysis::tests) fn whatever_points_at_the_pods_follows(&self) {
        let tried = matches!(self.state.stage, Stage::Settling | Stage::Analysing | Stage::Faltering);
        assert!(
            self.foreign || !tried || self.follower == ApexSide::Primary,
            "a Service sends everybody to a canary: {:?}",
            self.state
        );
    }

    // What somebody else did is over when the pair rests as it should.
    pub(in crate::analysis::tests) fn forgive(&mut self) {
        let rests = self.state.stage == Stage::Rest && self.traffic == Traffic::PRIMARY;
        let still = self
            .target
            .as_ref()
            .is_none_or(|t| t.replicas == 0 && self.admitted == self.webhook);
        let quiet = self.last_traffic.is_none_or(|at| self.now >= at + seconds(2));
        if rests && still && quiet && [self.apex, self.follower] == [ApexSide::Primary; 2] {
            self.foreign = false;
        }
    }
}
