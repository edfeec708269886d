//! Routes of an author's that Flagger replaced: what their author wrote is put back on the way out.

use crate::controller::difference::{Pair, patch};
use crate::object::text;
use crate::{
    api::labels::ORIGINAL_CONFIGURATION,
    controller::{
        difference::write::Write,
        watch::{
            informers::cache::Kind,
            pair::{live::Live, owners::is_a_canarys},
        },
    },
    patches,
    plan::{Blueprint, services::pointing},
    routing,
};
use serde_json::Value;

impl Pair<'_> {
    /// The write after which a route says again what its author wrote; nothing where Flagger has replaced nothing.
    pub(in crate::controller::difference) fn original(&self, route: &Value) -> Option<Write> {
        let spec = original(route, self.blueprint)?.ok()?;
        let generation = route.pointer("/metadata/generation").cloned().unwrap_or_default();
        let mut operations = vec![
            patches::test(["metadata", "generation"], generation),
            patches::replace(["spec"], spec),
        ];
        let gone = [(ORIGINAL_CONFIGURATION.to_owned(), None)];
        operations.extend(patches::metadata(route, "annotations", &gone));
        Some(patch(Kind::of_route(route)?, route, operations))
    }
}

/// What is not put back although Flagger has kept it, in words for people.
pub fn unrestored(live: &Live, blueprint: &Blueprint) -> Vec<String> {
    let why = |route: &Value| match original(route, blueprint)? {
        Ok(_) => Some(String::from("no traffic was moved on the way out")),
        Err(why) => Some(why),
    };
    let told = |route: &Value| {
        let (kind, name) = (text(route, "/kind"), text(route, "/metadata/name"));
        let why = why(route)?;
        Some(format!(
            "{kind} {name} was replaced by Flagger, and what its author wrote before is not put back: {why}. It is in the \
             annotation {ORIGINAL_CONFIGURATION}"
        ))
    };
    live.routes.iter().filter_map(told).collect()
}

// One that a Canary owns, or that we made, is nobody else's.
fn original(route: &Value, blueprint: &Blueprint) -> Option<Result<Value, String>> {
    let names = blueprint.names.as_ref()?;
    let own = is_a_canarys(route) || pointing::is_generated(route);
    let kind = routing::kind_of(route).filter(|kind| !own && kind.refers_to(route, names))?;
    kind.original(route, names, blueprint.route.as_ref())
}
