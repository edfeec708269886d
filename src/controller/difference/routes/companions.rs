//! Objects that we make beside a route of the user's, where that cannot carry a share itself.

use super::{Pair, edits};
use crate::object::text;
use crate::{
    controller::{
        difference::write::Write,
        difference::{Conflict, patch},
        watch::informers::cache::Kind,
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

    /// Makes what routes are to lead to besides Services, and keeps it as it is wanted: a data plane has to know it before
    /// anybody is led there.
    pub(super) fn destinations(
        &self,
        split: &[&Names],
        traffic: Option<Traffic>,
        writes: &mut Vec<Write>,
        conflicts: &mut Vec<Conflict>,
    ) {
        if !self.blueprint.provider.has_destinations() {
            return;
        }
        // Which they are does not depend on it.
        let traffic = traffic.unwrap_or(Traffic::CANARY);
        let routes = self.live.routes.iter().filter(|route| self.blueprint.carries_by(route));
        // One that we made is to be as the Canary has it by now.
        let made = |route: &Value| self.is_generated(route);
        let anew = self.blueprint.route.iter().filter(|_| routes.clone().any(made));
        let needed = routes
            .clone()
            .chain(anew)
            .filter_map(|route| self.carrying(route, split, traffic));
        let needed = needed
            .flat_map(|objects| objects.into_iter().skip(1))
            .filter(is_destination);
        let mut done: Vec<Value> = Vec::new();
        for wanted in needed {
            if !done.iter().any(|one| is_same(one, &wanted)) {
                self.companion(&wanted, writes, conflicts);
                done.push(wanted);
            }
        }
    }

    /// Whether a data plane has taken up all that `route` is to lead to, and everything is known of it.
    pub(super) fn knows_destinations(&self, route: &Value, names: &Names, traffic: Traffic) -> bool {
        if !self.blueprint.provider.has_destinations() {
            return true;
        }
        let is_known = |wanted: Value| {
            let live = self.live.routes.iter().find(|live| is_same(live, &wanted));
            let known = |kind: &dyn WrittenKind| live.is_some_and(|live| self.is_ours(live) && kind.is_known(live));
            routing::written_of(&wanted).is_none_or(|kind| !kind.is_destination() || known(kind))
        };
        let mut beside = self.carrying(route, &[names], traffic).into_iter().flatten().skip(1);
        self.has_models(route, names) && beside.all(is_known)
    }

    /// Whether all those objects are found whose settings what stands beside `route` takes over.
    pub(super) fn has_models(&self, route: &Value, names: &Names) -> bool {
        let (exposure, kind) = (&self.blueprint.exposure, self.blueprint.provider.kind_of(route));
        let models = kind.map(|kind| kind.models(route, names, exposure)).unwrap_or_default();
        models.iter().all(|model| exposure.models.contains_key(model))
    }

    /// What routes of before led to: nobody is sent there any more when a pair ends.
    pub(in crate::controller::difference) fn dismantle_destinations(&self, writes: &mut Vec<Write>) {
        let companions = self.live.routes.iter().filter(|route| routing::is_companion(route));
        let destinations = companions.filter(|route| is_destination(route));
        writes.extend(destinations.filter_map(|route| self.deleted_route(route)));
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
        // Data planes may lead users to a destination for as long as they have not heard that no route does.
        let named = split.iter().any(|names| routing::refers_to(route, names));
        let ends = named && !is_destination(route);
        ends.then(|| self.deleted_route(route)).flatten()
    }

    /// The end of a route or companion of ours.
    pub(super) fn deleted_route(&self, route: &Value) -> Option<Write> {
        let going = route.pointer("/metadata/deletionTimestamp").is_some();
        let kind = Kind::of_route(route).filter(|_| !going && self.is_ours(route))?;
        Some(Write::Delete {
            kind,
            namespace: text(route, "/metadata/namespace").to_owned(),
            name: text(route, "/metadata/name").to_owned(),
            uid: text(route, "/metadata/uid").to_owned(),
        })
    }
}

/// Whether routes lead to `object`.
pub(super) fn is_destination(object: &Value) -> bool {
    routing::written_of(object).is_some_and(|kind| kind.is_destination())
}

// The edits that make a companion what it is to be: its spec, and the annotations that its data plane reads, of which others
// may have put some there.
fn put_right(kind: &dyn WrittenKind, live: &Value, wanted: &Value) -> Option<Write> {
    let prefixes: Vec<String> = [live, wanted].into_iter().flat_map(|of| kind.prefixes(of)).collect();
    let prefixes = prefixes.as_slice();
    let told = |of: &Value| {
        let all = of.pointer("/metadata/annotations").and_then(Value::as_object);
        let all = all.cloned().unwrap_or_default().into_iter();
        all.filter(move |(key, _)| prefixes.iter().any(|prefix| key.starts_with(prefix.as_str())))
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

// Of one name and kind, in whatever version. Several data planes have a VirtualService, so the group counts.
fn is_same(one: &Value, other: &Value) -> bool {
    let group = |object| text(object, "/apiVersion").split_once('/').map(|(group, _)| group);
    let is = |at: &str| text(one, at) == text(other, at);
    is("/kind") && is("/metadata/name") && group(one) == group(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_another_data_plane_calls_the_same_is_another_object() {
        let of = |version: &str| json!({"apiVersion": version, "kind": "VirtualService", "metadata": {"name": "web"}});
        let wanted = of("appmesh.k8s.aws/v1beta2");
        assert!(is_same(&of("appmesh.k8s.aws/v1beta1"), &wanted));
        assert!(!is_same(&of("networking.istio.io/v1"), &wanted));
    }
}
