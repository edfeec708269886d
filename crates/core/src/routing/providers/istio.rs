//! Provider `istio`: a VirtualService whose `http` and `tcp` rules name the two halves with weights, and a DestinationRule for
//! each half.
//!
//! A VirtualService of the user's own is edited in `spec.http` and `spec.tcp` alone; without one, one is made of
//! `spec.service`, for requests or, with `appProtocol: tcp`, for connections. Either is read and written as
//! `networking.istio.io/v1`, whatever version it was sent in.

mod conditions;
mod cookies;
mod dialect;
mod generated;
mod hosts;
mod lists;
mod mirror;
mod original;
mod policy;
mod problem;

use crate::api::canary::{CanaryService, CanarySpec};
use crate::routing::{
    Capabilities, Exposure, Forms, Names, Resource, RouteKind, Router, Traffic, WrittenKind, is_made, reference,
};
use serde_json::Value;
use std::time::Duration;

/// The provider `istio`.
#[derive(Debug)]
pub struct Istio;

/// The kind of its routes.
#[derive(Debug)]
pub struct VirtualService;

/// The kind of what stands beside them.
#[derive(Debug)]
pub struct DestinationRule;

/// API group of both.
const GROUP: &str = "networking.istio.io";
/// Their version.
const VERSION: &str = "v1";
/// Which has that.
const SINCE: &str = "Istio 1.22";
const API_VERSION: &str = "networking.istio.io/v1";
/// Kind of the routes.
const KIND: &str = "VirtualService";

/// istiod waits until changes have been quiet for a tenth of a second, at most ten seconds, before it tells the proxies
/// (`PILOT_DEBOUNCE_AFTER`, `PILOT_DEBOUNCE_MAX`); most hear it within one.
const PUSH: Duration = Duration::from_secs(5);

/// What Istio compares texts by.
const FORMS: &[&str] = &["exact", "prefix", "regex"];

impl Router for Istio {
    fn name(&self) -> &'static str {
        "istio"
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        &[&VirtualService]
    }

    fn can(&self) -> Capabilities {
        Capabilities {
            weights: true,
            matches: true,
            callers: true,
            mirror: true,
            affinity: true,
            // By shares of new connections.
            tcp: true,
            grpc: true,
            // A destination without a port is the port that was called.
            several_ports: true,
        }
    }

    fn settle(&self) -> Duration {
        PUSH
    }

    fn forms(&self) -> Option<Forms> {
        Some(Forms::alike(FORMS))
    }

    fn rejects(&self, spec: &CanarySpec) -> Vec<(String, String)> {
        problem::of_canary(spec)
    }

    fn is_within(&self) -> bool {
        true
    }

    // A delegate has the hosts of whoever leads to it.
    fn takes_calls(&self, service: &CanaryService) -> bool {
        generated::is_in_mesh(service) && !generated::is_delegate(service)
    }

    fn obeys(&self) -> &'static [&'static str] {
        &[
            "spec.service.gateways",
            "spec.service.hosts",
            "spec.service.delegation",
            "spec.service.trafficPolicy",
            "spec.service.match",
            "spec.service.match[].name",
            "spec.service.match[].scheme",
            "spec.service.match[].authority",
            "spec.service.match[].withoutHeaders",
            "spec.service.match[].port",
            "spec.service.match[].sourceLabels",
            "spec.service.match[].sourceNamespace",
            "spec.service.match[].gateways",
            "spec.service.match[].ignoreUriCase",
            "spec.service.rewrite",
            "spec.service.headers",
            "spec.service.timeout",
            "spec.service.retries",
            "spec.service.corsPolicy",
            "spec.service.corsPolicy.allowOrigins",
        ]
    }

    fn instead(&self) -> &'static str {
        "has no word for it; say it in a VirtualService of your own"
    }

    fn instead_of(&self, field: &str) -> Option<&'static str> {
        (field == "spec.service.gatewayRefs").then_some("has Gateways of its own; see spec.service.gateways")
    }

    fn published(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        Some(generated::generated(namespace, names, spec.service.as_ref()?))
    }

    fn adopt(&self, spec: &mut CanarySpec, route: &Value, _namespace: &str) {
        let Some(service) = &mut spec.service else { return };
        service.gateways = listed(route, "/spec/gateways");
        service.hosts = listed(route, "/spec/hosts");
    }
}

impl WrittenKind for VirtualService {
    fn resource(&self) -> Resource {
        resource(KIND, "virtualservices")
    }

