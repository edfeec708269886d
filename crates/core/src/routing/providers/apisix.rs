//! Provider `apisix`: a second ApisixRoute beside the user's, `ROUTE-SERVICE-canary`, whose entries have the user's paths and a
//! higher priority, and name the two halves with weights.
//!
//! The user's own ApisixRoute leads to the apex Service and is never written. The second one is there while a share is the
//! canary's, and gone afterwards; the same as Flagger's, which leaves it with a weight of nothing. APISIX counts requests by
//! the name of the route they came by, so an app has series of its own only where it has a route of its own.

mod companion;
mod conditions;
mod entries;
mod order;
mod problem;
mod status;

use crate::api::canary::{CanarySpec, ObjectRef};
use crate::object::text;
use crate::routing::{Capabilities, Exposure, Forms, Names, Need, Resource, RouteKind, Router, Traffic, WrittenKind};
use serde_json::Value;
use std::time::Duration;

/// The provider `apisix`.
#[derive(Debug)]
pub struct Apisix;

/// The kind of its routes.
#[derive(Debug)]
pub struct ApisixRoute;

const GROUP: &str = "apisix.apache.org";
const VERSION: &str = "v2";
const API_VERSION: &str = "apisix.apache.org/v2";
const KIND: &str = "ApisixRoute";

/// The ingress controller sends a change on as it hears of it, and APISIX's workers hear within a second; the controller of
/// version 2 gathers changes first.
const SYNC: Duration = Duration::from_secs(5);

/// What it compares texts by: a prefix and a suffix become expressions.
const FORMS: &[&str] = &["exact", "prefix", "suffix", "regex"];

const CAN: Capabilities = Capabilities {
    weights: true,
    matches: true,
    // By the port of each of the user's entries. gRPC is said by an ApisixUpstream of a Service's name, and the halves have
    // none but the user's.
    several_ports: true,
    ..Capabilities::NONE
};

impl Router for Apisix {
    fn name(&self) -> &'static str {
        "apisix"
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        &[&ApisixRoute]
    }

    fn can(&self) -> Capabilities {
        CAN
    }

    fn settle(&self) -> Duration {
        SYNC
    }

    fn lacks(&self, spec: &CanarySpec) -> Option<Need> {
        let need = Need {
            field: "spec.routeRef",
            why: "copies the ApisixRoute that routes to the target",
            without_route: false,
        };
        spec.route_ref.is_none().then_some(need)
    }

    fn forms(&self) -> Option<Forms> {
        Some(Forms::alike(FORMS))
    }

    fn obeys(&self) -> &'static [&'static str] {
        &["spec.routeRef"]
    }

    fn instead(&self) -> &'static str {
        "copies the route that you have"
    }

    fn route(&self, spec: &CanarySpec) -> Option<String> {
        spec.route_ref.as_ref().map(|route| route.name.clone())
    }

    fn adopt(&self, spec: &mut CanarySpec, route: &Value, _namespace: &str) {
        spec.route_ref = Some(ObjectRef {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            name: text(route, "/metadata/name").to_owned(),
        });
    }
}

impl WrittenKind for ApisixRoute {
    fn resource(&self) -> Resource {
        Resource {
            group: GROUP,
            version: VERSION,
            kind: KIND,
            plural: "apisixroutes",
            built_in: false,
        }
    }

    fn prefixes(&self, _companion: &Value) -> Vec<String> {
        vec![companion::PREFIX.to_owned()]
    }

    fn services(&self, route: &Value) -> Vec<String> {
        entries::services(route).map(str::to_owned).collect()
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        if self.is_companion(route) {
            return entries::services(route).any(|service| service == names.primary || service == names.canary);
        }
        entries::services(route).any(|service| service == names.apex)
    }

    // A route of the user's own that names one, to look at it say, is not ours to move.
    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        self.is_companion(route) && self.refers_to(route, names)
    }

    fn is_companion(&self, route: &Value) -> bool {
        companion::is_ours(route)
    }
}

impl RouteKind for ApisixRoute {
    fn fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn rescue(&self) -> Option<&'static str> {
        Some(include_str!("apisix/rescue.sh"))
    }

    fn companions(&self, route: &Value, names: &Names) -> Vec<(Resource, String)> {
        if self.is_companion(route) {
            return Vec::new();
        }
        vec![(self.resource(), companion::name(route, names))]
    }

    // Its backends are Services of its own namespace.
    fn outward(&self, _route: &Value, _own: Option<&str>) -> Option<Vec<(String, String)>> {
        None
    }

    fn hosts(&self, route: &Value) -> Vec<String> {
        entries::hosts(route)
    }

    fn is_split(&self, _route: &Value, _names: &Names) -> bool {
        false
    }

    fn traffic(
        &self,
        route: &Value,
        beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        companion::traffic(route, beside, names, exposure, expected)
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        companion::carrying(objects, names, traffic, exposure)
    }

    fn folded(&self, route: &Value, _names: &Names) -> Value {
        route.clone()
    }

    fn problem(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        problem::of_route(route, names)
            .or_else(|| self.crowded(route, names, exposure))
            .or_else(|| status::refused(route))
    }

    fn refused(&self, companion: &Value) -> Option<String> {
        status::refused(companion)
    }

    fn crowded(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        order::conflict(route, names, exposure)
    }
}

#[cfg(test)]
mod tests;
