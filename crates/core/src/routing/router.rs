//! How a provider moves requests: what each one is asked, and the values in which it answers.

use super::{Capabilities, Names, ProviderDefaults, Resource, RouteKind};
use crate::api::canary::{Analysis, CanaryService, CanarySpec, StringMatch};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// A field without which a provider can route nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Path of the field in a Canary.
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
    /// Whether its objects lie in the namespace of the app; otherwise they are the whole cluster's.
    pub namespaced: bool,
    /// Whether nobody at all comes by an app's routes that one leads past: a run then shows nothing to anybody.
    pub decides: bool,
    /// What an object's users miss, in words for people, where it leads past the routes of an app: the last, which lead to it, or
    /// of which one is to be made.
    pub past: fn(&Value, &Names, &[&Value]) -> Option<String>,
}

/// How requests are moved between the two halves of a pair. Pure.
pub trait Router: Sync {
    /// As in `spec.provider`.
    fn name(&self) -> &'static str;

    /// Other words for it in `spec.provider`.
    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }

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

    /// Why the header of that name cannot be compared with `value` to tell whom a test is for, and what to do instead.
    fn misreads(&self, _header: &str, _value: &StringMatch) -> Option<String> {
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

    /// Whether who calls one of the hosts of `service` inside the mesh comes by its routes, whoever else has that name. A host
    /// at a gateway, or in a note for one, is none of those; nor is the name of a Service that is looked for in the route's
    /// own namespace.
    fn takes_calls(&self, _service: &CanaryService) -> bool {
        false
    }

    /// Whether it moves only those who call the Service by its address: who looks for the pods behind a headless one goes past it.
    fn needs_address(&self) -> bool {
        false
    }

    /// What a Canary says of the version of an object that is not the one it reads: the path, and what becomes of it.
    fn other_version(&self, _spec: &CanarySpec) -> Option<(&'static str, &'static str)> {
        None
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

    /// The same of one field, where there is more to say of it.
    fn instead_of(&self, _field: &str) -> Option<&'static str> {
        None
    }

    /// The route of an app whose user has none, at rest, with everything on primary; `None` when the Canary publishes
    /// nothing. It is asked for no Canary that it rejects.
    fn published(&self, _namespace: &str, _names: &Names, _spec: &CanarySpec) -> Option<Value> {
        None
    }

    /// The same in the kind that it makes for most apps, where [`published`](Self::published) makes another kind for this one: a route
    /// of that kind that was made before, by Flagger perhaps, stays in use.
    fn published_plainly(&self, _namespace: &str, _names: &Names, _spec: &CanarySpec) -> Option<Value> {
        None
    }

    /// `route`, which it made, with what the `annotations` of the Canary say of it.
    fn annotated(&self, route: Value, _annotations: &BTreeMap<String, String>) -> Value {
        route
    }

    /// `route`, which it made, with what the command line says of what is made.
    fn defaulted(&self, route: Value, _defaults: &ProviderDefaults) -> Value {
        route
    }

    /// Whether the `annotations` of a Canary ask its proxies to log every request.
    fn logs(&self, _annotations: &BTreeMap<String, String>) -> bool {
        false
    }

    /// What the port of the Services that are made says that it speaks.
    fn spoken(&self, service: &CanaryService) -> Option<String> {
        service.app_protocol.clone()
    }

    /// Has a generated Canary say of its `route`, the user's own, what the provider needs to know of it.
    fn adopt(&self, _spec: &mut CanarySpec, _route: &Value, _namespace: &str) {}
}
