//! Objects that we make beside a route of the user's, where that cannot carry a share itself.

use super::{Pair, contains, edits};
use crate::{
    controller::{
        apply::write::Write,
        difference::Conflict,
        watch::{cache::Kind, live::text},
    },
    plan::owned,
    routing::{self, Names, Traffic},
};
use serde_json::Value;

impl Pair<'_> {
    /// Makes a companion as it is wanted. One of that name that is not ours is somebody's own.
    pub(super) fn companion(&self, wanted: &Value, writes: &mut Vec<Write>, conflicts: &mut Vec<Conflict>) {
        let Some((kind, object)) = routing::kind_of(wanted).zip(owned(self.blueprint, wanted.clone())) else {
            return;
        };
        let resource = kind.resource();
        let live = self.live.routes.iter().find(|route| is_same(route, wanted));
        if let Some(live) = live {
            if !self.is_ours(live) {
                let name = text(wanted, "/metadata/name").to_owned();
                return conflicts.push(Conflict::Name(resource.kind, name));
            }
            let length = |of: &Value, list: &str| of.pointer(list).and_then(Value::as_array).map(Vec::len);
            let mut lists = kind.lists().iter();
            let same = contains(live, &object)
                && kind.exact(live) == kind.exact(&object)
                && lists.all(|list| length(live, list) == length(&object, list));
            if same {
                return;
            }
        }
        writes.push(Write::Apply {
            kind: Kind::Route(resource),
            object,
        });
    }

    /// Companions of ours that no route needs any more, for the traffic of now.
    pub(super) fn retired_companions(&self, split: &[&Names], traffic: Traffic, writes: &mut Vec<Write>) {
        let routes = self.live.routes.iter().filter(|route| !routing::is_companion(route));
        let needed: Vec<Value> = routes
            .filter_map(|route| self.carrying(route, split, traffic))
            .flat_map(|objects| objects.into_iter().skip(1))
            .collect();
        let spare = |route: &&Value| {
            self.blueprint.provider.reads(route)
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

fn is_same(one: &Value, other: &Value) -> bool {
    let is = |at: &str| text(one, at) == text(other, at);
    is("/kind") && is("/metadata/name")
}
