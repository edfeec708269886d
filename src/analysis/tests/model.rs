//! A cluster as far as the machine can tell, and what people and pods do in it.

use super::scaled::MOST;
use crate::analysis::*;
use crate::api::{canary::Phase, labels::TargetState};
use crate::routing::Traffic;
use jiff::Timestamp;
use std::time::Duration;

/// What happens between two steps.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// Somebody applies a template; the door holds it when the target serves.
    Apply(u8),
    /// The same, while the door is away.
    Bypass(u8),
    /// Somebody wants another number of replicas.
    Scale(u32),
    /// Time passes.
    Wait(u8),
    /// Pods become ready, or not.
    Pods(bool),
    /// The next check's answer.
    Answer(u8),
    /// The program dies after this many writes of the next step (0: before the state is stored).
    Crash(u8),
    /// Somebody else writes the route.
    ForeignRoute(u8),
    /// The target is deleted.
    Delete,
    /// Primary's autoscaler wants this many pods.
    Autoscale(u32),
    /// The target's autoscaler does.
    AutoscaleTarget(u32),
}

/// A cluster as far as the machine can tell.
pub(super) struct Model {
    pub(super) rules: Rules,
    pub(super) state: State,
    pub(super) now: Timestamp,
    pub(super) target: Option<Workload>,
    pub(super) primary: Option<Workload>,
    pub(super) apex: ApexSide,
    pub(super) traffic: Traffic,
    pub(super) label: Option<TargetState>,
    pub(super) held: bool,
    pub(super) wanted: u32,
    pub(super) answer: u8,
    pub(super) pods_start: bool,
    pub(super) crash: Option<u8>,
    /// When the canary's pods last had traffic by route or apex.
    pub(super) last_traffic: Option<Timestamp>,
    /// Revisions that passed all their checks.
    pub(super) verified: Vec<u8>,
    pub(super) notes: Vec<Note>,
    /// The least that primary's autoscaler gives, where there is one.
    pub(super) twin: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Workload {
    pub(super) template: u8,
    pub(super) running: u8,
    pub(super) replicas: u32,
    pub(super) ready: u32,
}

pub(super) fn hash(template: u8) -> String {
    format!("v1-{template}")
}

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn rules(strategy: Strategy) -> Rules {
    Rules {
        strategy,
        promotion_step: 0,
        interval: seconds(10),
        threshold: 3,
        deadline: seconds(60),
        delay: Duration::ZERO,
        settle: seconds(1),
        drain: seconds(1),
        skip_analysis: false,
        suspended: false,
        leaving: false,
    }
}

impl Model {
    pub(super) fn cold(strategy: Strategy) -> Self {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        Self {
            rules: rules(strategy),
            state: State::new(now),
            now,
            target: Some(Workload {
                template: 1,
                running: 1,
                replicas: 0,
                ready: 0,
            }),
            primary: None,
            apex: ApexSide::Primary,
            traffic: Traffic::PRIMARY,
            label: Some(TargetState::Cold),
            held: false,
            wanted: 2,
            answer: 0,
            pods_start: true,
            crash: None,
            last_traffic: None,
            verified: vec![1],
            notes: Vec::new(),
            twin: None,
        }
    }

    pub(super) fn hot(strategy: Strategy) -> Self {
        let mut model = Self::cold(strategy);
        model.target = Some(Workload {
            template: 1,
            running: 1,
            replicas: 2,
            ready: 2,
        });
        model.apex = ApexSide::Target;
        model.traffic = Traffic::CANARY;
        model.label = Some(TargetState::Hot);
        model
    }

    pub(super) fn seen(&self) -> Observation {
        let rollout = |w: &Workload| {
            if w.ready >= w.replicas && (w.template == w.running || w.replicas == 0) {
                Rollout::Ready
            } else {
                Rollout::Waiting("pods".into())
            }
        };
        Observation {
            target: self.target.as_ref().map(|t| Target {
                replicas: t.replicas,
                wanted: self.effective(),
                paused: self.held,
                held: self.held,
                state: self.label,
                revision: hash(t.template),
                active: (t.replicas > 0).then(|| hash(t.running)),
                rollout: if self.held && t.ready >= t.replicas {
                    Rollout::Ready
                } else {
                    rollout(t)
                },
                endpoints: Some(if self.held || t.template == t.running {
                    t.ready
                } else {
                    0
                }),
                trouble: None,
                known: vec![hash(1), hash(2), hash(3), hash(t.template)],
                plain: true,
                dressed: true,
                fixed: false,
                bypassed: false,
            }),
            primary: self.primary.as_ref().map(|p| Primary {
                fixed: false,
                replicas: p.replicas,
                revision: Some(hash(p.template)),
                rollout: rollout(p),
                endpoints: Some(if p.template == p.running { p.ready } else { 0 }),
            }),
            scaler: self.twin.map(|_| Scaler { max: MOST }),
            apex: Some(self.apex),
            traffic: Some(self.traffic),
            routed: true,
            served: true,
            split: true,
            promoted: self.state.last_promoted.clone(),
            checks: self.state.due.filter(|due| *due <= self.now).map(|due| Checks {
                due,
                verdict: match self.answer {
                    0 => Verdict::Pass,
                    1 => Verdict::Fail("bad".into()),
                    2 => Verdict::NoData("none".into()),
                    _ => Verdict::Error("away".into()),
                },
            }),
        }
    }

