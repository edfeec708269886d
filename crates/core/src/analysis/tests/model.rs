//! A cluster as far as the machine can tell.

mod ends;
mod happenings;
mod hooks;
mod invariants;
mod writes;

use super::histories::{scaled::MOST, table};
use crate::analysis::sizes::{enough, share_of};
use crate::analysis::*;
use crate::api::{
    canary::{HookType, Phase},
    labels::{ReleaseState, TargetState},
};
use crate::plan::ApexSide;
use crate::routing::Traffic;
use jiff::Timestamp;
use std::time::Duration;

pub(super) use happenings::Happening;
pub(super) use hooks::{GATES, Says};

use hooks::Receiver;

/// A cluster as far as the machine can tell.
pub(super) struct Model {
    pub(super) settings: RunSettings,
    pub(super) state: State,
    pub(super) now: Timestamp,
    pub(super) target: Option<Workload>,
    pub(super) primary: Option<Workload>,
    pub(super) apex: ApexSide,
    /// Another Service of the user's, which points at the target's pods as the apex did.
    pub(super) follower: ApexSide,
    pub(super) split: bool,
    /// The gateway can copy requests.
    pub(super) mirrors: bool,
    pub(super) traffic: Traffic,
    pub(super) label: Option<TargetState>,
    /// How far the release of the target's template is, as the target says.
    pub(super) release: Option<ReleaseState>,
    pub(super) held: bool,
    /// The target's template passed the webhook, or is noted to be known.
    pub(super) admitted: bool,
    /// The data of the config that all templates read.
    pub(super) config: u8,
    pub(super) config_gone: bool,
    pub(super) wanted: u32,
    pub(super) answer: u8,
    pub(super) pods_start: bool,
    /// How many pods there is room for.
    pub(super) room: u32,
    /// Changes pass the webhook, which holds them where the target serves.
    pub(super) webhook: bool,
    /// The Canary's provider moves weights.
    pub(super) weights: bool,
    /// Somebody else rolled pods or wrote a route past the webhook: what cannot be kept from happening is no fault, until
    /// the pair is at rest again.
    pub(super) foreign: bool,
    /// Primary's template is somebody else's.
    pub(super) edited: bool,
    /// The stage was entered by the step under way.
    pub(super) entered: bool,
    /// Every revision that a run was about.
    pub(super) shown: Vec<String>,
    pub(super) crash: Option<u8>,
    /// The timers that are recorded, which are all that a crash leaves.
    pub(super) recorded: (Option<Timestamp>, Option<Timestamp>),
    /// When the canary's pods last had traffic by route or apex.
    pub(super) last_traffic: Option<Timestamp>,
    /// Revisions that passed all their checks.
    pub(super) verified: Vec<String>,
    pub(super) events: Vec<ReleaseEvent>,
    /// The least that primary's autoscaler gives, where there is one.
    pub(super) autoscaler_min_replicas: Option<u32>,
    /// The other end of hooks.
    pub(super) receiver: Receiver,
    /// The annotations on the Canary.
    pub(super) annotated: Commands,
    /// How often the Canary was edited or annotated.
    pub(super) edits: u32,
    /// The API server lets nobody make primary.
    pub(super) refuses: bool,
    /// It lets nobody make primary's pods.
    pub(super) no_pods: bool,
    /// The template whose pods may not run beside primary.
    pub(super) apart: Option<u8>,
    /// Its gateway has not taken up the route as it is.
    pub(super) pending: bool,
    /// Its gateway may not know of every Service.
    pub(super) unnamed: bool,
    /// Since when the target is held for a primary that does not come to be.
    pub(super) outruns: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Workload {
    pub(super) template: u8,
    pub(super) running: u8,
    pub(super) replicas: u32,
    pub(super) ready: u32,
    /// What its pods read when they started; of primary, what its copy holds.
    pub(super) read: u8,
}

/// Room for everything.
const PLENTY: u32 = 100;

/// The revision of a template whose pods read the config as it is at first.
pub(super) fn hash(template: u8) -> String {
    revision(template, 1)
}

pub(super) fn revision(template: u8, config: u8) -> String {
    format!("v1-{template}+c{config}")
}

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn settings(strategy: Strategy) -> RunSettings {
    RunSettings {
        strategy,
        mirror: Vec::new(),
        most_checks: None,
        all_at_once: false,
        sessions: None,
        promotion_step: 0,
        interval: seconds(10),
        threshold: 3,
        canary_threshold: 100,
        primary_threshold: 100,
        deadline: seconds(60),
        delay: Duration::ZERO,
        settle: seconds(1),
        drain: seconds(1),
        skip_analysis: false,
        analysis_demanded: false,
        hooks: Default::default(),
        queue: false,
        dry_run: false,
        suspended: false,
        leaving: false,
    }
}

impl Model {
    pub(super) fn cold(strategy: Strategy) -> Self {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        Self {
            settings: settings(strategy),
            state: State::new(now),
            now,
            target: Some(Workload {
                template: 1,
                running: 1,
                replicas: 0,
                ready: 0,
                read: 1,
            }),
            primary: None,
            apex: ApexSide::Primary,
            follower: ApexSide::Primary,
            split: true,
            mirrors: true,
            traffic: Traffic::PRIMARY,
            label: Some(TargetState::Cold),
            release: Some(ReleaseState::Pending),
            held: false,
            admitted: true,
            config: 1,
            config_gone: false,
            wanted: 2,
            answer: 0,
            pods_start: true,
            room: PLENTY,
            webhook: true,
            weights: true,
            foreign: false,
            edited: false,
            entered: false,
            shown: vec![hash(1)],
            crash: None,
            recorded: (None, None),
            last_traffic: None,
            verified: vec![hash(1)],
            events: Vec::new(),
            autoscaler_min_replicas: None,
            receiver: Receiver::default(),
            annotated: Commands::default(),
            edits: 0,
            refuses: false,
            no_pods: false,
            apart: None,
            pending: false,
            unnamed: false,
            outruns: None,
        }
    }