    fn services(&self, route: &Value) -> Vec<String> {
        led(route).map(|(name, _)| name.to_owned()).collect()
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        problem::refers_to(route, names)
    }

    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        lists::names_a_half(route, names)
    }
}

impl RouteKind for VirtualService {
    fn fields(&self) -> &'static [&'static str] {
        &["/spec/http", "/spec/tcp"]
    }

    fn since(&self) -> Option<&'static str> {
        Some(SINCE)
    }

    fn leads_to_a_half(&self) -> Option<&'static str> {
        Some(include_str!("istio/half.cel").trim_ascii_end())
    }

    fn rescue(&self) -> Option<&'static str> {
        Some(include_str!("istio/rescue.sh"))
    }

    // A delegate has the hosts and gateways of the VirtualService that leads to it. Of the two lists a Canary means one.
    fn optional(&self) -> &'static [&'static str] {
        &["hosts", "gateways", "http", "tcp"]
    }

    fn beside(&self) -> &'static [&'static dyn WrittenKind] {
        &[&DestinationRule]
    }

    fn companions(&self, route: &Value, names: &Names) -> Vec<(Resource, String)> {
        let halves = [&names.primary, &names.canary].into_iter();
        let halves = halves.filter(|_| lists::refers_to(route, names));
        halves.map(|half| (DestinationRule.resource(), half.clone())).collect()
    }

    fn outward(&self, route: &Value, own: Option<&str>) -> Option<Vec<(String, String)>> {
        let services = led(route).filter_map(|(name, namespace)| Some((namespace?.to_owned(), name.to_owned())));
        Some(reference::others(services, own))
    }

    fn hosts(&self, route: &Value) -> Vec<String> {
        listed(route, "/spec/hosts").unwrap_or_default()
    }

    fn is_split(&self, route: &Value, names: &Names) -> bool {
        self.names_a_half(route, names) && lists::is_split(route, names)
    }

    fn traffic(
        &self,
        route: &Value,
        _beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        lists::traffic(route, names, exposure, expected)
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        let Some((route, others)) = objects.split_first() else {
            return Vec::new();
        };
        let carrying = lists::carrying(route, names, traffic, exposure);
        let beside = policy::beside(route, names, exposure).into_iter();
        let beside = beside.filter(|_| self.names_a_half(&carrying, names));
        let others = others.iter().cloned().chain(beside);
        std::iter::once(carrying.clone()).chain(others).collect()
    }

    fn folded(&self, route: &Value, names: &Names) -> Value {
        lists::folded(route, names)
    }

    fn original(&self, route: &Value, names: &Names, made: Option<&Value>) -> Option<Result<Value, String>> {
        original::of(route, names, made)
    }

    fn problem(&self, route: &Value, names: &Names, _exposure: &Exposure) -> Option<String> {
        problem::of_route(route, names)
    }
}

// Those that are read are ours: a DestinationRule carries no share.
impl WrittenKind for DestinationRule {
    fn resource(&self) -> Resource {
        resource(policy::KIND, "destinationrules")
    }

    fn services(&self, rule: &Value) -> Vec<String> {
        let host = rule.pointer("/spec/host").and_then(Value::as_str);
        let host = host.filter(|_| is_made(rule)).and_then(hosts::service);
        host.into_iter().map(|(name, _)| name.to_owned()).collect()
    }

    fn refers_to(&self, rule: &Value, names: &Names) -> bool {
        let led = self.services(rule);
        led.iter()
            .any(|service| [&names.primary, &names.canary].contains(&service))
    }

    fn names_a_half(&self, rule: &Value, names: &Names) -> bool {
        self.refers_to(rule, names)
    }

    fn is_companion(&self, rule: &Value) -> bool {
        is_made(rule)
    }
}

// The Services that a VirtualService sends to, with the namespaces of hosts that name one.
fn led(route: &Value) -> impl Iterator<Item = (&str, Option<&str>)> {
    let hosts = problem::destinations(route).filter_map(|one| one.get("host")?.as_str());
    hosts.filter_map(hosts::service)
}

fn resource(kind: &'static str, plural: &'static str) -> Resource {
    Resource {
        group: GROUP,
        version: VERSION,
        kind,
        plural,
        built_in: false,
    }
}

// The texts of a list; `None` where there is none.
fn listed(route: &Value, pointer: &str) -> Option<Vec<String>> {
    let all = route.pointer(pointer)?.as_array()?;
    Some(all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
