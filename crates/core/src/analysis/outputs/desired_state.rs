//! What a stage wants to be true.

mod beside;
mod release;
mod scalers;

use crate::analysis::{Observation, RunSettings, Stage, State, sizes::returning_size};
use crate::api::labels::{ReleaseState, TargetState};
use crate::plan::ApexSide;
use crate::routing::Traffic;

/// What primary's template is to be made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrimaryTemplate {
    /// As it is; made from the promoted revision when it does not exist.
    Keep,
    /// The target's revision with this hash; primary carries nothing meanwhile.
    Revision(String),
    /// This revision again, which it was made from: somebody else changed its template. It goes on serving.
    Restored(String),
}

/// The level a stage asks for. `None` leaves a thing as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredState {
    /// The target's replicas.
    pub target_replicas: Option<u32>,
    /// The label `coalmine.dev/state`.
    pub target_state: Option<TargetState>,
    /// The label `coalmine.dev/release`: how far the release of the target's template is.
    pub release: Option<ReleaseState>,
    /// Take our own pause off.
    pub unpause: bool,
    /// Pause the target, so that no change of its template rolls pods that serve; where the webhook does not hold it.
    pub pause: bool,
    /// The target's template is to be this revision (only when leaving).
    pub target_revision: Option<String>,
    /// Whether the target's template has what the Canary wants of canary pods only.
    pub target_pods: Option<Pods>,
    /// Label the target with the revision of its template, which bypassed the webhook and is taken up by this run.
    pub admit: bool,
    /// What primary is made from; `None` leaves it.
    pub primary: Option<PrimaryTemplate>,
    /// Primary's replicas; `None` leaves them as they are.
    pub primary_replicas: Option<u32>,
    /// Primary's autoscaler exists and gives it at least this many pods; `None` leaves it as it is.
    pub autoscaler_min_replicas: Option<u32>,
    /// Whether an autoscaler of the target's that would start pods from 0 is paused.
    pub target_scaler_paused: Option<bool>,
    /// Whom the apex selects.
    pub apex: Option<ApexSide>,
    /// What traffic does.
    pub traffic: Option<Traffic>,
    /// Where data planes hear of routes and of Services apart, routes name every Service of the pair: those that are to have no
    /// share without one.
    pub named: bool,
    /// Fold the route, give the apex its own selector back, take primary and labels away.
    pub dismantle: Dismantle,
}

/// What the target's template says of its pods' places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pods {
    /// What its author wrote.
    Plain,
    /// What the Canary wants of canary pods (`canaryAnalysis.templateVariables`).
    Overridden,
}

/// How much of the pair is being taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dismantle {
    /// The pair stays as it is.
    No,
    /// Traffic goes back to the user's own shape: selector and route.
    Traffic,
    /// Everything of ours goes.
    Everything,
}

impl DesiredState {
    /// The desired state that changes nothing.
    pub fn untouched() -> Self {
        Self {
            target_replicas: None,
            target_state: None,
            release: None,
            unpause: false,
            pause: false,
            target_revision: None,
            target_pods: None,
            admit: false,
            primary: None,
            primary_replicas: None,
            autoscaler_min_replicas: None,
            target_scaler_paused: None,
            apex: None,
            traffic: None,
            named: false,
            dismantle: Dismantle::No,
        }
    }

