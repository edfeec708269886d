//! From live objects to what a step looks at. Pure.
//!
//! Before it, [`gather`] takes the objects of a pair out of the caches of [`watch`](super::watch); after it,
//! [`crate::analysis`] decides by what was observed.

pub mod beside;
pub mod bypassed;
pub mod gather;
mod halves;
pub mod kept;
mod left;
mod live_workload;
pub mod pod_diagnostics;
pub mod pods;
mod readiness;
mod routes;
pub mod shut_out;
mod wanted;

use super::watch::pair::live::Live;
use crate::{
    analysis::{Checks, Commands, Observation, Scaler, Stage, State},
    plan::{ApexSide, Blueprint, Selector},
};
use halves::Halves;
use routes::Routes;
use serde_json::Value;
use wanted::{Decides, decides};

/// How ready is ready, in percent (`canaryReadyThreshold`, `primaryReadyThreshold`).
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    /// Of the pods of the target.
    pub canary: u32,
    /// Of the pods of primary.
    pub primary: u32,
}

/// What is seen of a pair. `webhook` says that the namespace is opted in, so every change should have passed admission.
pub fn observe(
    live: &Live,
    selector: &Selector,
    blueprint: &Blueprint,
    thresholds: Thresholds,
    webhook: bool,
    state: &State,
    checks: Option<Checks>,
) -> Observation {
    let building = matches!(state.stage, Stage::Building | Stage::Switching);
    // Nothing of a Service rolls, and nobody is served by what it selects.
    let rolls = blueprint.workload.rolls();
    let halves = Halves {
        live,
        blueprint,
        carrying: live.carrying(blueprint, building).filter(|_| rolls).collect(),
        thresholds,
        webhook,
    };
    let primary = halves.primary();
    let nodes = primary.as_ref().map(|primary| primary.replicas);
    let routes = Routes { live, blueprint };
    let (split, missing) = (routes.are_split(), routes.missing().filter(|_| !building));
    Observation {
        target: live.target.as_ref().map(|object| halves.target(object, nodes)),
        primary,
        inherited: None,
        scaler: scaler(live, blueprint),
        apex: side(live, selector),
        traffic: routes.traffic(state.intent),
        // A route that names a half moves users, whatever the Canary's provider is by now.
        routed: split || missing.is_some() || routes.move_users(),
        refused: None,
        route_trouble: missing.or_else(|| routes.trouble()),
        pending: routes.are_pending(),
        webhook: webhook || !rolls,
        mirrors: routes.mirror(),
        tests_nobody: routes.test_nobody(),
        bypassed: None,
        served: rolls && (blueprint.names.is_some() || !live.pointing.followers.is_empty()),
        split,
        led: routes.lead_to_halves(),
        unnamed: routes.are_unnamed(),
        promoted: state.last_promoted.clone(),
        checks,
        answers: Vec::new(),
        edition: String::new(),
        commands: Commands::default(),
    }
}

fn scaler(live: &Live, blueprint: &Blueprint) -> Option<Scaler> {
    match decides(live, blueprint) {
        Decides::Scaler(_, bounds) => Some(Scaler { max: bounds.max }),
        Decides::Author | Decides::AuthorAgain => None,
    }
}

// Where all that points at the pods sends everybody; nowhere while they differ.
fn side(live: &Live, selector: &Selector) -> Option<ApexSide> {
    let followers = live.pointing.followers.iter().map(|follower| &follower.service);
    let mut sides = live
        .apex
        .iter()
        .chain(followers)
        .map(|service| apex_side(service, selector, live.target.as_ref()));
    let first = sides.next()??;
    sides.all(|side| side == Some(first)).then_some(first)
}

/// Whom a Service selects: primary's pods when it names a label that only they have, the target's when it matches those.
pub fn apex_side(apex: &Value, selector: &Selector, target: Option<&Value>) -> Option<ApexSide> {
    let selects = apex
        .pointer("/spec/selector")?
        .as_object()
        .filter(|all| !all.is_empty())?;
    let pods = target
        .and_then(|t| t.pointer("/spec/template/metadata/labels"))
        .and_then(Value::as_object);
    let pods = pods.cloned().unwrap_or_else(|| selector.target_labels());
    if selector.picks_primary(selects, &pods) {
        return Some(ApexSide::Primary);
    }
    selects
        .iter()
        .all(|(key, value)| pods.get(key) == Some(value))
        .then_some(ApexSide::Target)
}