    pub(super) fn happen(&mut self, what: &Happening) {
        match what {
            Happening::Apply(template) => {
                let serves = matches!(self.label, Some(TargetState::Serving | TargetState::Hot));
                if let Some(target) = self.target.as_mut().filter(|t| t.template != *template) {
                    target.template = *template;
                    self.held = self.held || (serves && target.replicas > 0);
                } else if self.target.is_none() {
                    self.target = Some(Workload {
                        template: *template,
                        running: *template,
                        replicas: 0,
                        ready: 0,
                    });
                    self.label = Some(TargetState::Rest);
                }
            }
            Happening::Bypass(template) => {
                if let Some(target) = &mut self.target {
                    target.template = *template;
                }
            }
            Happening::Scale(n) => self.wanted = *n,
            Happening::Wait(n) => self.now += seconds(u64::from(*n)),
            Happening::Pods(start) => self.pods_start = *start,
            Happening::Answer(answer) => self.answer = *answer,
            Happening::Crash(after) => self.crash = Some(*after),
            Happening::ForeignRoute(share) => self.traffic = Traffic::share(*share),
            Happening::Autoscale(n) => self.autoscale(*n),
            Happening::AutoscaleTarget(n) => self.autoscale_target(*n),
            Happening::Delete => {
                self.target = None;
                self.held = false;
                self.label = None;
            }
        }
        self.roll();
    }

    // What the Deployment controller and the kubelet do.
    pub(super) fn roll(&mut self) {
        let start = self.pods_start;
        let held = self.held;
        for (workload, held) in [(&mut self.target, held), (&mut self.primary, false)] {
            let Some(w) = workload else { continue };
            if !held && w.template != w.running {
                w.running = w.template;
                w.ready = 0;
            }
            w.ready = if start { w.replicas } else { w.ready.min(w.replicas) };
        }
    }

    pub(super) fn canary_has_traffic(&self) -> bool {
        self.traffic.canary() > 0 || self.apex == ApexSide::Target
    }

    pub(super) fn step(&mut self, foreign: bool) {
        if self.canary_has_traffic() {
            self.last_traffic = Some(self.now);
        }
        let seen = self.seen();
        let decision = step(&self.rules, &self.state, &seen, self.now);
        assert_eq!(
            decision,
            step(&self.rules, &self.state, &seen, self.now),
            "the same observation decides the same"
        );
        let mut budget = self.crash.take().map_or(u8::MAX, |after| after);
        if budget == 0 {
            return;
        }
        budget -= 1;
        self.before_it_is_stored(&decision);
        self.state = decision.state.clone();
        self.notes.extend(decision.notes.clone());
        self.write(&decision.world, budget, foreign);
        self.roll();
    }

    pub(super) fn before_it_is_stored(&mut self, decision: &Decision) {
        let (old, new) = (&self.state, &decision.state);
        assert!(
            new.failed_checks >= old.failed_checks || new.stage == Stage::Scaling,
            "failed checks only grow within a run"
        );
        let built = old.stage == Stage::Building && new.stage != Stage::Building;
        if built || new.stage == Stage::Cutover && old.stage != Stage::Cutover {
            let revision = new.last_applied.clone().unwrap();
            self.verified
                .extend([1u8, 2, 3].into_iter().filter(|t| hash(*t) == revision));
        }
    }

    // In the order of the executor; after `budget` writes the program is dead.
    pub(super) fn write(&mut self, world: &World, mut budget: u8, foreign: bool) {
        let mut spend = || {
            let left = budget > 0;
            budget = budget.saturating_sub(1);
            left
        };
        if let Some(target) = &mut self.target {
            let changes = world.target_state.is_some_and(|s| self.label != Some(s))
                || world.unpause
                || world.target_replicas.is_some_and(|r| r != target.replicas);
            if changes && spend() {
                if world.target_replicas.is_some_and(|r| r < target.replicas) {
                    let quiet = self.last_traffic.is_none_or(|at| self.now >= at + seconds(2));
                    assert!(foreign || quiet, "scaled down under traffic in {:?}", self.state);
                }
                self.label = world.target_state.or(self.label);
                target.replicas = world.target_replicas.unwrap_or(target.replicas);
                self.held = self.held && !world.unpause;
            }
        }
        if self.primary.is_some()
            && self.twin.is_some()
            && world.twin.is_some_and(|floor| Some(floor) != self.twin)
            && spend()
        {
            self.twin = world.twin;
        }
        self.write_primary(world, &mut spend, foreign);
        if let Some(apex) = world.apex.filter(|a| *a != self.apex)
            && spend()
        {
            self.assert_ready(apex == ApexSide::Target, 1, foreign);
            self.apex = apex;
        }
        if let Some(traffic) = world.traffic.filter(|t| *t != self.traffic)
            && spend()
        {
            if traffic.canary() > 0 && traffic.canary() > self.traffic.canary() {
                self.assert_ready(true, 1, foreign);
            }
            if traffic.primary() > self.traffic.primary() {
                self.assert_ready(false, 1, foreign);
            }
            self.traffic = traffic;
        }
    }