    pub(super) fn hot(strategy: Strategy) -> Self {
        let mut model = Self::cold(strategy);
        model.target = Some(Workload {
            template: 1,
            running: 1,
            replicas: 2,
            ready: 2,
            read: 1,
        });
        (model.apex, model.follower) = (ApexSide::Target, ApexSide::Target);
        model.traffic = Traffic::CANARY;
        model.label = Some(TargetState::Hot);
        // It was there before anybody marked anything.
        model.release = None;
        model
    }

    pub(super) fn seen(&self) -> Observation {
        let rollout = |w: &Workload, threshold: u32| {
            if w.ready >= enough(w.replicas, threshold) && (w.template == w.running || w.replicas == 0) {
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
                revision: self.now_is(t.template),
                active: (t.replicas > 0).then(|| self.now_is(t.running)),
                rollout: if self.held && t.ready >= enough(t.replicas, self.settings.canary_threshold) {
                    Rollout::Ready
                } else {
                    rollout(t, self.settings.canary_threshold)
                },
                endpoints: Some(if self.held || t.template == t.running {
                    t.ready
                } else {
                    0
                }),
                trouble: None,
                known: [1, 2, 3, t.template].map(|template| self.now_is(template)).to_vec(),
                apart: (self.apart == Some(t.template)).then(|| String::from("one pod's volume")),
                missing: self.config_gone.then(|| String::from("ConfigMap app")),
                plain: true,
                restorable: true,
                overridden: true,
                fixed: false,
                bypassed: self.webhook && !self.admitted,
            }),
            primary: self.primary.as_ref().map(|p| Primary {
                fixed: false,
                replicas: p.replicas,
                revision: Some(revision(p.template, p.read)),
                edited: self.edited,
                rollout: if self.edited {
                    Rollout::Waiting("somebody else changed its template".into())
                } else {
                    rollout(p, self.settings.primary_threshold)
                },
                has_pods: p.replicas == 0 || p.ready > 0 || !self.no_pods,
                endpoints: Some(if p.template == p.running { p.ready } else { 0 }),
            }),
            inherited: None,
            scaler: self.autoscaler_min_replicas.map(|_| Scaler { max: MOST }),
            apex: Some(self.apex).filter(|apex| *apex == self.follower),
            traffic: Some(self.traffic),
            routed: self.weights || self.split,
            refused: (self.refuses && self.primary.is_none()).then(|| String::from("refused")),
            route_trouble: None,
            pending: self.pending,
            webhook: self.webhook,
            mirrors: self.mirrors,
            tests_nobody: false,
            bypassed: None,
            served: true,
            split: self.split,
            led: self.split,
            unnamed: self.unnamed,
            promoted: self.state.last_promoted.clone(),
            answers: self.receiver.answers.clone(),
            edition: self.edits.to_string(),
            commands: self.annotated,
            checks: self.state.due.filter(|due| *due <= self.now).map(|due| Checks {
                due,
                verdict: match self.answer {
                    0 => Verdict::Pass,
                    1 => Verdict::Fail("bad".into()),
                    2 => Verdict::NoData("none".into()),
                    4 => Verdict::Early("early".into()),
                    5 => Verdict::Unsupported("not built".into()),
                    _ => Verdict::Error("away".into()),
                },
            }),
        }
    }

