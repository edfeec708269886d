//! The executor's writes, one by one, and what must be true before each.

use super::*;
use crate::plan::revision::same_template;

impl Model {
    // In the order of the executor; after `budget` writes the program is dead.
    pub(in crate::analysis::tests) fn write(&mut self, desired: &DesiredState, mut budget: u8) {
        let mut spend = || {
            let left = budget > 0;
            budget = budget.saturating_sub(1);
            left
        };
        let mut looks = false;
        if let Some(target) = &mut self.target {
            let changes = desired.target_state.is_some_and(|s| self.label != Some(s))
                || self.release.is_some() && desired.release.is_some_and(|r| self.release != Some(r))
                || desired.unpause
                || desired.pause
                || desired.admit
                || desired
                    .target_revision
                    .as_ref()
                    .is_some_and(|r| !same_template(r, &hash(target.template)))
                || desired.target_replicas.is_some_and(|r| r != target.replicas);
            if changes && spend() {
                if desired.target_replicas.is_some_and(|r| r < target.replicas) {
                    let quiet = self.last_traffic.is_none_or(|at| self.now >= at + seconds(2));
                    assert!(self.foreign || quiet, "scaled down under traffic in {:?}", self.state);
                    looks = self.entered;
                }
                self.label = desired.target_state.or(self.label);
                self.release = desired.release.or(self.release);
                target.replicas = desired.target_replicas.unwrap_or(target.replicas);
                if let Some(revision) = &desired.target_revision {
                    let named = [1u8, 2, 3].into_iter().find(|t| same_template(&hash(*t), revision));
                    target.template = named.unwrap_or(target.template);
                }
                self.held = self.held && !desired.unpause || desired.pause;
                self.admitted |= desired.admit;
            }
        }
        if looks {
            self.the_other_side_was_looked_at();
        }
        if self.primary.is_some()
            && self.autoscaler_min_replicas.is_some()
            && desired
                .autoscaler_min_replicas
                .is_some_and(|min_replicas| Some(min_replicas) != self.autoscaler_min_replicas)
            && spend()
        {
            self.autoscaler_min_replicas = desired.autoscaler_min_replicas;
        }
        self.write_primary(desired, &mut spend);
        let folds = !self.weights && desired.target_state == Some(TargetState::Rest) && self.split;
        if folds && spend() {
            self.split = false;
            self.traffic = Traffic::PRIMARY;
        }
        let moves = self.weights || self.split;
        if desired.traffic.is_some() && self.weights {
            self.split = true;
        }
        if desired.dismantle != Dismantle::No && spend() {
            self.split = false;
            self.apex = ApexSide::Target;
        }
        if desired.dismantle != Dismantle::No && spend() {
            self.follower = ApexSide::Target;
            self.traffic = Traffic::CANARY;
        }
        if desired.dismantle == Dismantle::Everything && spend() {
            self.primary = None;
            self.edited = false;
            self.label = None;
            self.release = None;
            self.held = false;
        }
        if let Some(apex) = desired.apex.filter(|a| *a != self.apex)
            && spend()
        {
            let (from, to) = match apex {
                ApexSide::Target => (Traffic::PRIMARY, Traffic::CANARY),
                ApexSide::Primary => (Traffic::CANARY, Traffic::PRIMARY),
            };
            self.the_share_is_carried(from, to);
            self.apex = apex;
        }
        if let Some(apex) = desired.apex.filter(|a| *a != self.follower)
            && spend()
        {
            self.follower = apex;
        }
        if let Some(traffic) = desired.traffic.filter(|t| moves && *t != self.traffic)
            && spend()
        {
            self.the_share_is_carried(self.traffic, traffic);
            self.traffic = traffic;
        }
    }

    pub(in crate::analysis::tests) fn write_primary(
        &mut self,
        desired: &DesiredState,
        spend: &mut impl FnMut() -> bool,
    ) {
        let wanted = desired.primary_replicas;
        let self_config = (!self.config_gone).then_some(self.config);
        if let (Some(_), Some(p), Some(n)) = (self.autoscaler_min_replicas, &self.primary, wanted) {
            assert!(n >= p.replicas, "taken from its autoscaler: {p:?} {n} {:?}", self.state);
        }
        match (&desired.primary, &mut self.primary) {
            (Some(PrimaryTemplate::Revision(from)), primary) => {
                let made = primary.as_ref().map(|p| revision(p.template, p.read));
                let Some(template) = [1u8, 2, 3].into_iter().find(|t| match &made {
                    Some(made) if made == from => *made == revision(*t, primary.as_ref().map_or(0, |p| p.read)),
                    // Copies are only made of what was verified.
                    _ => self_config.is_some_and(|config| *from == revision(*t, config)),
                }) else {
                    return;
                };
                let read = if made.as_ref() == Some(from) {
                    primary.as_ref().map_or(0, |p| p.read)
                } else {
                    self_config.unwrap_or(0)
                };
                let replicas = wanted.or(primary.as_ref().map(|p| p.replicas)).unwrap_or(1);
                if self.refuses && primary.is_none() {
                    return;
                }
                if primary
                    .as_ref()
                    .is_none_or(|p| p.template != template || p.read != read || p.replicas != replicas || self.edited)
                    && spend()
                {
                    let other = |p: &&Workload| p.template != template || p.read != read;
                    if let Some(p) = primary.as_ref().filter(other).filter(|p| p.ready > 0) {
                        let routed = self.split && self.traffic != Traffic::CANARY;
                        let services = [self.apex, self.follower];
                        let idle = !routed && services == [ApexSide::Target; 2];
                        let cold = self.label == Some(TargetState::Cold) || self.label == Some(TargetState::Hot);
                        let alone = self.target.as_ref().is_none_or(|t| t.ready == 0);
                        assert!(
                            self.foreign || idle || cold || alone,
                            "primary rolled under traffic: {p:?} {:?}",
                            self.state
                        );
                    }
                    let ready = primary.as_ref().filter(|_| !self.edited).map_or(0, |p| p.ready);
                    self.edited = false;
                    let running = primary.as_ref().map_or(template, |p| p.running);
                    *primary = Some(Workload {
                        template,
                        running,
                        replicas,
                        ready,
                        read,
                    });
                }
            }
            (Some(PrimaryTemplate::Restored(_)), Some(primary)) if self.edited => {
                if spend() {
                    primary.ready = 0;
                    self.edited = false;
                }
            }
            (_, Some(primary)) => {
                if wanted.is_some_and(|r| r != primary.replicas) && spend() {
                    primary.replicas = wanted.unwrap_or(primary.replicas);
                }
            }
            // Somebody deleted it: it is made again from what was promoted, and reads the copies that are still there.
            (Some(PrimaryTemplate::Keep), primary @ None) => {
                let Some(promoted) = self.state.last_promoted.clone().filter(|_| !self.refuses) else {
                    return;
                };
                let all = (1u8..=3).flat_map(|template| (0u8..=3).map(move |read| (template, read)));
                let of = all
                    .into_iter()
                    .find(|(template, read)| revision(*template, *read) == promoted);
                if let Some((template, read)) = of.filter(|_| spend()) {
                    *primary = Some(Workload {
                        template,
                        running: template,
                        replicas: wanted.unwrap_or(1),
                        ready: 0,
                        read,
                    });
                }
            }
            (Some(PrimaryTemplate::Restored(_)) | None, None) => {}
        }
    }
}
