//! Provider `knative`: a Knative Service is the target and carries its traffic itself. Its list `spec.traffic` gives the
//! revision under test the canary's share, and the revision that an annotation names the rest.
//!
//! The list is ours while it is held; what its author has there stands in an annotation meanwhile. Entries with a tag give a
//! revision an address of its own: they stay, and carry no share.

mod list;
mod revisions;
mod status;

use super::gateway_api::RELOAD;
use crate::api::labels::{PRIMARY_REVISION, TRAFFIC};
use crate::object::text;
use crate::routing::{Capabilities, Exposure, Names, Resource, RouteKind, Router, TargetKind, Traffic, WrittenKind};
use serde_json::Value;
use std::time::Duration;

/// The provider `knative`.
#[derive(Debug)]
pub struct Knative;

/// The kind of its routes, which are its targets.
#[derive(Debug)]
pub struct KnativeService;

/// What the API server calls that kind.
const SERVICE: Resource = Resource {
    group: "serving.knative.dev",
    version: "v1",
    kind: "Service",
    plural: "services",
    built_in: false,
};

const CAN: Capabilities = Capabilities {
    weights: true,
    // The one port of a revision says what is spoken.
    grpc: true,
    ..Capabilities::NONE
};

impl Router for Knative {
    fn name(&self) -> &'static str {
        "knative"
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        &[&KnativeService]
    }

    fn can(&self) -> Capabilities {
        CAN
    }

    // Beside what the Service's status says of its ingress.
    fn settle(&self) -> Duration {
        RELOAD
    }

    fn instead(&self) -> &'static str {
        "moves shares alone; ports, hosts and what else shapes requests are said by your Knative Service and its DomainMappings"
    }
}

impl WrittenKind for KnativeService {
    fn resource(&self) -> Resource {
        SERVICE
    }

    fn services(&self, route: &Value) -> Vec<String> {
        vec![text(route, "/metadata/name").to_owned()]
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        text(route, "/metadata/name") == names.apex
    }

    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        self.refers_to(route, names) && list::is_ours(route)
    }
}

impl RouteKind for KnativeService {
    fn fields(&self) -> &'static [&'static str] {
        &[list::AT]
    }

    fn rescue(&self) -> Option<&'static str> {
        Some(include_str!("knative/rescue.sh"))
    }

    fn notes(&self) -> &'static [&'static str] {
        &[PRIMARY_REVISION, TRAFFIC]
    }

    fn as_target(&self) -> Option<&'static dyn TargetKind> {
        Some(&KnativeService)
    }

    fn outward(&self, _route: &Value, _own: Option<&str>) -> Option<Vec<(String, String)>> {
        None
    }

    // Knative gives it one, and DomainMappings more.
    fn hosts(&self, _route: &Value) -> Vec<String> {
        Vec::new()
    }

    fn is_split(&self, route: &Value, names: &Names) -> bool {
        self.names_a_half(route, names)
    }

    fn traffic(
        &self,
        route: &Value,
        _beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        let share = list::share(route).filter(|_| self.refers_to(route, names))?;
        let right = list::carrying(route, share, exposure);
        (right.pointer(list::AT) == route.pointer(list::AT)).then(|| Traffic::share(share).as_able(CAN, expected))
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        let change = |route: &Value| match self.refers_to(route, names) {
            true => list::carrying(route, traffic.canary(), exposure),
            false => route.clone(),
        };
        objects.iter().map(change).collect()
    }

    fn folded(&self, route: &Value, names: &Names) -> Value {
        match self.names_a_half(route, names) {
            true => list::folded(route),
            false => route.clone(),
        }
    }

    fn problem(&self, route: &Value, _names: &Names, _exposure: &Exposure) -> Option<String> {
        status::refused(route)
    }

    fn is_pending(&self, route: &Value) -> bool {
        status::is_pending(route)
    }
}

#[cfg(test)]
mod tests;
