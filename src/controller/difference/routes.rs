//! The routes: generated where there is none, and carrying the traffic of the world.

use super::{Conflict, Pair, contains, patch};
use crate::{
    analysis::{Dismantle, World},
    api::labels::{self, TargetState},
    controller::{cache::Kind, live::label, write::Write},
    patches,
    plan::route,
    routing::{Names, Traffic, httproute},
};
use serde_json::Value;

impl Pair<'_> {
    pub(super) fn routes(&self, world: &World, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        for left in &self.live.left {
            writes.extend(self.rewritten_routes(|route| {
                let halved = httproute::names_a_half(route, left);
                halved.then(|| httproute::folded(route, left))
            }));
        }
        let split: Vec<&Names> = self.live.split(self.blueprint).collect();
        if split.is_empty() {
            return;
        }
        if world.dismantle == Dismantle::Traffic {
            writes.extend(self.rewritten_routes(|route| over(route, &split, httproute::folded)));
            return;
        }
        if world.primary.is_none() {
            return;
        }
        if !self.blueprint.provider.has_weights() {
            return self.left_behind(world, &split, writes);
        }
        if self.generates_a_route(world, writes, conflicts) {
            return;
        }
        let Some(traffic) = world.traffic else { return };
        let exposure = &self.blueprint.exposure;
        let apex = self.blueprint.names.as_ref();
        for route in &self.live.routes {
            let anew = apex.filter(|names| httproute::refers_to(route, names));
            if let Some(wanted) = anew.and_then(|_| self.generated_anew(route, traffic)) {
                writes.push(Write::Apply {
                    kind: Kind::HttpRoute,
                    object: wanted,
                });
                continue;
            }
            let ready: Vec<&Names> = split
                .iter()
                .copied()
                .filter(|names| self.can_be_split(route, names, traffic))
                .collect();
            let with = |route: &Value, names: &Names| httproute::with_traffic(route, names, traffic, exposure);
            writes.extend(over(route, &ready, with).and_then(|wanted| changed(route, wanted)));
        }
    }

    // The route of the apex, where nobody has one; answers whether that is all there is to do.
    fn generates_a_route(&self, world: &World, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) -> bool {
        let Some(names) = &self.blueprint.names else {
            return false;
        };
        // Nothing of ours serves yet when the weights are left open: the target does.
        let first = || route(self.blueprint, world.traffic.unwrap_or(Traffic::CANARY));
        let lacking = self.live.refers_to(names).next().is_none() && self.may_be_called();
        let Some(object) = lacking.then(first).flatten() else {
            return false;
        };
        // One of that name that sends elsewhere is somebody's own.
        let namesake = |route: &&Value| route.pointer("/metadata/name").and_then(Value::as_str) == Some(&names.apex);
        if self
            .live
            .routes
            .iter()
            .filter(namesake)
            .any(|route| !self.is_ours(route))
        {
            conflicts.push(Conflict::Name("HTTPRoute", names.apex.clone()));
            return true;
        }
        writes.push(Write::Apply {
            kind: Kind::HttpRoute,
            object,
        });
        true
    }

    // Halves that a route has just come to need are endpoints of the data plane before anybody is sent there.
    fn can_be_split(&self, route: &Value, names: &Names, traffic: Traffic) -> bool {
        let is_apex = self.blueprint.names.as_ref() == Some(names);
        let awake = self.seen.primary.as_ref().is_some_and(|primary| primary.replicas > 0);
        let known = |half: &str| self.live.is_answered(half);
        let serves = || known(&names.primary) && (!traffic.reaches_canary() || known(&names.canary));
        is_apex || !awake || httproute::names_a_half(route, names) || serves()
    }

    // Routes that still name a half, although the Canary's provider moves none: whoever edited it in a run keeps the run's
    // weights until its end, then the apex, which selects the side that serves, takes their place.
    fn left_behind(&self, world: &World, split: &[&Names], writes: &mut Vec<Write>) {
        if !self.seen.split {
            return;
        }
        let ended = world.target_state == Some(TargetState::Rest);
        let exposure = &self.blueprint.exposure;
        writes.extend(self.rewritten_routes(|route| match world.traffic {
            _ if ended => over(route, split, httproute::folded),
            Some(traffic) => over(route, split, |route, names| {
                httproute::with_traffic(route, names, traffic, exposure)
            }),
            None => None,
        }));
    }

    fn rewritten_routes(&self, rules: impl Fn(&Value) -> Option<Value>) -> Vec<Write> {
        let all = self.live.routes.iter();
        all.filter_map(|route| changed(route, rules(route)?)).collect()
    }

    // A route we generated follows its Canary: hosts, gateways, ports.
    fn generated_anew(&self, route_of: &Value, traffic: Traffic) -> Option<Value> {
        label(route_of, labels::GENERATED)?;
        let wanted = route(self.blueprint, traffic)?;
        let same = wanted
            .get("spec")
            .zip(route_of.get("spec"))
            .is_some_and(|(wanted, live)| contains(live, wanted));
        let same = same
            && LISTS
                .iter()
                .all(|list| wanted.pointer(list).map(length) == route_of.pointer(list).map(length));
        (!same).then_some(wanted)
    }
}

// Lists of ours from which something may be taken away again: a host, a gateway.
const LISTS: [&str; 2] = ["/spec/hostnames", "/spec/parentRefs"];

fn length(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

// The rules of a route after `change` of each pair of Services that it names; nothing when it names none.
pub(super) fn over(route: &Value, split: &[&Names], change: impl Fn(&Value, &Names) -> Value) -> Option<Value> {
    let mut named = split
        .iter()
        .filter(|names| httproute::refers_to(route, names))
        .peekable();
    named.peek()?;
    let mut route = route.clone();
    for names in named {
        let rules = change(&route, names);
        route
            .get_mut("spec")?
            .as_object_mut()?
            .insert("rules".to_owned(), rules);
    }
    route.pointer("/spec/rules").cloned()
}

pub(super) fn changed(route: &Value, wanted: Value) -> Option<Write> {
    (route.pointer("/spec/rules") != Some(&wanted)).then(|| rules(route, wanted))
}

// The generation, not the resourceVersion: gateways write a route's status at any time, which is no edit.
fn rules(route: &Value, rules: Value) -> Write {
    let generation = route.pointer("/metadata/generation").cloned().unwrap_or_default();
    patch(
        Kind::HttpRoute,
        route,
        vec![
            patches::test(["metadata", "generation"], generation),
            patches::replace(["spec", "rules"], rules),
        ],
    )
}
