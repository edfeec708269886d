//! Primary's autoscaler, a copy of the user's, and the pause of the target's own.

use crate::controller::difference::{Conflict, Pair, contains};
use crate::object::{annotation, text};
use crate::{
    analysis::{DesiredState, Dismantle},
    controller::{difference::write::Write, watch::informers::cache::Kind},
    plan::{ScalerKind, primary::autoscaler::PAUSED_REPLICAS},
};
use serde_json::{Value, json};

// KEDA's word for "no pods".
const NONE: &str = "0";

impl Pair<'_> {
    // The pause comes before the target goes to 0, its end before the target starts: KEDA would undo either.
    pub(in crate::controller::difference) fn target_scaler(&self, desired: &DesiredState, writes: &mut Vec<Write>) {
        match desired.target_scaler_paused {
            Some(true) => self.paused(writes),
            Some(false) => self.resumed(writes),
            None => {}
        }
    }

    fn paused(&self, writes: &mut Vec<Write>) {
        let Some(scaler) = &self.blueprint.autoscaler else {
            return;
        };
        let Some(object) = &self.live.scaler else { return };
        if scaler.kind == ScalerKind::ScaledObject && annotation(object, PAUSED_REPLICAS) != Some(NONE) {
            writes.push(self.annotated(object, json!(NONE)));
        }
    }

    // Whatever scales the target, also what the Canary does not name any more.
    pub(in crate::controller::difference) fn resumed(&self, writes: &mut Vec<Write>) {
        for object in &self.live.target_scaled_objects {
            if annotation(object, PAUSED_REPLICAS) == Some(NONE) {
                writes.push(self.annotated(object, Value::Null));
            }
        }
    }

    fn annotated(&self, object: &Value, value: Value) -> Write {
        Write::Merge {
            kind: Kind::ScaledObject,
            namespace: self.blueprint.namespace.clone(),
            name: text(object, "/metadata/name").to_owned(),
            body: json!({"metadata": {"annotations": {PAUSED_REPLICAS: value}}}),
        }
    }

    pub(in crate::controller::difference) fn autoscaler(
        &self,
        desired: &DesiredState,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        let Some((kind, wanted)) = desired
            .autoscaler_min_replicas
            .and_then(|min_replicas| self.wanted_autoscaler(min_replicas))
        else {
            return;
        };
        let name = text(&wanted, "/metadata/name");
        let is_it =
            |scaler: &&Value| text(scaler, "/metadata/name") == name && scaler.get("kind") == wanted.get("kind");
        match self.live.primary_autoscalers.iter().find(is_it) {
            Some(live) if !self.is_ours(live) => {
                let Some(scaler) = &self.blueprint.autoscaler else {
                    return;
                };
                conflicts.push(Conflict::Name(scaler.kind.as_str(), name.to_owned()));
            }
            Some(live) if is_current(live, &wanted) => {}
            _ => writes.push(Write::Apply { kind, object: wanted }),
        }
    }

    // None beside one that somebody pointed at primary: two would undo each other.
    fn wanted_autoscaler(&self, min_replicas: u32) -> Option<(Kind, Value)> {
        if self.live.primary_scaler.is_some() {
            return None;
        }
        let scaler = self.blueprint.autoscaler.as_ref()?;
        let user = self.live.scaler.as_ref()?;
        Some((
            scaler.kind.into(),
            scaler.for_primary(user, self.blueprint, min_replicas),
        ))
    }

    // A copy of an autoscaler that is gone, or that the Canary does not name any more.
    pub(in crate::controller::difference) fn retired_autoscalers(
        &self,
        desired: &DesiredState,
        writes: &mut Vec<Write>,
    ) {
        if desired.autoscaler_min_replicas.is_none() && desired.dismantle != Dismantle::Everything {
            return;
        }
        let kept = desired
            .autoscaler_min_replicas
            .and_then(|min_replicas| self.wanted_autoscaler(min_replicas))
            .map(|(_, copy)| copy);
        let is_kept = |copy: &Value| {
            kept.as_ref().is_some_and(|kept| {
                kept.get("kind") == copy.get("kind") && text(kept, "/metadata/name") == text(copy, "/metadata/name")
            })
        };
        for copy in self.live.own_autoscalers(self.blueprint).filter(|copy| !is_kept(copy)) {
            let Some(kind) = Kind::of_scaler(copy) else { continue };
            writes.push(Write::Delete {
                kind,
                namespace: self.blueprint.namespace.clone(),
                name: text(copy, "/metadata/name").to_owned(),
                uid: text(copy, "/metadata/uid").to_owned(),
            });
        }
    }
}

// The spec to the letter: what the user took away must go from the copy too.
pub(in crate::controller::difference) fn is_current(live: &Value, wanted: &Value) -> bool {
    let metadata = live.get("metadata").zip(wanted.get("metadata"));
    live.get("spec") == wanted.get("spec") && metadata.is_some_and(|(live, wanted)| contains(live, wanted))
}

#[cfg(test)]
mod tests;
