//! The routes that were made for this Canary, by us or by Flagger: they say what it says, and nothing that it said before.
//!
//! A change is written member by member: what we made may be owned by nobody, and an apply would leave in it what is not wanted any
//! more.

use super::Pair;
use super::apart::naming;
use crate::object::{label, text};
use crate::{
    api::labels,
    controller::{
        difference::{metadata, patch, write::Write},
        watch::{informers::cache::Kind, pair::owners::is_controlled_by},
    },
    patches,
    plan::route,
    routing::{self, RouteKind, Traffic},
};
use json_patch::PatchOperation;
use serde_json::Value;

impl Pair<'_> {
    /// Whether `route` was made for this Canary. Flagger has no mark for that: it made what has the name that we would give it
    /// and is controlled by the Canary. A route that became its author's is controlled by nobody.
    pub(super) fn is_generated(&self, route: &Value) -> bool {
        label(route, labels::GENERATED).is_some() || self.is_flaggers(route)
    }

    fn is_flaggers(&self, route: &Value) -> bool {
        let blueprint = self.blueprint;
        let uid = blueprint.owner.uid.as_deref();
        let apex = blueprint.names.as_ref().map(|names| names.apex.as_str());
        let wanted = blueprint.route.as_ref().map(|wanted| text(wanted, "/metadata/name"));
        let name = Some(text(route, "/metadata/name"));
        uid.is_some_and(|uid| is_controlled_by(route, uid))
            && (name == apex || name == wanted)
            && !routing::is_companion(route)
    }

    /// What makes a route that was made for this Canary as it is to be, with `traffic`: hosts, gateways, ports, metadata. With
    /// `named`, Services without a share are named, too.
    pub(super) fn generated_anew(&self, live: &Value, traffic: Traffic, named: bool) -> Option<Write> {
        let generated = self.is_generated(live) && !self.is_outdated(live);
        let names = self.blueprint.names.as_ref().filter(|_| generated)?;
        routing::kind_of(live).filter(|kind| kind.refers_to(live, names))?;
        let mut wanted = route(self.blueprint, traffic).filter(|wanted| is_called_alike(live, wanted))?;
        if named {
            wanted = naming(live, wanted, &[names]);
        }
        let write = written(live, &wanted)?;
        self.knows_destinations(&wanted, names, traffic).then_some(write)
    }
}

/// The write after which `live`, which is there already, is as `wanted`; nothing when it is.
pub(super) fn written(live: &Value, wanted: &Value) -> Option<Write> {
    let kind = routing::kind_of(live)?;
    let spec = of_spec(kind, live, wanted);
    let mut metadata = metadata::changed(live, wanted);
    metadata.extend(metadata::owned(live, wanted));
    if spec.is_empty() && metadata.is_empty() {
        return None;
    }
    let tests = tested(live, metadata.is_empty());
    let operations = tests.into_iter().chain(spec).chain(metadata).collect();
    Some(patch(Kind::Route(kind.resource()), live, operations))
}

fn is_called_alike(one: &Value, other: &Value) -> bool {
    text(one, "/metadata/name") == text(other, "/metadata/name")
}

// Of members that no Canary says, which others may put there, nothing is known.
fn of_spec(kind: &dyn RouteKind, live: &Value, wanted: &Value) -> Vec<PatchOperation> {
    let Some(wanted) = wanted.get("spec") else {
        return Vec::new();
    };
    let Some(has) = live.get("spec").filter(|spec| spec.is_object()) else {
        return vec![patches::add(["spec"], wanted.clone())];
    };
    let (said, to_say) = (kind.said(has), kind.said(wanted));
    let members = wanted.as_object().into_iter().flatten();
    let changed = members.filter(|(key, _)| said.get(key.as_str()) != to_say.get(key.as_str()));
    let unsaid = kind.optional().iter().copied();
    let unsaid = unsaid.filter(|key| has.get(*key).is_some() && wanted.get(*key).is_none());
    let changed = changed.map(|(key, value)| patches::add(["spec", key.as_str()], value.clone()));
    changed
        .chain(unsaid.map(|key| patches::remove(["spec", key])))
        .collect()
}

// That it is the object which was looked at. Gateways write a route's status at any time, which is no edit, so the generation does
// for the spec; an edit of metadata is seen by the version alone.
fn tested(live: &Value, spec_alone: bool) -> Vec<PatchOperation> {
    let field = if spec_alone { "generation" } else { "resourceVersion" };
    let of = |field: &str| live.get("metadata").and_then(|metadata| metadata.get(field)).cloned();
    let mut tests = vec![patches::test(["metadata", field], of(field).unwrap_or_default())];
    tests.extend(of("uid").map(|uid| patches::test(["metadata", "uid"], uid)));
    tests
}