    /// The revision of a template with the config of now; without one it is yet another.
    pub(super) fn now_is(&self, template: u8) -> String {
        revision(template, if self.config_gone { 0 } else { self.config })
    }

    /// Nothing holds anything up any more.
    pub(super) fn everybody_agrees(&mut self) {
        self.receiver = Receiver::default();
        self.room = PLENTY;
        self.refuses = false;
        self.no_pods = false;
        self.webhook = true;
        self.weights = true;
        self.settings.suspended = false;
        self.settings.dry_run = false;
        self.settings.leaving = false;
    }

    // What the Deployment controller and the kubelet do.
    pub(super) fn roll(&mut self) {
        let (config, gone, no_pods) = (self.config, self.config_gone, self.no_pods);
        let ready = |w: &Option<Workload>| w.as_ref().map_or(0, |w| w.ready);
        let mut taken = ready(&self.target) + ready(&self.primary);
        let mut others = false;
        let target = self.target.as_mut().map(|w| (w, self.held, true));
        let primary = self.primary.as_mut().map(|w| (w, false, false));
        for (w, held, reads_originals) in target.into_iter().chain(primary) {
            if !held && w.template != w.running {
                w.running = w.template;
                taken -= w.ready;
                w.ready = 0;
            }
            let start = self.pods_start && !(reads_originals && gone) && (reads_originals || !no_pods);
            if start && w.ready == 0 && w.replicas > 0 && reads_originals {
                w.read = config;
                // Pods that start again between two looks read what is there just then, and nobody can tell.
                others |= self.state.last_applied.as_ref() != Some(&revision(w.running, config));
            }
            let room = if start { self.room.saturating_sub(taken) } else { 0 };
            let before = w.ready;
            w.ready = w.replicas.min(w.ready + room);
            taken = taken + w.ready - before;
        }
        self.foreign |= others && self.state.stage.in_run();
    }

    pub(super) fn canary_has_traffic(&self) -> bool {
        let services = [self.apex, self.follower];
        self.split && self.traffic.reaches_canary() || services.contains(&ApexSide::Target)
    }

