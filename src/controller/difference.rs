//! The writes that make the live objects what a [`DesiredState`] wants. Pure; no difference, no write.
//!
//! Order: the target is labelled and scaled up first, then history, Services, primary, apex, route. Scaling down needs no place
//! of its own: a stage wants it only when its traffic is known to have left.
//!
//! Before it, [`crate::analysis`] decides which desired state that is; after it, [`status`](super::status) records the decision, and
//! [`apply`](super::effects::apply) carries the writes out.

mod dismantle;
mod metadata;
mod primary;
mod routes;
mod services;
mod target;
pub mod write;

pub use dismantle::{left_behind::left_behind, originals::unrestored};

use super::watch::{
    informers::cache::Kind,
    pair::{
        live::Live,
        owners::{is_a_canarys, is_flaggers_orphan, is_owned_by},
        rivals::is_a_rivals,
    },
};
use crate::object::{label, text};
use crate::{
    analysis::{DesiredState, Dismantle, Observation, Primary},
    api::labels::{self, TargetState},
    patches,
    plan::{Blueprint, Selector, configs::Reference},
};
use json_patch::{Patch, PatchOperation};
use serde_json::{Map, Value};
use write::Write;

/// What keeps a desired state from being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// An object of that kind and name exists and is not ours.
    Name(&'static str, String),
    /// The Service of the apex's name points at nobody's pods of this pair.
    Apex(String),
    /// No stored object remembers the template of this revision.
    LostRevision(String),
    /// A config whose data is to be copied is gone, or has other data by now.
    LostConfig(Reference),
}

impl Conflict {
    /// Whether there is no primary, or no way to it, without what is in the way.
    pub fn keeps_from_building(&self) -> bool {
        // Targets that are their own routes are never in the way, and may be called like the halves.
        let is_half = |name: &str| Kind::Service.resource().kind == name;
        let beside = |name: &str| {
            let scalers = [Kind::HorizontalPodAutoscaler, Kind::ScaledObject];
            let mut all = Kind::routes().chain(scalers);
            !is_half(name) && all.any(|kind| kind.resource().kind == name)
        };
        !matches!(self, Self::Name(kind, _) if beside(kind))
    }
}

/// Everything a difference is made from.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The live objects.
    pub live: &'a Live,
    /// How the halves are told apart.
    pub selector: &'a Selector,
    /// What the Canary wants of its objects.
    pub blueprint: &'a Blueprint,
    /// What was seen.
    pub seen: &'a Observation,
}

/// The writes from `pair` to `desired`, in order, and what could not be done.
pub fn difference(desired: &DesiredState, pair: Pair<'_>) -> (Vec<Write>, Vec<Conflict>) {
    let mut writes = Vec::new();
    let mut conflicts = Vec::new();
    if desired.dismantle == Dismantle::Everything {
        return (ended(desired, pair), conflicts);
    }
    // Two that claim one Service would overwrite each other for ever, so neither writes it.
    if let Some(conflict) = pair.contested(desired) {
        // The target is nobody else's: what was held of it is given back all the same.
        if desired.apex.is_none() && desired.target_state == Some(TargetState::Hot) {
            pair.target(desired, &mut writes);
        }
        return (writes, vec![conflict]);
    }
    pair.target_scaler(desired, &mut writes);
    pair.target(desired, &mut writes);
    pair.history(desired, &mut writes);
    if desired.primary.is_some() {
        pair.halves(desired, &mut writes, &mut conflicts);
    }
    // What exists is bounded before it is resized; what is made finds something to scale.
    let exists = pair.live.primary.is_some();
    if exists {
        pair.autoscaler(desired, &mut writes, &mut conflicts);
    }
    pair.primary(desired, &mut writes, &mut conflicts);
    if !exists {
        pair.autoscaler(desired, &mut writes, &mut conflicts);
    }
    pair.apex(desired, &mut writes, &mut conflicts);
    pair.routes(desired, &mut writes, &mut conflicts);
    pair.followers(desired, &mut writes);
    pair.retired_autoscalers(desired, &mut writes);
    if desired.primary.is_some() {
        pair.unblocked(&mut writes);
        pair.budgets(&mut writes);
    }
    pair.followers_halves(desired, &mut writes, &mut conflicts);
    pair.successor(desired, &mut writes, &mut conflicts);
    (writes, conflicts)
}

// The writes that make the target a plain one again.
fn ended(desired: &DesiredState, pair: Pair<'_>) -> Vec<Write> {
    let mut writes = Vec::new();
    pair.named_no_more(&mut writes);
    pair.resumed(&mut writes);
    pair.dismantle(&mut writes);
    pair.dismantle_budgets(&mut writes);
    pair.retired_autoscalers(desired, &mut writes);
    pair.given_back_last(&mut writes);
    pair.dismantle_destinations(&mut writes);
    writes
}

impl Pair<'_> {
    // Whether what users call is made where it is missing: what a policy named, once primary can answer.
    fn may_be_called(&self) -> bool {
        let answers =
            |primary: &Primary| primary.rollout.is_ready() && (primary.replicas == 0 || primary.endpoints != Some(0));
        !self.blueprint.names_by_policy() || self.seen.primary.as_ref().is_some_and(answers)
    }

    // What the target and primary are.
    fn kind(&self) -> Kind {
        Kind::of(self.blueprint.workload)
    }

    // Ours: made by us for this Canary, or for one that is gone, whose children the collector has not reached yet; or by
    // Flagger, and restored from a backup without its owner.
    fn is_ours(&self, object: &Value) -> bool {
        // The collector takes the Canary from the owners of what the target owns too.
        let targets = self.blueprint.target_uid.as_deref();
        if is_a_rivals(object, &self.live.rivals) {
            return false;
        }
        label(object, labels::GENERATED).is_some()
            || is_a_canarys(object)
            || targets.is_some_and(|uid| is_owned_by(object, uid))
            || is_flaggers_orphan(object)
    }
}

fn test_version(object: &Value) -> PatchOperation {
    let version = text(object, "/metadata/resourceVersion");
    patches::test(["metadata", "resourceVersion"], version)
}

fn patch(kind: Kind, object: &Value, operations: Vec<PatchOperation>) -> Write {
    Write::Patch {
        kind,
        namespace: text(object, "/metadata/namespace").to_owned(),
        name: text(object, "/metadata/name").to_owned(),
        operations: Patch(operations),
    }
}

/// Whether `live` has everything `wanted` says. Lists are compared item by item, each by the same rule, so that members
/// the API server adds by default do not count as a difference.
fn contains(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().all(|(key, value)| match live.get(key) {
            Some(live) if key == "selector" => live == value,
            // They have no order.
            Some(Value::Array(live)) if key == "ownerReferences" => {
                let mut owners = value.as_array().into_iter().flatten();
                owners.all(|owner| live.iter().any(|live| contains(live, owner)))
            }
            Some(live) => contains(live, value),
            None => value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty),
        }),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() >= wanted.len() && wanted.iter().zip(live).all(|(wanted, live)| contains(live, wanted))
        }
        (live, wanted) => live == wanted,
    }
}

#[cfg(test)]
pub(super) mod tests;
