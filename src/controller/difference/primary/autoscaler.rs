//! Primary's autoscaler, a twin of the user's, and the pause of the target's own.

use crate::controller::difference::{Conflict, Pair, contains};
use crate::object::{annotation, text};
use crate::{
    analysis::{DesiredState, Dismantle},
    controller::{difference::write::Write, watch::cache::Kind},
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

    pub(in crate::controller::difference) fn twin(
        &self,
        desired: &DesiredState,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        let Some((kind, wanted)) = desired.twin.and_then(|min_replicas| self.wanted_twin(min_replicas)) else {
            return;
        };
        let name = text(&wanted, "/metadata/name");
        let is_it = |twin: &&Value| text(twin, "/metadata/name") == name && twin.get("kind") == wanted.get("kind");
        match self.live.twins.iter().find(is_it) {
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
    fn wanted_twin(&self, min_replicas: u32) -> Option<(Kind, Value)> {
        if self.live.primary_scaler.is_some() {
            return None;
        }
        let scaler = self.blueprint.autoscaler.as_ref()?;
        let user = self.live.scaler.as_ref()?;
        Some((scaler.kind.into(), scaler.twin(user, self.blueprint, min_replicas)))
    }

    // A twin of an autoscaler that is gone, or that the Canary does not name any more.
    pub(in crate::controller::difference) fn retired_twins(&self, desired: &DesiredState, writes: &mut Vec<Write>) {
        if desired.twin.is_none() && desired.dismantle != Dismantle::Everything {
            return;
        }
        let kept = desired
            .twin
            .and_then(|min_replicas| self.wanted_twin(min_replicas))
            .map(|(_, twin)| twin);
        let is_kept = |twin: &Value| {
            kept.as_ref().is_some_and(|kept| {
                kept.get("kind") == twin.get("kind") && text(kept, "/metadata/name") == text(twin, "/metadata/name")
            })
        };
        for twin in self.live.own_twins(self.blueprint).filter(|twin| !is_kept(twin)) {
            let Some(kind) = Kind::of_scaler(twin) else { continue };
            writes.push(Write::Delete {
                kind,
                namespace: self.blueprint.namespace.clone(),
                name: text(twin, "/metadata/name").to_owned(),
                uid: text(twin, "/metadata/uid").to_owned(),
            });
        }
    }
}

// The spec to the letter: what the user took away must go from the twin too.
pub(in crate::controller::difference) fn is_current(live: &Value, wanted: &Value) -> bool {
    let metadata = live.get("metadata").zip(wanted.get("metadata"));
    live.get("spec") == wanted.get("spec") && metadata.is_some_and(|(live, wanted)| contains(live, wanted))
}

#[cfg(test)]
mod tests;
