//! A route that we made in a kind that its Canary does not ask for any more: the one that it asks for takes its place.

use super::{Pair, resource};
use crate::{
    analysis::{DesiredState, Dismantle},
    controller::difference::{Conflict, write::Write},
};
use serde_json::Value;

impl Pair<'_> {
    /// Makes the one that the Canary asks for, beside the other, which goes on carrying the traffic. It comes last of all: what
    /// refuses it keeps nothing else from being done. Where the cluster has no such kind, or we may not read it, the other
    /// stays: a write that is refused at every step would end each of them before its checks are asked.
    pub(in crate::controller::difference) fn successor(
        &self,
        desired: &DesiredState,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        let kept = desired.dismantle == Dismantle::No && desired.primary.is_some() && !self.live.route_is_unread;
        let (Some(names), Some(traffic)) = (&self.blueprint.names, desired.traffic.filter(|_| kept)) else {
            return;
        };
        let mut led = self.live.refers_to(self.blueprint, names).peekable();
        if led.peek().is_some() && led.all(|route| self.is_outdated(route)) {
            self.makes(names, traffic, writes, conflicts);
        }
    }

    /// The end of `live`, once a data plane takes one that leads to the app in its place: until then `live` may be the only one by
    /// which anybody comes. Where `live` itself is why the one that we made is refused, nothing but its end changes that. It comes
    /// when the pair `rests`: no run is judged by users whose gateway is about to go over to the other.
    pub(super) fn succeeded(&self, live: &Value, rests: bool) -> Option<Write> {
        let names = self.blueprint.names.as_ref().filter(|_| self.is_outdated(live))?;
        let follows = |route: &Value| {
            let kind = self.blueprint.provider.kind_of(route);
            let yields = || rests && self.is_generated(route);
            kind.is_some_and(|kind| kind.is_taken(route) || yields() && kind.yields(route, live))
        };
        let mut led = self.live.refers_to(self.blueprint, names);
        let followed = led.any(|route| !self.is_outdated(route) && follows(route));
        followed.then(|| self.deleted_route(live)).flatten()
    }

    /// Whether `live` was made for this Canary, in another kind than the Canary asks for.
    pub(super) fn is_outdated(&self, live: &Value) -> bool {
        let wanted = self.blueprint.route.as_ref().and_then(resource);
        self.is_generated(live)
            && self.blueprint.carries_by(live)
            && wanted.is_some_and(|wanted| resource(live) != Some(wanted))
    }
}