    pub(super) fn step(&mut self) {
        if self.canary_has_traffic() && self.target.as_ref().is_some_and(|t| t.ready > 0) {
            self.last_traffic = Some(self.now);
        }
        let seen = self.seen();
        let outcome = step(&self.settings, &self.state, &seen, self.now);
        assert_eq!(
            outcome,
            step(&self.settings, &self.state, &seen, self.now),
            "the same observation decides the same"
        );
        let crash = self.crash.take();
        let mut budget = crash.map_or(u8::MAX, |after| after);
        if crash.is_some() {
            // Whoever asks anew has heard nothing.
            self.receiver.answers.clear();
        }
        if budget == 0 {
            self.forget_timers();
            return;
        }
        budget -= 1;
        self.before_it_is_stored(&outcome, &seen);
        table::note(&self.state, &outcome.state);
        self.entered = self.state.stage != outcome.state.stage;
        // A command that is followed is all of a step.
        let granted = self.state.commands != outcome.state.commands;
        if outcome.state.stage == Stage::Scaling {
            self.shown.extend(outcome.state.last_applied.clone());
        }
        self.record_timers(&outcome);
        self.state = outcome.state.clone();
        self.events.extend(outcome.events.clone());
        if outcome.take_annotations && budget > 0 {
            budget -= 1;
            self.annotated = Commands::default();
            self.edits += 1;
        }
        self.write(&outcome.desired, budget);
        if crash.is_none() {
            self.the_hold_never_outruns_the_pair(&seen, !granted);
        }
        self.only_what_was_released_serves();
        self.whatever_points_at_the_pods_follows();
        self.roll();
        self.forgive();
        if crash.is_none() {
            self.receiver.hear(&outcome.questions, self.now);
        } else {
            self.forget_timers();
        }
    }

    fn record_timers(&mut self, outcome: &StepOutcome) {
        let next = &outcome.state;
        let timers = State {
            moved_at: next.moved_at,
            due: next.due,
            ..self.state.clone()
        };
        let unrecorded = timers == *next && (self.recorded.1.is_none() || self.recorded.1 == next.due);
        if !unrecorded || outcome.timed {
            self.recorded = (next.moved_at, next.due);
        }
    }

    fn forget_timers(&mut self) {
        (self.state.moved_at, self.state.due) = self.recorded;
        if self.state.stage == Stage::Building {
            self.state.stalled = None;
            self.outruns = None;
        }
    }

    pub(super) fn before_it_is_stored(&mut self, outcome: &StepOutcome, seen: &Observation) {
        let (old, new) = (&self.state, &outcome.state);
        let begins = matches!(new.stage, Stage::Scaling | Stage::Waiting);
        self.assert_shown_as_asked(new);
        assert!(
            new.traffic_since.is_none() || new.stage == Stage::Analysing && !new.dry_run,
            "only a revision with traffic is tried"
        );
        assert!(
            new.failed_checks >= old.failed_checks || begins,
            "failed checks only grow within a run"
        );
        hooks::assert_allowed(&self.settings, old, new, seen);
        let built = old.stage == Stage::Building && new.stage != Stage::Building;
        if built || new.stage == Stage::Cutover && old.stage != Stage::Cutover {
            self.verified.extend(new.last_applied.clone());
        }
    }

    // Only who was named sees the revision, nothing is copied that was not to be, and cookies exist where they are promised.
    fn assert_shown_as_asked(&self, new: &State) {
        let intent = new.intent;
        assert!(
            !intent.matched || matches!(self.settings.strategy, Strategy::Matched(_)),
            "{new:?}"
        );
        assert!(
            intent.mirror == 0 || self.settings.mirror.contains(&intent.mirror),
            "{new:?}"
        );
        assert!(
            !intent.sticky || self.settings.sessions.is_some() && new.cookies.canary.is_some(),
            "{new:?}"
        );
        if new.stage == Stage::Analysing {
            let all_at_last = matches!(self.settings.strategy, Strategy::Iterations(of) if new.iterations > of);
            match &self.settings.strategy {
                Strategy::Weighted(steps) => {
                    assert!(intent.canary() == 0 || steps.contains(&intent.canary()), "{new:?}")
                }
                Strategy::Matched(of) => assert!(
                    intent.matched && intent.canary() == 0 && new.iterations <= *of,
                    "{new:?}"
                ),
                Strategy::Iterations(_) => assert_eq!(intent.canary(), if all_at_last { 100 } else { 0 }, "{new:?}"),
            }
        }
    }
}
