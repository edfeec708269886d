//! A route that was made for another provider of the Canary, Flagger's perhaps, and keeps users from those that carry its traffic
//! by now.

use super::Pair;
use crate::routing;
use serde_json::Value;

impl Pair<'_> {
    /// Whether `live` was made for this Canary, hides the routes of its provider from users, and one of those is known to a data
    /// plane: then nobody needs it any more.
    pub(super) fn is_outlived(&self, live: &Value) -> bool {
        let Some(names) = &self.blueprint.names else {
            return false;
        };
        let hides = routing::kind_of(live).is_some_and(|kind| kind.hides_others());
        let known = |route: &Value| {
            let kind = self.blueprint.provider.kind_of(route);
            self.blueprint.carries_by(route) && kind.is_some_and(|kind| kind.is_taken(route))
        };
        let made = hides && self.is_generated(live) && routing::refers_to(live, names);
        made && self.live.refers_to(self.blueprint, names).any(known)
    }
}
