//! One value of `spec.provider`: what it can do, and what it makes.

use super::{Names, OwnRoute, Resource, RouteKind, registry};
use crate::api::canary::{Analysis, CanaryService, CanarySpec};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

/// What the data planes behind a provider can do for a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// A share between none and all.
    pub weights: bool,
    /// Send requests that match `analysis.match` to the canary.
    pub matches: bool,
    /// Send the canary a copy of the traffic.
    pub mirror: bool,
    /// Keep a user on one side by cookie.
    pub affinity: bool,
    /// Move connections of which nothing is known, as of `appProtocol: tcp`, and not requests alone.
    pub tcp: bool,
    /// Carry gRPC, also by a route that is made for an app whose user has none.
    pub grpc: bool,
    /// Move whoever calls any port of the Service, also by such a route; otherwise that one is for `spec.service.port` alone.
    pub several_ports: bool,
}

impl Capabilities {
    /// None of it.
    pub const NONE: Self = Self {
        weights: false,
        matches: false,
        mirror: false,
        affinity: false,
        tcp: false,
        grpc: false,
        several_ports: false,
    };
}

/// A field without which a provider can route nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Its path.
    pub field: &'static str,
    /// What the provider does with it, after its name: "copies the Ingress that routes to the target".
    pub why: &'static str,
    /// Whether it can do without where the user has a route of the provider's kind that leads to the app.
    pub without_route: bool,
}

/// The forms in which parts of a request can be compared: members of a StringMatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forms {
    /// Of `uri`.
    pub uri: &'static [&'static str],
    /// Of `method`.
    pub method: &'static [&'static str],
    /// Of headers and query parameters.
    pub named: &'static [&'static str],
    /// Whether data planes differ in how much a regular expression has to match.
    pub open_regexes_differ: bool,
}

impl Forms {
    /// The same for every part, and regular expressions that mean the same everywhere.
    pub const fn alike(forms: &'static [&'static str]) -> Self {
        Self {
            uri: forms,
            method: forms,
            named: forms,
            open_regexes_differ: false,
        }
    }
}

/// A kind whose objects lead users to a provider's routes, and may lead past them. They are looked at and never written.
#[derive(Clone, Copy)]
pub struct Front {
    /// What it is called.
    pub resource: Resource,
    /// What an object's users miss, in words for people, where it leads past the routes of an app.
    pub past: fn(&Value, &Names) -> Option<String>,
}

/// How requests are moved between the two halves of a pair. Pure.
pub trait Router: Sync {
    /// As in `spec.provider`.
    fn name(&self) -> &'static str;

    /// The kinds whose objects carry the traffic, all of them at once where users have several; the first is the one that
    /// speaks for all, and in which a route is made where nothing asks for another. None where the selector of the apex
    /// Service carries it.
    fn kinds(&self) -> &'static [&'static dyn RouteKind];

    /// What it can do.
    fn can(&self) -> Capabilities;

    /// How long after a write, at most, the data plane sends users by what was written. None of them tells when its proxies
    /// do, so each provider has a bound.
    fn settle(&self) -> Duration;

    /// Whether its makers have given the project up: who names it is told to plan a move.
    fn is_retired(&self) -> bool {
        false
    }

    /// What a Canary lacks without which nothing can be routed.
    fn lacks(&self, _spec: &CanarySpec) -> Option<Need> {
        None
    }

    /// How it compares parts of a request; `None` where there is no limit that we know.
    fn forms(&self) -> Option<Forms> {
        None
    }

    /// Name of the one route that it moves, where the Canary has to say which.
    fn route(&self, _spec: &CanarySpec) -> Option<String> {
        None
    }

    /// What of an analysis its data planes cannot do: the path below the analysis, and what to do instead.
    fn refuses(&self, _analysis: &Analysis) -> Option<(String, String)> {
        None
    }

    /// What of a Canary, besides what its analysis asks for and what it [can](Self::can) do, it cannot carry: the paths, and
    /// what to do instead.
    fn rejects(&self, _spec: &CanarySpec) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Whether requests between pods go by its routes: then a route publishes nothing by itself, and every app that is called
    /// has one.
    fn is_within(&self) -> bool {
        false
    }

    /// The fields of a Canary that shape what it makes; none where it makes none of its own.
    fn obeys(&self) -> &'static [&'static str] {
        &[]
    }

    /// What leads users to its routes.
    fn front(&self) -> Option<Front> {
        None
    }

    /// Why fields that shape the route of another provider do nothing here, after its name.
    fn instead(&self) -> &'static str {
        "writes no route"
    }

    /// The route of an app whose user has none, at rest, with everything on primary; `None` when the Canary publishes
    /// nothing. It is asked for no Canary that it rejects.
    fn published(&self, _namespace: &str, _names: &Names, _spec: &CanarySpec) -> Option<Value> {
        None
    }

    /// `route`, which it made, with what the `annotations` of the Canary say of it.
    fn annotated(&self, route: Value, _annotations: &BTreeMap<String, String>) -> Value {
        route
    }

    /// What the port of the Services that are made says that it speaks.
    fn spoken(&self, service: &CanaryService) -> Option<String> {
        service.app_protocol.clone()
    }

    /// Has a generated Canary say of its `route`, the user's own, what the provider needs to know of it.
    fn adopt(&self, _spec: &mut CanarySpec, _route: &Value, _namespace: &str) {}
}

/// A provider that is built. Two are the same when they have the same name.
#[derive(Clone, Copy)]
pub struct Provider(&'static dyn Router);

impl Provider {
    /// `gatewayapi:v1`: an HTTPRoute with two weighted backends.
    pub const GATEWAY_API: Self = Self(&super::providers::gateway_api::GatewayApi);
    /// `kubernetes`: the apex Service's selector, all or nothing.
    pub const KUBERNETES: Self = Self(&super::providers::kubernetes::Kubernetes);

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

    /// Whether a share between none and all can be routed.
    pub fn has_weights(self) -> bool {
        self.0.can().weights
    }

    /// What of a Canary, besides what its analysis asks for, it cannot carry: the paths, and what to do instead.
    pub fn rejects(self, spec: &CanarySpec) -> Vec<(String, String)> {
        let connections = self.refuses_connections(spec);
        connections.into_iter().chain(self.0.rejects(spec)).collect()
    }

    // Where requests are split, an app that speaks something else cannot be.
    fn refuses_connections(self, spec: &CanarySpec) -> Option<(String, String)> {
        let spoken = spec.service.as_ref()?.app_protocol.as_deref()?;
        let refused = spoken.eq_ignore_ascii_case("tcp") && !self.0.can().tcp;
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
