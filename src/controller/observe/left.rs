//! What a pair leaves to its author: Services that were pointed elsewhere, and do not follow it any more.

use crate::controller::watch::pair::{
    live::Live,
    owners::{is_a_canarys, is_flaggers_orphan, is_owned},
    rivals::is_a_rivals,
};
use crate::object::label;
use crate::{
    api::labels,
    plan::{Blueprint, Selector, services::pointing},
    routing::Names,
};
use serde_json::Value;

/// The Services whose halves this Canary made and that do not follow it any more: deleted, left out, or pointed elsewhere
/// by their authors. Routes go to the Services themselves again.
pub fn abandoned(live: &Live, blueprint: &Blueprint) -> Vec<Names> {
    let own = live.made.iter().filter(|made| is_owned(made, blueprint));
    let bases = own.filter_map(|made| pointing::name(made).strip_suffix("-primary"));
    let is_known = |base: &str| {
        let apex = blueprint.names.iter().chain(&live.left);
        let routed = live.pointing.followers.iter().filter(|follower| follower.routed);
        let mut all = apex.chain(routed.map(|follower| &follower.names));
        all.any(|names| names.apex == base)
    };
    bases.filter(|base| !is_known(base)).map(Names::new).collect()
}

/// Leaves an apex to its author who has pointed it elsewhere: the pair goes on without it until it comes back.
pub fn leave_apex(live: &mut Live, blueprint: &mut Blueprint, selector: &Selector) {
    let pods = pointing::pods_of_pair(live.target.as_ref(), live.primary.as_ref(), selector);
    let halves = [&live.primary_service, &live.canary_service];
    if halves.into_iter().flatten().any(|half| is_a_rivals(half, &live.rivals)) {
        return;
    }
    let ours =
        |apex: &Value| label(apex, labels::GENERATED).is_some() || is_a_canarys(apex) || is_flaggers_orphan(apex);
    let apex = live.apex.as_ref().filter(|apex| !ours(apex));
    if !blueprint.workload.rolls() || apex.is_none_or(|apex| pointing::is_own_apex(apex, selector, &pods)) {
        return;
    }
    live.apex = None;
    live.left.extend(blueprint.names.take());
    blueprint.route = None;
}

#[cfg(test)]
mod tests;
