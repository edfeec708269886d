//! Data planes that hear of routes and of the Services behind them apart, in whatever order: one that hears first that a route
//! leads to a Service answers with errors until it has heard of that. So a Service is named by a route, without a share, some
//! time before users are sent there, and until all have heard that none are any more.

use super::edits::{self, changed, over};
use crate::{
    controller::difference::{Pair, write::Write},
    routing::{self, Names},
};
use serde_json::Value;

/// What is `wanted` of the route that is `live`, with every Service named of those of these pairs that it leads to; as it is where
/// the data plane hears of both at once.
pub(super) fn naming(live: &Value, wanted: Value, pairs: &[&Names]) -> Value {
    let Some(kind) = routing::kind_of(live).filter(|kind| kind.hears_apart(live)) else {
        return wanted;
    };
    let name = |objects: &[Value], names: &Names| objects.iter().map(|one| kind.naming(one, names)).collect();
    let named = over(&wanted, pairs, name).and_then(|objects| objects.into_iter().next());
    named.unwrap_or(wanted)
}

impl Pair<'_> {
    /// Routes that lead where they led before and name the halves besides, while primary is made.
    pub(super) fn introduced(&self, split: &[&Names], writes: &mut Vec<Write>) {
        // Routes that name what is not there are told to be wrong.
        let is_there = |names: &&Names| self.live.has_halves(self.blueprint, names);
        let there: Vec<&Names> = split.iter().copied().filter(is_there).collect();
        let routes = self.live.routes.iter().filter(|route| self.blueprint.carries_by(route));
        writes.extend(routes.filter_map(|route| changed(route, &naming(route, route.clone(), &there))));
    }

    /// A route by which nobody is led to the halves any more; what we made beside it goes. Where it takes time until that is
    /// heard, they are named until [the end](Self::named_no_more).
    pub(super) fn vacated(&self, route: &Value, split: &[&Names]) -> Option<Write> {
        if routing::is_companion(route) {
            return self.given_up(route, split);
        }
        let is_halved = |names: &&Names| routing::names_a_half(route, names);
        let halved: Vec<&Names> = split.iter().copied().filter(is_halved).collect();
        changed(route, &naming(route, edits::authored(route, split)?, &halved))
    }

    /// Routes that still name halves, and lead nobody there, are as their authors mean them.
    pub(in crate::controller::difference) fn named_no_more(&self, writes: &mut Vec<Write>) {
        let split: Vec<&Names> = self.live.split(self.blueprint).chain(&self.live.left).collect();
        let any = |does: fn(&Value, &Names) -> bool, route: &Value| split.iter().any(|names| does(route, names));
        let spared = |route: &&Value| any(routing::names_a_half, route) && !any(routing::leads_to_a_half, route);
        let spared = self.live.routes.iter().filter(spared);
        writes.extend(spared.filter_map(|route| edits::folded(route, &split)));
    }
}
