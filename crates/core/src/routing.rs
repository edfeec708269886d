//! Pure: traffic to route objects, and back. A folder or file for each provider in `providers`.
//!
//! A [`Router`] is one value of `spec.provider`: what it can do, what it refuses, and which object it makes for an app
//! that has none. The objects that carry its traffic are of a [`RouteKind`], which reads and writes them: they are
//! foreign, JSON we own parts of. Of what stands beside them no more is asked than of any [`WrittenKind`]; of those that
//! are targets themselves, which revisions they have ([`TargetKind`]). [`registry`] lists both, and everything else asks the
//! registry: what is watched, which rights are needed, what a Canary may name.
//! Who writes an object, and when, is decided elsewhere. What traffic of the moment cannot say by itself (conditions of
//! an A/B test, cookies) is the Canary's [`Exposure`].

mod capabilities;
mod defaults;
pub mod exposure;
mod ingress;
mod kind;
mod own_route;
mod provider;
mod providers;
mod reference;
pub mod registry;
mod resource;
pub mod rights;
mod router;
mod traffic;
mod untested;
mod weighted;

pub use capabilities::Capabilities;
pub use defaults::ProviderDefaults;
pub use exposure::{Affinity, Cookies, Exposure, Member, Pods};
pub use kind::{RouteKind, TargetKind, WrittenKind};
pub use own_route::OwnRoute;
pub use provider::{Provider, add_each_once};
pub use registry::{kind_of, written_of};
pub use resource::{Model, Resource};
pub use router::{Forms, Front, Need, Router};
pub use traffic::{Traffic, Weights};
pub use untested::tests_nobody;

use crate::api::labels;
use crate::object::annotation;
use serde_json::Value;

/// The three Services of a pair, by name. `apex` is the one users call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The Service users call; its selector points at the side that serves everyone.
    pub apex: String,
    /// `{apex}-primary`.
    pub primary: String,
    /// `{apex}-canary`.
    pub canary: String,
}

impl Names {
    /// The names Flagger derives from the apex Service's name.
    pub fn new(apex: &str) -> Self {
        Self {
            apex: apex.to_owned(),
            primary: format!("{apex}-primary"),
            canary: format!("{apex}-canary"),
        }
    }
}

/// Whether `object`, of any kind, is about a Service of the pair: a route that sends requests there, or what stands beside
/// one.
pub fn refers_to(object: &Value, names: &Names) -> bool {
    written_of(object).is_some_and(|kind| kind.refers_to(object, names))
}

/// Whether `object`, of any kind, names `-primary` or `-canary` themselves.
pub fn names_a_half(object: &Value, names: &Names) -> bool {
    written_of(object).is_some_and(|kind| kind.names_a_half(object, names))
}

/// Whether `object`, of any kind, leads users to `-primary` or `-canary` themselves: it may name them and give them nothing.
pub fn leads_to_a_half(object: &Value, names: &Names) -> bool {
    names_a_half(object, names) && kind_of(object).is_none_or(|kind| !kind.spares_halves(object, names))
}

/// `route`, of any kind, as it is when it carries `traffic`, without what is made beside it.
pub fn carrying(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Option<Value> {
    let objects = kind_of(route)?.carrying(std::slice::from_ref(route), names, traffic, exposure);
    objects.into_iter().next()
}

/// What `route` says in the annotations that we write on routes of its kind.
pub fn notes(kind: &dyn RouteKind, route: &Value) -> Vec<(String, Option<String>)> {
    let noted = |key: &&str| ((*key).to_owned(), annotation(route, key).map(str::to_owned));
    kind.notes().iter().map(noted).collect()
}

/// Whether an object was made for a Canary, by us or by Flagger.
pub fn is_made(object: &Value) -> bool {
    let labels = object.pointer("/metadata/labels");
    let generated = labels.and_then(|all| all.get(labels::GENERATED));
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let of_canary = |owner: &Value| owner.get("kind").and_then(Value::as_str) == Some("Canary");
    generated.is_some() || owners.into_iter().flatten().any(of_canary)
}

/// Whether we made `object` beside a route of the user's own, to say what that one cannot.
pub fn is_companion(object: &Value) -> bool {
    written_of(object).is_some_and(|kind| kind.is_companion(object))
}
