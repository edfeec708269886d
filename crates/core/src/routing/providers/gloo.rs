//! Provider `gloo`: a RouteTable of the app's name, whose one route leads to the two halves with weights, and an Upstream for
//! each half. The VirtualService that delegates to it is its author's and is never written.
//!
//! A RouteTable of the user's own that leads to the app, by its Service or by an Upstream that is called as Gloo's discovery
//! calls it, is edited in `spec.routes` alone.

mod conditions;
mod cookies;
mod dialect;
mod front;
mod generated;
mod lifted;
mod mirror;
mod place;
mod problem;
mod status;
mod upstream;

use crate::api::canary::CanarySpec;
use crate::object::text;
use crate::routing::{
    Capabilities, Exposure, Forms, Front, Model, Names, Resource, RouteKind, Router, Traffic, WrittenKind, is_made,
    reference, weighted,
};
use dialect::TableRoutes;
use serde_json::Value;
use std::time::Duration;

/// The provider `gloo`.
#[derive(Debug)]
pub struct Gloo;

/// The kind of its routes.
#[derive(Debug)]
pub struct RouteTable;

/// The kind of what stands beside them.
#[derive(Debug)]
pub struct Upstream;

const GROUP: &str = "gateway.solo.io";
const VERSION: &str = "v1";
const KIND: &str = "RouteTable";

/// Gloo looks at what has changed once in a second, and needs most of another to tell its proxies.
const PUSH: Duration = Duration::from_secs(5);

/// What it compares texts by: a prefix and a suffix become expressions.
const FORMS: &[&str] = &["exact", "prefix", "suffix", "regex"];

impl Router for Gloo {
    fn name(&self) -> &'static str {
        "gloo"
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        &[&RouteTable]
    }

    fn can(&self) -> Capabilities {
        Capabilities {
            weights: true,
            matches: true,
            mirror: true,
            affinity: true,
            // The RouteTable that is made leads to one port, by HTTP/1.1 unless `upstreamRef` says otherwise.
            ..Capabilities::NONE
        }
    }

    fn settle(&self) -> Duration {
        PUSH
    }

    fn forms(&self) -> Option<Forms> {
        Some(Forms::alike(FORMS))
    }

    fn obeys(&self) -> &'static [&'static str] {
        &["spec.upstreamRef"]
    }

    fn front(&self) -> Option<Front> {
        Some(front::VIRTUAL_SERVICE)
    }

    fn instead(&self) -> &'static str {
        "writes a RouteTable for a VirtualService of yours to delegate to; hosts, paths and options are said there, or in a \
         RouteTable of your own"
    }

    fn published(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        generated::generated(namespace, names, spec.service.as_ref()?)
    }
}

impl WrittenKind for RouteTable {
    fn resource(&self) -> Resource {
        Resource {
            group: GROUP,
            version: VERSION,
            kind: KIND,
            plural: "routetables",
            built_in: false,
        }
    }

    fn services(&self, route: &Value) -> Vec<String> {
        let own = text(route, "/metadata/namespace");
        let all = weighted::rules::<TableRoutes>(route).flat_map(lifted::destinations);
        let led = all.flat_map(place::services);
        let local = led.filter_map(|(namespace, service)| (namespace == own).then_some(service));
        local.collect()
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        problem::refers_to(route, names)
    }

    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        weighted::names_a_half::<TableRoutes>(&lifted::up(route, names), names)
    }
}

impl RouteKind for RouteTable {
    fn fields(&self) -> &'static [&'static str] {
        &["/spec/routes"]
    }

    fn leads_to_a_half(&self) -> Option<&'static str> {
        Some(include_str!("gloo/half.cel").trim_ascii_end())
    }

    fn rescue(&self) -> Option<&'static str> {
        Some(include_str!("gloo/rescue.sh"))
    }

    fn beside(&self) -> &'static [&'static dyn WrittenKind] {
        &[&Upstream]
    }

    fn companions(&self, route: &Value, names: &Names) -> Vec<(Resource, String)> {
        let named = upstream::names_of(route, names).into_iter();
        named.map(|name| (Upstream.resource(), name)).collect()
    }

    fn models(&self, route: &Value, names: &Names, exposure: &Exposure) -> Vec<Model> {
        upstream::models(route, names, exposure)
    }

    fn outward(&self, route: &Value, own: Option<&str>) -> Option<Vec<(String, String)>> {
        let all = weighted::rules::<TableRoutes>(route).flat_map(lifted::destinations);
        // What may be of its own namespace is: where one name ends and the other begins cannot be seen.
        let led = all.map(place::services);
        let abroad = led.filter(|all| !all.iter().any(|(namespace, _)| Some(namespace.as_str()) == own));
        Some(reference::others(abroad.flatten(), own))
    }

    // It has those of what delegates to it.
    fn hosts(&self, _route: &Value) -> Vec<String> {
        Vec::new()
    }

    fn is_split(&self, route: &Value, names: &Names) -> bool {
        let lifted = lifted::up(route, names);
        weighted::names_a_half::<TableRoutes>(&lifted, names) && weighted::is_split::<TableRoutes>(&lifted, names)
    }

    fn traffic(
        &self,
        route: &Value,
        _beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        weighted::traffic::<TableRoutes>(&lifted::up(route, names), names, exposure, expected)
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        let Some((route, others)) = objects.split_first() else {
            return Vec::new();
        };
        let lifted = lifted::up(route, names);
        let rules = weighted::with_traffic::<TableRoutes>(&lifted, names, traffic, exposure);
        let carrying = lifted::down(&weighted::with_rules::<TableRoutes>(route, rules), names);
        let beside = upstream::beside(&carrying, names, exposure);
        let others = others.iter().cloned().chain(beside);
        std::iter::once(carrying.clone()).chain(others).collect()
    }

    fn folded(&self, route: &Value, names: &Names) -> Value {
        if !self.names_a_half(route, names) {
            return route.clone();
        }
        let rules = weighted::folded::<TableRoutes>(&lifted::up(route, names), names);
        lifted::down(&weighted::with_rules::<TableRoutes>(route, rules), names)
    }

    fn problem(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        problem::of_route(route, names, exposure).or_else(|| status::refused(route))
    }

    fn refused(&self, companion: &Value) -> Option<String> {
        status::refused(companion)
    }
}

// Those of others are models of ours at most. A half's carries no share.
impl WrittenKind for Upstream {
    fn resource(&self) -> Resource {
        Resource {
            group: "gloo.solo.io",
            version: VERSION,
            kind: upstream::KIND,
            plural: "upstreams",
            built_in: false,
        }
    }

    fn services(&self, upstream: &Value) -> Vec<String> {
        let service = upstream::service(upstream);
        service.into_iter().map(str::to_owned).collect()
    }

    fn refers_to(&self, upstream: &Value, names: &Names) -> bool {
        let half = |service: &str| service == names.primary || service == names.canary;
        is_made(upstream) && upstream::service(upstream).is_some_and(half)
    }

    // It leads to one, but nobody is led there by it alone.
    fn names_a_half(&self, _upstream: &Value, _names: &Names) -> bool {
        false
    }

    fn is_companion(&self, upstream: &Value) -> bool {
        is_made(upstream)
    }

    fn is_destination(&self) -> bool {
        true
    }

    fn is_known(&self, upstream: &Value) -> bool {
        status::is_known(upstream)
    }

    // Gloo reads none.
    fn prefixes(&self, _companion: &Value) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
