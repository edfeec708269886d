//! Objects that we make beside a route of the user's, where that cannot carry a share itself.

use super::{Pair, edits};
use crate::object::text;
use crate::{
    controller::{
        difference::write::Write,
        difference::{Conflict, patch},
        watch::cache::Kind,
    },
    patches,
    plan::owned,
    routing::{self, Names, Traffic, WrittenKind},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl Pair<'_> {
    /// Makes a companion as it is wanted. One of that name that is not ours is somebody's own.
    pub(super) fn companion(&self, wanted: &Value, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        let Some(kind) = routing::written_of(wanted) else {
            return;
        };
        let resource = kind.resource();
        match self.live.routes.iter().find(|route| is_same(route, wanted)) {
            None => writes.extend(owned(self.blueprint, wanted.clone()).map(|object| Write::Create {
                kind: Kind::Route(resource),
                object,
            })),
            Some(live) if !self.is_ours(live) => {
                let name = text(wanted, "/metadata/name").to_owned();
                conflicts.push(Conflict::Name(resource.kind, name));
            }
            Some(live) => writes.extend(put_right(kind, live, wanted)),
        }
    }

    /// Companions of ours that no route needs any more, for the traffic of now.
    pub(super) fn retired_companions(&self, split: &[&Names], traffic: Traffic, writes: &mut Vec<Write>) {
        let routes = self.live.routes.iter().filter(|route| self.blueprint.carries_by(route));
        let needed: Vec<Value> = routes
            .filter_map(|route| self.carrying(route, split, traffic))
            .flat_map(|objects| objects.into_iter().skip(1))
            .collect();
        let spare = |route: &&Value| {
            self.blueprint.provider.writes(route)
                && routing::is_companion(route)
                && !needed.iter().any(|one| is_same(route, one))
        };
        let spare = self.live.routes.iter().filter(spare);
        writes.extend(spare.filter_map(|route| self.given_up(route, split)));
    }

    /// A route as its author means it; what we made beside it goes.
    pub(super) fn given_up(&self, route: &Value, split: &[&Names]) -> Option<Write> {
        if !routing::is_companion(route) {
            return edits::folded(route, split);
        }
        let going = route.pointer("/metadata/deletionTimestamp").is_some();
        let named = split.iter().any(|names| routing::refers_to(route, names));
        let kind = Kind::of_route(route).filter(|_| named && !going && self.is_ours(route))?;
        Some(Write::Delete {
            kind,
            namespace: text(route, "/metadata/namespace").to_owned(),
            name: text(route, "/metadata/name").to_owned(),
            uid: text(route, "/metadata/uid").to_owned(),
        })
    }
}

// The edits that make a companion what it is to be: its spec, and the annotations that its data plane reads, of which others
// may have put some there.
fn put_right(kind: &dyn WrittenKind, live: &Value, wanted: &Value) -> Option<Write> {
    let told = |of: &Value| {
        let all = of.pointer("/metadata/annotations").and_then(Value::as_object);
        let all = all.cloned().unwrap_or_default().into_iter();
        all.filter(|(key, _)| kind.prefixes().iter().any(|prefix| key.starts_with(prefix)))
    };
    // Those that are wanted come last, and count.
    let changes = told(live).map(|(key, _)| (key, None));
    let wants = told(wanted).map(|(key, value)| (key, value.as_str().map(str::to_owned)));
    let changes: BTreeMap<String, Option<String>> = changes.chain(wants).collect();
    let changes: Vec<_> = changes.into_iter().collect();
    let (own, spec) = (members(live), members(wanted));
    let changed = spec.iter().flat_map(|all| all.iter());
    let changed = changed.filter(|(key, value)| own.and_then(|own| own.get(*key)) != Some(value));
    let unwanted = own.into_iter().flat_map(|all| all.keys());
    let unwanted = unwanted.filter(|key| !spec.is_some_and(|spec| spec.contains_key(*key)));
    let unwanted = unwanted.filter(|key| !kind.shared().contains(&key.as_str()));
    let mut operations = patches::metadata(live, "annotations", &changes);
    operations.extend(changed.map(|(key, value)| patches::add(["spec", key], value.clone())));
    operations.extend(unwanted.map(|key| patches::remove(["spec", key])));
    if operations.is_empty() {
        return None;
    }
    let version = live.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
    operations.insert(0, patches::test(["metadata", "resourceVersion"], version));
    Some(patch(Kind::Route(kind.resource()), live, operations))
}

fn members(object: &Value) -> Option<&Map<String, Value>> {
    object.get("spec").and_then(Value::as_object)
}

fn is_same(one: &Value, other: &Value) -> bool {
    let is = |at: &str| text(one, at) == text(other, at);
    is("/kind") && is("/metadata/name")
}
