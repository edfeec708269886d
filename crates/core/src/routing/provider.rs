//! One value of `spec.provider`, by which the rest of the program asks what stands in the registry.

use super::{Capabilities, Names, OwnRoute, Resource, RouteKind, Router, registry};
use crate::api::canary::{CanaryService, CanarySpec};
use crate::object::text;
use serde_json::Value;
use std::fmt;
use std::ops::Deref;

/// A provider that is built. Two are the same when they have the same name.
#[derive(Clone, Copy)]
pub struct Provider(&'static dyn Router);

impl Provider {
    /// The one that is meant where a policy names none, that others are told to move to, and whose kinds every role may read.
    pub const STANDARD: Self = Self(&super::providers::gateway_api::GatewayApi);
    /// The one that stands in where no other can move users: it needs no route, no data plane and nothing that a Canary says,
    /// because everybody follows the selector of the apex Service at once.
    pub const FALLBACK: Self = Self(&super::providers::kubernetes::Kubernetes);

    /// The provider that moves requests so.
    pub fn of(router: &'static dyn Router) -> Self {
        Self(router)
    }

    /// Reads `spec.provider`; `None` for one that is not built yet.
    pub fn parse(text: &str) -> Option<Self> {
        registry::router(text).map(Self)
    }

    /// The name as in `spec.provider`.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// Whether it moves users by routes, any share of them. Of any other the routes are the user's alone: everybody is moved at
    /// once, by the selector of the apex Service.
    pub fn moves_routes(self) -> bool {
        self.0.can().weights
    }

    /// By whose routes it is read how users reach an app: its own, or the standard ones where it has none.
    pub fn reading(self) -> Self {
        if self.0.kinds().is_empty() {
            Self::STANDARD
        } else {
            self
        }
    }

    /// What it can do for an app of that `service`.
    pub fn can_for(self, service: Option<&CanaryService>) -> Capabilities {
        let can = self.0.can();
        if service.is_some_and(CanaryService::is_tcp) {
            can.of_connections()
        } else {
            can
        }
    }

    /// What of a Canary, besides what its analysis asks for, it cannot carry: the paths, and what to do instead.
    pub fn rejects(self, spec: &CanarySpec) -> Vec<(String, String)> {
        let connections = self.refuses_connections(spec);
        connections.into_iter().chain(self.0.rejects(spec)).collect()
    }

    // Where requests are split, an app that speaks something else cannot be.
    fn refuses_connections(self, spec: &CanarySpec) -> Option<(String, String)> {
        let refused = spec.service.as_ref()?.is_tcp() && !self.0.can().tcp;
        refused.then(|| {
            let why = format!(
                "provider {} splits requests, not connections; release it with provider kubernetes, or leave appProtocol out \
                 where it is HTTP",
                self.as_str()
            );
            (String::from("spec.service.appProtocol"), why)
        })
    }

    /// The route of an app whose user has none; `None` where it publishes nothing, or says what cannot be carried.
    pub fn published(self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        let carried = self.rejects(spec).is_empty();
        self.0.published(namespace, names, spec).filter(|_| carried)
    }

    /// Whether it makes a route for an app whose user has none.
    pub fn makes_routes(self) -> bool {
        self.obeys().contains(&"spec.service.gatewayRefs")
    }

    /// The kind of its routes, where they are the targets themselves; such targets and no others are released by it.
    pub fn own_route(self) -> Option<OwnRoute> {
        OwnRoute::moved_by(self.0)
    }

    /// Whether its routes lead to anything but Services, which has to be there before them.
    pub fn has_destinations(self) -> bool {
        let mut beside = self.0.kinds().iter().flat_map(|kind| kind.beside());
        beside.any(|kind| kind.is_destination())
    }

    /// Whether `route` is of a kind whose objects carry its traffic.
    pub fn reads(self, route: &Value) -> bool {
        registry::reads(self.0, route)
    }

    /// The same of a route that somebody wrote, or that stands for one: not of what we made beside it.
    pub fn carries_by(self, route: &Value) -> bool {
        self.reads(route) && !super::is_companion(route)
    }

    /// The kind of `route` as it carries this provider's traffic, where several write the same kind each in its own way.
    pub fn kind_of(self, route: &Value) -> Option<&'static dyn RouteKind> {
        registry::own_kind_of(self.0, route).or_else(|| registry::kind_of(route))
    }

    /// Whether `object` is of a kind that is written for it: its routes, and what stands beside them.
    pub fn writes(self, object: &Value) -> bool {
        let mut beside = self.0.kinds().iter().flat_map(|kind| kind.beside());
        let kind = super::written_of(object).map(|kind| kind.resource());
        self.reads(object) || beside.any(|one| Some(one.resource()) == kind)
    }

    /// The same of a kind, of which there may be no object.
    pub fn writes_kind(self, resource: Resource) -> bool {
        let mut carrying = self.0.kinds().iter();
        let mut beside = self.0.kinds().iter().flat_map(|kind| kind.beside());
        carrying.any(|kind| kind.resource() == resource) || beside.any(|kind| kind.resource() == resource)
    }
}

impl Deref for Provider {
    type Target = dyn Router;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Provider {}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Adds each of `more` to `objects` once. A cluster that serves a kind in several versions shows an object in each that is
/// written for some provider: of these the one stays that is written for `provider`, or the first where none is.
pub fn add_each_once(objects: &mut Vec<Value>, more: impl IntoIterator<Item = Value>, provider: Provider) {
    for object in more {
        let known = objects.iter_mut().find(|known| is_same(known, &object));
        match known {
            Some(known) if provider.writes(&object) => *known = object,
            Some(_) => {}
            None => objects.push(object),
        }
    }
}

// Of one kind, whatever its version, and one name.
fn is_same(one: &Value, other: &Value) -> bool {
    let group = |object| text(object, "/apiVersion").split_once('/').map(|(group, _)| group);
    let alike = |at| text(one, at) == text(other, at);
    ["/metadata/name", "/kind", "/metadata/namespace"]
        .into_iter()
        .all(alike)
        && group(one) == group(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_routes_moves_users_by_them_and_the_others_are_read_by_the_standard_ones() {
        for router in registry::ROUTERS {
            let provider = Provider::of(*router);
            let has_routes = !provider.kinds().is_empty();
            assert_eq!(provider.moves_routes(), has_routes, "{provider:?}");
            let read = if has_routes { provider } else { Provider::STANDARD };
            assert_eq!(provider.reading(), read);
        }
        assert!(Provider::STANDARD.makes_routes());
    }

    #[test]
    fn the_fallback_needs_nothing_that_could_be_missing() {
        let fallback = Provider::FALLBACK;
        let target = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        let spec: CanarySpec = serde_json::from_value(serde_json::json!({ "targetRef": target })).unwrap();
        assert!(!fallback.moves_routes() && fallback.own_route().is_none());
        assert!(fallback.lacks(&spec).is_none() && fallback.rejects(&spec).is_empty());
    }
}
