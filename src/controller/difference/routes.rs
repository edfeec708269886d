//! The routes: generated where there is none, and carrying the traffic of the desired state.

mod apart;
mod companions;
mod edits;
mod generated;
mod outlived;
mod successor;

pub(super) use edits::folded;

use super::{Conflict, Pair};
use crate::object::text;
use crate::{
    analysis::{DesiredState, Dismantle},
    api::labels::TargetState,
    controller::{difference::write::Write, watch::informers::cache::Kind},
    plan::{ApexSide, route},
    routing::{self, Names, Resource, Traffic},
};
use apart::naming;
use edits::{changed, over};
use serde_json::Value;

impl Pair<'_> {
    pub(super) fn routes(&self, desired: &DesiredState, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        for left in &self.live.left {
            let halved = self
                .live
                .routes
                .iter()
                .filter(|route| routing::names_a_half(route, left));
            writes.extend(halved.filter_map(|route| self.given_up(route, &[left])));
        }
        let split: Vec<&Names> = self.live.split(self.blueprint).collect();
        if split.is_empty() {
            return;
        }
        if desired.dismantle == Dismantle::Traffic {
            let all = self.live.routes.iter();
            writes.extend(all.filter_map(|route| self.original(route).or_else(|| self.vacated(route, &split))));
            return;
        }
        if desired.primary.is_none() {
            return;
        }
        self.left_behind(desired, &split, writes);
        if !self.blueprint.provider.moves_routes() || self.generates_a_route(desired, writes, conflicts) {
            return;
        }
        self.destinations(&split, desired.traffic, writes, conflicts);
        match desired.traffic {
            Some(traffic) => self.moved(&split, desired, traffic, writes, conflicts),
            None if desired.named => self.introduced(&split, writes),
            None => {}
        }
    }

    // Every route by which the Canary's provider moves users, and what stands beside them.
    fn moved(
        &self,
        split: &[&Names],
        desired: &DesiredState,
        traffic: Traffic,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        let (named, rests) = (desired.named, desired.target_state == Some(TargetState::Rest));
        let read = |route: &&Value| self.blueprint.carries_by(route);
        for route in self.live.routes.iter().filter(read) {
            let anew = || self.generated_anew(route, traffic, named);
            if let Some(write) = self.succeeded(route, rests).or_else(anew) {
                writes.push(write);
            } else {
                self.carries(route, split, (traffic, named), writes, conflicts);
            }
        }
        if self.seen.split {
            self.retired_companions(split, traffic, writes);
        }
    }

    // One route of the user's, or one that we made, carrying the traffic of those pairs that it may be split for.
    fn carries(
        &self,
        route: &Value,
        split: &[&Names],
        (traffic, named): (Traffic, bool),
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        let ready: Vec<&Names> = split
            .iter()
            .copied()
            .filter(|names| self.can_be_split(route, names, traffic))
            .collect();
        let carrying = self.carrying(route, &ready, traffic).unwrap_or_default();
        let Some((wanted, companions)) = carrying.split_first() else {
            return;
        };
        // What it cannot say itself is there before it says the rest.
        for companion in companions.iter().filter(|one| !companions::is_destination(one)) {
            self.companion(companion, writes, conflicts);
        }
        let named = named.then(|| naming(route, wanted.clone(), &ready));
        writes.extend(changed(route, named.as_ref().unwrap_or(wanted)));
    }

    // The route of the apex, where nobody has one; answers whether that is all there is to do.
    fn generates_a_route(
        &self,
        desired: &DesiredState,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) -> bool {
        let Some(names) = &self.blueprint.names else {
            return false;
        };
        // When the weights are left open nothing of ours serves yet: the target does, unless users call primary already.
        let serves = match self.seen.apex {
            Some(ApexSide::Primary) => Traffic::PRIMARY,
            Some(ApexSide::Target) | None => Traffic::CANARY,
        };
        let traffic = desired.traffic.unwrap_or(serves);
        let lacking = self.live.refers_to(self.blueprint, names).next().is_none() && self.may_be_called();
        lacking && self.makes(names, traffic, writes, conflicts)
    }

    // The route of the apex as its Canary says it; answers whether it says any.
    fn makes(&self, names: &Names, traffic: Traffic, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) -> bool {
        let Some(object) = route(self.blueprint, traffic) else {
            return false;
        };
        let Some(resource) = resource(&object) else {
            return false;
        };
        // One of that name that sends elsewhere is somebody's own.
        let name = text(&object, "/metadata/name");
        let namesake =
            |route: &&Value| self::resource(route) == Some(resource) && text(route, "/metadata/name") == name;
        let mut namesakes = self.live.routes.iter().filter(namesake);
        if namesakes.any(|route| !self.is_ours(route)) {
            conflicts.push(Conflict::Name(resource.kind, name.to_owned()));
            return true;
        }
        if !self.has_models(&object, names) {
            return true;
        }
        let beside = self.carrying(&object, &[names], traffic).into_iter().flatten().skip(1);
        for companion in beside {
            self.companion(&companion, writes, conflicts);
        }
        // One of ours that leads elsewhere has the name already.
        match self.live.routes.iter().find(namesake) {
            Some(live) => writes.extend(generated::written(live, &object)),
            None => writes.push(Write::Apply {
                kind: Kind::Route(resource),
                object,
            }),
        }
        true
    }

    // Halves that a route has just come to need must first be endpoints of the data plane, before anybody is sent there.
    fn can_be_split(&self, route: &Value, names: &Names, traffic: Traffic) -> bool {
        let is_apex = self.blueprint.names.as_ref() == Some(names);
        let awake = self.seen.primary.as_ref().is_some_and(|primary| primary.replicas > 0);
        let known = |half: &str| self.live.is_answered(half);
        let serves = || known(&names.primary) && (!traffic.reaches_canary() || known(&names.canary));
        let halved = routing::names_a_half(route, names);
        halved || (is_apex || !awake || serves()) && self.knows_destinations(route, names, traffic)
    }

    // Routes that still name a half, although the Canary's provider does not move by them: whoever edited it in a run keeps
    // the run's weights until its end, then the apex, which selects the side that serves, takes their place.
    fn left_behind(&self, desired: &DesiredState, split: &[&Names], writes: &mut Vec<Write>) {
        if !self.seen.split {
            return;
        }
        let ended = desired.target_state == Some(TargetState::Rest);
        let foreign = |route: &&Value| !self.blueprint.provider.writes(route);
        for route in self.live.routes.iter().filter(foreign) {
            match desired.traffic {
                _ if ended && self.is_outlived(route) => writes.extend(self.deleted_route(route)),
                // The apex selects the side that serves, so what stood beside the user's route can go at any time.
                _ if ended || routing::is_companion(route) => writes.extend(self.given_up(route, split)),
                Some(traffic) => writes.extend(self.kept_up(route, split, traffic)),
                None => {}
            }
        }
    }

    fn kept_up(&self, route: &Value, split: &[&Names], traffic: Traffic) -> Vec<Write> {
        let is_halved = |names: &&&Names| routing::names_a_half(route, names);
        let halved: Vec<&Names> = split.iter().filter(is_halved).copied().collect();
        let carrying = self.carrying(route, &halved, traffic).unwrap_or_default();
        carrying
            .first()
            .and_then(|wanted| changed(route, wanted))
            .into_iter()
            .collect()
    }

    // `route` and its companions, carrying the same traffic for each pair of Services that it names; nothing when it names
    // none.
    fn carrying(&self, route: &Value, split: &[&Names], traffic: Traffic) -> Option<Vec<Value>> {
        let kind = self.blueprint.provider.kind_of(route)?;
        let with = |objects: &[Value], names: &Names| kind.carrying(objects, names, traffic, &self.blueprint.exposure);
        over(route, split, with)
    }
}

// What the API server calls the kind of a route.
fn resource(route: &Value) -> Option<Resource> {
    routing::kind_of(route).map(|kind| kind.resource())
}