    pub(super) fn write_primary(&mut self, world: &World, spend: &mut impl FnMut() -> bool, foreign: bool) {
        let wanted = world.primary_replicas;
        if let (Some(_), Some(p), Some(n)) = (self.twin, &self.primary, wanted) {
            assert!(n >= p.replicas, "taken from its autoscaler: {p:?} {n} {:?}", self.state);
        }
        match (&world.primary, &mut self.primary) {
            (Some(PrimaryTemplate::Revision(hash_of)), primary) => {
                let template = [1u8, 2, 3].into_iter().find(|t| hash(*t) == *hash_of).unwrap();
                let replicas = wanted.or(primary.as_ref().map(|p| p.replicas)).unwrap_or(1);
                if primary
                    .as_ref()
                    .is_none_or(|p| p.template != template || p.replicas != replicas)
                    && spend()
                {
                    if let Some(p) = primary.as_ref().filter(|p| p.template != template && p.ready > 0) {
                        let idle = self.traffic == Traffic::CANARY && self.apex == ApexSide::Target;
                        let cold = self.label == Some(TargetState::Cold) || self.label == Some(TargetState::Hot);
                        assert!(
                            foreign || idle || cold,
                            "primary rolled under traffic: {p:?} {:?}",
                            self.state
                        );
                    }
                    let ready = primary.as_ref().map_or(0, |p| p.ready);
                    let running = primary.as_ref().map_or(template, |p| p.running);
                    *primary = Some(Workload {
                        template,
                        running,
                        replicas,
                        ready,
                    });
                }
            }
            (_, Some(primary)) => {
                if wanted.is_some_and(|r| r != primary.replicas) && spend() {
                    primary.replicas = wanted.unwrap_or(primary.replicas);
                }
            }
            (Some(PrimaryTemplate::Keep), None) | (None, None) => {}
        }
    }

    // Traffic only ever moves to a side that has ready pods, unless nobody is left or somebody else moved it.
    pub(super) fn assert_ready(&self, canary: bool, at_least: u32, foreign: bool) {
        if foreign || self.target.is_none() || !self.pods_start {
            return;
        }
        let side = if canary { &self.target } else { &self.primary };
        let wanted_none = side.as_ref().is_none_or(|s| s.replicas == 0);
        let ready = side.as_ref().map_or(0, |s| s.ready);
        assert!(
            ready >= at_least || wanted_none && !canary,
            "traffic to an unready side: {side:?} {:?}",
            self.state
        );
    }

    /// Steps, with time passing, until nothing changes any more.
    pub(super) fn settle(&mut self) {
        self.crash = None;
        let mut quiet = 0;
        for _ in 0..2_000 {
            let before = (
                self.state.clone(),
                self.traffic,
                self.apex,
                self.target.clone(),
                self.primary.clone(),
            );
            self.step(true);
            let same = before
                == (
                    self.state.clone(),
                    self.traffic,
                    self.apex,
                    self.target.clone(),
                    self.primary.clone(),
                );
            quiet = if same && self.state.stage == Stage::Rest {
                quiet + 1
            } else {
                0
            };
            if quiet == 3 {
                return;
            }
            if same {
                self.now += seconds(1);
            }
        }
        panic!("never came to rest: {:?}", self.state);
    }

    pub(super) fn assert_at_rest(&self) {
        let Some(target) = &self.target else { return };
        let primary = self.primary.as_ref().unwrap();
        assert_eq!(
            (target.replicas, self.label, self.held),
            (0, Some(TargetState::Rest), false),
            "{:?}",
            self.state
        );
        assert_eq!((self.traffic, self.apex), (Traffic::PRIMARY, ApexSide::Primary));
        assert_eq!(primary.replicas, self.effective());
        assert!(self.twin.is_none_or(|floor| floor == 0), "{:?}", self.state);
        assert_eq!(self.state.last_promoted, Some(hash(primary.template)));
        assert!(
            self.verified.contains(&primary.template),
            "primary serves what was never verified: {:?}",
            self.state
        );
        match self.state.phase {
            Phase::Initialized | Phase::Succeeded => assert_eq!(primary.template, target.template),
            Phase::Failed => assert_eq!(
                self.state.last_applied,
                Some(hash(target.template)),
                "no revision is lost"
            ),
            phase => panic!("at rest in {phase:?}"),
        }
    }
}
