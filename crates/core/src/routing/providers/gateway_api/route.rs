//! What routes of the Gateway API have in common, which is nearly all: rules that name backends with weights, and what
//! gateways say of a route in its status.

mod abroad;
mod beside;
pub(in crate::routing::providers) mod conditions;
mod controllers;
mod cookies;
mod defaults;
mod dialect;
mod generated;
mod prefix;
mod problem;
mod refusal;
mod spec;
mod verdict;

pub(in crate::routing::providers) use conditions::named;
pub use generated::{RouteSpec, generated};
pub use spec::{header_modifiers, mirrors, route_spec};

use super::adopted;
use crate::routing::reference;
use crate::routing::{Capabilities, Exposure, Names, Resource, RouteKind, Traffic, WrittenKind, weighted};
use dialect::Rules;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::marker::PhantomData;

/// API group of the routes.
pub const GROUP: &str = "gateway.networking.k8s.io";
/// The version that is read and written.
const VERSION: &str = "v1";

/// What one kind of routes says in its own way.
pub trait Words: Sync + 'static {
    /// Name of the kind, as manifests have it.
    const KIND: &'static str;
    /// The same as paths have it.
    const PLURAL: &'static str;
    /// What routes of it can do for a pair.
    const CAN: Capabilities;
    /// The lists of what a match compares by name.
    const NAMED: &'static [&'static str];
    /// The line of shell that gives routes of it back.
    const RESCUE: &'static str;
    /// From which version of the Gateway API on it is served as it is written.
    const SINCE: &'static str;

    /// The match that every request meets.
    fn everything() -> Value;

    /// What of an analysis there is no word for: the paths below it, and why.
    fn unsaid(_exposure: &Exposure) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// A kind of routes.
#[derive(Debug)]
pub struct Route<W>(PhantomData<W>);

impl<W: Words> Route<W> {
    /// The kind as a value, for the registry.
    pub const KIND: Self = Self(PhantomData);
}

// What is asked of a run for cookies, where they reach nobody, is nothing that is written or waited for.
fn shown<W: Words>(exposure: &Exposure) -> Cow<'_, Exposure> {
    if W::CAN.affinity {
        Cow::Borrowed(exposure)
    } else {
        Cow::Owned(exposure.without_sessions())
    }
}

impl<W: Words> WrittenKind for Route<W> {
    fn resource(&self) -> Resource {
        Resource {
            group: GROUP,
            version: VERSION,
            kind: W::KIND,
            plural: W::PLURAL,
            built_in: false,
        }
    }

    fn services(&self, route: &Value) -> Vec<String> {
        let named = |backend: &Value| backend.get("name").and_then(Value::as_str).map(str::to_owned);
        weighted::all_refs::<Rules<W>>(route).filter_map(named).collect()
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        weighted::refers_to::<Rules<W>>(route, names)
    }

    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        weighted::names_a_half::<Rules<W>>(route, names)
    }
}

impl<W: Words> RouteKind for Route<W> {
    fn fields(&self) -> &'static [&'static str] {
        &["/spec/rules"]
    }

    fn leads_to_a_half(&self) -> Option<&'static str> {
        Some(include_str!("route/half.cel").trim_ascii_end())
    }

    fn rescue(&self) -> Option<&'static str> {
        Some(W::RESCUE)
    }

    fn since(&self) -> Option<&'static str> {
        Some(W::SINCE)
    }

    fn said(&self, spec: &Value) -> Value {
        defaults::without(spec)
    }

    fn optional(&self) -> &'static [&'static str] {
        &["hostnames"]
    }

    fn outward(&self, route: &Value, own: Option<&str>) -> Option<Vec<(String, String)>> {
        Some(reference::outward(weighted::all_refs::<Rules<W>>(route), own))
    }

    fn is_followed_outward(&self, route: &Value) -> bool {
        let mut backends = weighted::all_refs::<Rules<W>>(route).map(|backend| backend.get("namespace"));
        let first = backends.next().flatten();
        abroad::is_followed(route, first.is_some() && backends.all(|other| other == first))
    }

    fn unfollowed(&self) -> Option<&'static str> {
        Some(abroad::UNFOLLOWED)
    }

    fn hosts(&self, route: &Value) -> Vec<String> {
        adopted::hostnames(route).unwrap_or_default()
    }

    fn is_split(&self, route: &Value, names: &Names) -> bool {
        weighted::is_carried::<Rules<W>>(route, names)
    }

    fn traffic(
        &self,
        route: &Value,
        _beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        let asked = expected.map(|asked| Traffic {
            sticky: asked.sticky && W::CAN.affinity,
            ..asked
        });
        let found = weighted::traffic::<Rules<W>>(route, names, &shown::<W>(exposure), asked)?;
        Some(found.as_able(W::CAN, expected))
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        let exposure = &shown::<W>(exposure);
        let change = |route: &Value| {
            let rules = weighted::with_traffic::<Rules<W>>(route, names, traffic, exposure);
            weighted::with_rules::<Rules<W>>(route, rules)
        };
        objects.iter().map(change).collect()
    }

    fn folded(&self, route: &Value, names: &Names) -> Value {
        weighted::with_rules::<Rules<W>>(route, weighted::folded::<Rules<W>>(route, names))
    }

    fn hears_apart(&self, route: &Value) -> bool {
        controllers::hears_apart(route)
    }

    fn naming(&self, route: &Value, names: &Names) -> Value {
        weighted::with_rules::<Rules<W>>(route, weighted::naming::<Rules<W>>(route, names))
    }

    fn spares_halves(&self, route: &Value, names: &Names) -> bool {
        weighted::spares_halves::<Rules<W>>(route, names)
    }

    fn problem(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        problem::problem::<W>(route, names, &shown::<W>(exposure))
    }

    fn unresolved(&self, route: &Value, names: &Names) -> Option<String> {
        verdict::unresolved::<W>(route, names)
    }

    fn crowded(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        problem::crowded::<W>(route, names, &shown::<W>(exposure))
    }

    fn unsaid(&self, exposure: &Exposure) -> Vec<(String, String)> {
        W::unsaid(exposure)
    }

    fn is_pending(&self, route: &Value) -> bool {
        verdict::is_pending(route)
    }

    fn is_taken(&self, route: &Value) -> bool {
        verdict::is_taken(route)
    }

    fn shut_out(&self, route: &Value) -> Option<String> {
        beside::shut_out::<W>(route)
    }

    fn yields(&self, route: &Value, older: &Value) -> bool {
        beside::yields(route, older)
    }

    fn unmirrored<'a>(&self, route: &'a Value) -> Vec<(&'a Value, &'a str)> {
        controllers::unmirrored(route)
    }

    fn copying_all<'a>(&self, route: &'a Value) -> Vec<(&'a Value, &'a str)> {
        controllers::copying_all(route)
    }

    fn told(&self, route: &Value) -> Value {
        let parents = route.pointer("/status/parents").and_then(Value::as_array);
        let of = |field: &str, parent: &Value| parent.get(field).cloned().unwrap_or_default();
        // What leads nowhere else is asked of no more.
        let leads_out = weighted::all_refs::<Rules<W>>(route).any(|backend| backend.get("namespace").is_some());
        let conditions = |parent: &Value| {
            if leads_out { abroad::told(parent) } else { Vec::new() }
        };
        let slim = |parent: &Value| {
            json!({
                "parentRef": of("parentRef", parent), "controllerName": of("controllerName", parent),
                "conditions": conditions(parent),
            })
        };
        let parents: Vec<Value> = parents.into_iter().flatten().map(slim).collect();
        json!({ "parents": parents })
    }
}