    /// The desired state of a state: one table of all stages, to be read beside the one in [`crate::analysis`].
    pub fn of(settings: &RunSettings, state: &State, seen: &Observation) -> Self {
        if settings.suspended && !settings.leaving {
            return Self::untouched();
        }
        let Some(target) = &seen.target else {
            return Self::without_target(state).put_right(state, seen);
        };
        // Flagger's primary has no pods yet, and nothing of ours is to be made over it.
        if state.stage == Stage::Building && state.inherits(seen).is_some() {
            return Self::untouched();
        }
        let wanted = target.wanted;
        // Production grows with what is wanted, whatever else is under way; it shrinks at rest.
        let grown = seen
            .primary
            .as_ref()
            .filter(|p| seen.scaler.is_none() && p.replicas < wanted)
            .map(|_| wanted);
        let unguarded = !seen.webhook || target.bypassed;
        let revision = || state.last_applied.clone().map(PrimaryTemplate::Revision);
        // An autoscaler may have given the target more already.
        let started = seen.scaler.map_or(0, |_| target.replicas);
        // Whoever serves everybody does not get fewer pods, whatever is wanted by now.
        let serving = if state.intent == Traffic::CANARY {
            target.replicas
        } else {
            started
        };
        let base = Self {
            target_state: Some(TargetState::Serving),
            primary: Some(PrimaryTemplate::Keep),
            apex: Some(ApexSide::Primary),
            traffic: Some(state.traffic()),
            admit: target.bypassed && state.knows(&target.revision),
            primary_replicas: grown,
            release: release::of(state, &target.revision),
            pause: unguarded && !target.held && state.stage.target_serves(),
            ..Self::untouched()
        };
        let desired = match state.stage {
            Stage::Building if settings.dry_run => Self::untouched(),
            Stage::Building if state.is_adopted() => Self::adopted(),
            Stage::Building => Self::building(state, seen),
            Stage::Switching => Self {
                target_state: Some(TargetState::Hot),
                apex: Some(ApexSide::of(state.intent)),
                named: true,
                // Nobody waits for what the API server does not let happen.
                unpause: target.held && seen.refused.is_some(),
                ..base
            },
            Stage::Rest | Stage::Waiting => Self {
                target_replicas: Some(0),
                target_state: Some(TargetState::Rest),
                unpause: target.held,
                primary_replicas: Some(wanted),
                ..base
            },
            // No traffic yet: the one stage in which canary pods may move to other nodes.
            Stage::Scaling => Self {
                target_pods: Some(Pods::Overridden),
                target_replicas: Some(state.run_size(target, seen).max(started)),
                unpause: target.held && !settings.queues(state, target),
                ..base
            },
            Stage::Emptying => Self {
                target_replicas: Some(0),
                unpause: target.held,
                ..base
            },
            Stage::Carrying => {
                let primary = seen.primary.as_ref().map_or(0, |p| p.replicas);
                Self {
                    target_replicas: Some(target.replicas.max(wanted).max(primary).max(1)),
                    ..base
                }
            }
            Stage::Cutover => Self {
                apex: Some(ApexSide::Target),
                ..base
            },
            Stage::Replacing => Self {
                apex: Some(ApexSide::Target),
                primary: revision(),
                primary_replicas: Some(returning_size(seen)),
                ..base
            },
            Stage::Returning | Stage::Draining => Self {
                primary_replicas: Some(returning_size(seen)),
                ..base
            },
            Stage::LeavingScale => Self {
                target_replicas: Some(
                    // Without primary, whatever the target has is all there is.
                    seen.primary
                        .as_ref()
                        .map_or(target.replicas, |p| p.replicas)
                        .max(wanted)
                        .max(serving),
                ),
                target_state: Some(TargetState::Hot),
                apex: Some(ApexSide::of(state.intent)),
                named: true,
                target_revision: state.last_promoted.clone(),
                target_pods: Some(Pods::Plain),
                unpause: target.held,
                ..base
            },
            Stage::LeavingSwitch => Self {
                target_state: Some(TargetState::Hot),
                apex: None,
                traffic: None,
                dismantle: Dismantle::Traffic,
                ..base
            },
            Stage::Left => Self {
                dismantle: Dismantle::Everything,
                ..Self::untouched()
            },
            Stage::Settling | Stage::Analysing | Stage::Faltering => Self {
                target_replicas: Some(state.run_size(target, seen)).filter(|size| *size > target.replicas),
                ..base
            },
            Stage::Restarting | Stage::RollingBack | Stage::Cancelling => base,
        };
        desired.put_right(state, seen).with_scalers(state, seen)
    }

    // Somebody else changed what primary runs. While everything is on the target it is about to be made anew anyway.
    fn put_right(self, state: &State, seen: &Observation) -> Self {
        let edited = seen.primary.as_ref().is_some_and(|primary| primary.edited);
        let made_from = match state.stage {
            Stage::Cutover => None,
            Stage::Returning | Stage::Draining => state.last_applied.clone(),
            _ => state.last_promoted.clone(),
        };
        match (self.primary, made_from) {
            (Some(PrimaryTemplate::Keep), Some(revision)) if edited => Self {
                primary: Some(PrimaryTemplate::Restored(revision)),
                ..self
            },
            (primary, _) => Self { primary, ..self },
        }
    }

    // Primary serves everybody who comes by the apex, and is named by routes before anybody is led to it by them.
    fn adopted() -> Self {
        Self {
            primary: Some(PrimaryTemplate::Keep),
            apex: Some(ApexSide::Primary),
            named: true,
            ..Self::untouched()
        }
    }

    // Hot, see [`DesiredState::beside`]. Cold: nothing serves, so the shape of rest is inert and primary follows the target's newest template until it serves; what comes after is
    // released like any other change.
    fn building(state: &State, seen: &Observation) -> Self {
        let Some(target) = &seen.target else {
            return Self::untouched();
        };
        if target.is_hot() || state.is_unbuilt() {
            return Self::beside(target, state, seen);
        }
        Self {
            target_replicas: Some(0),
            target_state: Some(if state.last_promoted.is_some() {
                TargetState::Rest
            } else {
                TargetState::Cold
            }),
            // Pods of a primary without its configs would only hang.
            primary: (target.missing.is_none() && !state.primary_serves())
                .then(|| PrimaryTemplate::Revision(target.revision.clone())),
            primary_replicas: Some(target.wanted),
            apex: Some(ApexSide::Primary),
            traffic: Some(Traffic::PRIMARY),
            ..Self::untouched()
        }
    }

    // The target was deleted: primary serves on. Where it was about to become the verified revision, it does.
    fn without_target(state: &State) -> Self {
        let verified = || state.last_applied.clone().map(PrimaryTemplate::Revision);
        let primary = match state.stage {
            Stage::Building | Stage::LeavingScale | Stage::LeavingSwitch => return Self::untouched(),
            Stage::Left => {
                return Self {
                    dismantle: Dismantle::Everything,
                    ..Self::untouched()
                };
            }
            Stage::Replacing | Stage::Returning | Stage::Draining => verified(),
            _ => Some(PrimaryTemplate::Keep),
        };
        Self {
            primary,
            apex: Some(ApexSide::Primary),
            traffic: Some(Traffic::PRIMARY),
            ..Self::untouched()
        }
    }
}
