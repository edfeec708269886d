//! The routes: generated where there is none, and carrying the traffic of the world.

use super::{Conflict, Pair, contains, patch};
use crate::{
    analysis::{Dismantle, World},
    api::labels::{self, TargetState},
    controller::{cache::Kind, live::label, write::Write},
    plan::route,
    routing::{Traffic, httproute},
};
use serde_json::{Value, json};

impl Pair<'_> {
    pub(super) fn routes(&self, world: &World, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        let Some(names) = &self.blueprint.names else { return };
        if world.dismantle == Dismantle::Traffic {
            for route in self.live.refers_to(names) {
                let folded = httproute::folded(route, names);
                if route.pointer("/spec/rules") != Some(&folded) {
                    writes.push(rules(route, folded));
                }
            }
            return;
        }
        if world.primary.is_none() {
            return;
        }
        if !self.blueprint.provider.has_weights() {
            return self.left_behind(world, writes);
        }
        // Nothing of ours serves yet when the weights are left open: the target does.
        let first = || route(self.blueprint, world.traffic.unwrap_or(Traffic::CANARY));
        let lacking = self.live.refers_to(names).next().is_none();
        if let Some(object) = lacking.then(first).flatten() {
            // One of that name that sends elsewhere is somebody's own.
            if self.live.routes.iter().any(|route| !self.is_ours(route)) {
                conflicts.push(Conflict::Name("HTTPRoute", names.apex.clone()));
                return;
            }
            writes.push(Write::Apply {
                kind: Kind::HttpRoute,
                object,
            });
            return;
        }
        let Some(traffic) = world.traffic else { return };
        for route in self.live.refers_to(names) {
            if let Some(wanted) = self.generated_anew(route, traffic) {
                writes.push(Write::Apply {
                    kind: Kind::HttpRoute,
                    object: wanted,
                });
                continue;
            }
            let wanted = httproute::with_traffic(route, names, traffic, &self.blueprint.exposure);
            if route.pointer("/spec/rules") != Some(&wanted) {
                writes.push(rules(route, wanted));
            }
        }
    }

    // Routes that still name a half, although the Canary's provider moves none: whoever edited it in a run keeps the run's
    // weights until its end, then the apex, which selects the side that serves, takes their place.
    fn left_behind(&self, world: &World, writes: &mut Vec<Write>) {
        let (Some(names), true) = (&self.blueprint.names, self.seen.split) else {
            return;
        };
        let ended = world.target_state == Some(TargetState::Rest);
        for route in self.live.routes.iter().filter(|r| httproute::refers_to(r, names)) {
            let wanted = match world.traffic {
                _ if ended => httproute::folded(route, names),
                Some(traffic) => httproute::with_traffic(route, names, traffic, &self.blueprint.exposure),
                None => continue,
            };
            if route.pointer("/spec/rules") != Some(&wanted) {
                writes.push(rules(route, wanted));
            }
        }
    }

    // A route we generated follows its Canary: hosts, gateways, ports.
    fn generated_anew(&self, route_of: &Value, traffic: Traffic) -> Option<Value> {
        label(route_of, labels::GENERATED)?;
        let wanted = route(self.blueprint, traffic)?;
        let same = wanted
            .get("spec")
            .zip(route_of.get("spec"))
            .is_some_and(|(wanted, live)| contains(live, wanted));
        (!same).then_some(wanted)
    }
}

// The generation, not the resourceVersion: gateways write a route's status at any time, which is no edit.
fn rules(route: &Value, rules: Value) -> Write {
    let generation = route.pointer("/metadata/generation").cloned().unwrap_or_default();
    patch(
        Kind::HttpRoute,
        route,
        vec![
            json!({"op": "test", "path": "/metadata/generation", "value": generation}),
            json!({"op": "replace", "path": "/spec/rules", "value": rules}),
        ],
    )
}
