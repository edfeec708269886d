//! Provider `kuma`: a MeshHTTPRoute whose rules name the two halves with weights. Flagger's `kuma` writes a TrafficRoute, which
//! Kuma has given up; what a Canary says for it means the same here.
//!
//! One of the user's own that names the Service of the app is edited in the rules of `spec.to` and nowhere else.

mod dialect;
mod front;
mod generated;
mod mirror;
mod problem;
mod references;
mod rules;

use crate::api::canary::{CanaryService, CanarySpec};
use crate::routing::{
    Capabilities, Exposure, Forms, Front, Names, Resource, RouteKind, Router, Traffic, WrittenKind, reference, weighted,
};
use dialect::Rules;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The provider `kuma`.
#[derive(Debug)]
pub struct Kuma;

/// The kind of its routes.
#[derive(Debug)]
pub struct MeshHttpRoute;

const GROUP: &str = "kuma.io";
const VERSION: &str = "v1alpha1";
const KIND: &str = "MeshHTTPRoute";

/// Its control plane makes the configuration of each proxy anew once a second, where something has changed.
const PUSH: Duration = Duration::from_secs(5);

// It adds to answers by rule and not by backend, so no cookie can tell a user's side.
const CAN: Capabilities = Capabilities {
    weights: true,
    matches: true,
    mirror: true,
    // Of a Service whose port says so.
    grpc: true,
    ..Capabilities::NONE
};

impl Router for Kuma {
    fn name(&self) -> &'static str {
        "kuma"
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        &[&MeshHttpRoute]
    }

    fn can(&self) -> Capabilities {
        CAN
    }

    fn settle(&self) -> Duration {
        PUSH
    }

    // Its expressions cover the whole text. What it has no word for is said by them.
    fn forms(&self) -> Option<Forms> {
        Some(Forms {
            uri: &["exact", "prefix", "regex"],
            method: &["exact"],
            named: &["exact", "prefix", "suffix", "regex"],
            open_regexes_differ: false,
        })
    }

    fn rejects(&self, spec: &CanarySpec) -> Vec<(String, String)> {
        problem::of_canary(spec)
    }

    fn is_within(&self) -> bool {
        true
    }

    fn obeys(&self) -> &'static [&'static str] {
        &["spec.service.match"]
    }

    fn front(&self) -> Option<Front> {
        Some(front::MESHES)
    }

    fn instead(&self) -> &'static str {
        "splits what callers in the mesh send to the Service; hosts, gateways, headers, rewrites and timeouts are said by a \
         MeshHTTPRoute and other policies of your own"
    }

    fn spoken(&self, service: &CanaryService) -> Option<String> {
        generated::spoken(service)
    }

    fn published(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        generated::generated(namespace, names, spec.service.as_ref()?)
    }

    fn annotated(&self, route: Value, annotations: &BTreeMap<String, String>) -> Value {
        generated::in_mesh(route, annotations)
    }
}

impl WrittenKind for MeshHttpRoute {
    fn resource(&self) -> Resource {
        Resource {
            group: GROUP,
            version: VERSION,
            kind: KIND,
            plural: "meshhttproutes",
            built_in: false,
        }
    }

    fn services(&self, route: &Value) -> Vec<String> {
        led(route).into_iter().map(|(name, _)| name).collect()
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        problem::refers_to(route, names)
    }

    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        weighted::names_a_half::<Rules>(&rules::listed(route), names)
    }
}

impl RouteKind for MeshHttpRoute {
    fn fields(&self) -> &'static [&'static str] {
        &["/spec/to"]
    }

    fn leads_to_a_half(&self) -> Option<&'static str> {
        Some(include_str!("kuma/half.cel").trim_ascii_end())
    }

    fn rescue(&self) -> Option<&'static str> {
        Some(include_str!("kuma/rescue.sh"))
    }

    fn outward(&self, route: &Value, own: Option<&str>) -> Option<Vec<(String, String)>> {
        let services = led(route).into_iter();
        let services = services.filter_map(|(name, namespace)| Some((namespace?, name)));
        Some(reference::others(services, own))
    }

    // What callers in the mesh say is the Service's own.
    fn hosts(&self, _route: &Value) -> Vec<String> {
        Vec::new()
    }

    fn is_split(&self, route: &Value, names: &Names) -> bool {
        self.names_a_half(route, names) && weighted::is_split::<Rules>(&rules::listed(route), names)
    }

    fn traffic(
        &self,
        route: &Value,
        _beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        let asked = expected.map(|asked| Traffic { sticky: false, ..asked });
        let listed = rules::listed(route);
        let found = weighted::traffic::<Rules>(&listed, names, &exposure.without_sessions(), asked)?;
        Some(found.as_able(CAN, expected))
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        let exposure = exposure.without_sessions();
        let change = |route: &Value| {
            let listed = rules::listed(route);
            rules::with_listed(
                route,
                &weighted::with_traffic::<Rules>(&listed, names, traffic, &exposure),
            )
        };
        objects.iter().map(change).collect()
    }

    fn folded(&self, route: &Value, names: &Names) -> Value {
        rules::with_listed(route, &weighted::folded::<Rules>(&rules::listed(route), names))
    }

    fn problem(&self, route: &Value, names: &Names, _exposure: &Exposure) -> Option<String> {
        problem::of_route(route, names)
    }
}

// The Services that a route is about, and those it sends to, with the namespaces that it says.
fn led(route: &Value) -> Vec<(String, Option<String>)> {
    let listed = rules::listed(route);
    let about = problem::targets(route).filter_map(references::destination);
    let to = weighted::all_refs::<Rules>(&listed).filter_map(references::backend);
    let owned = |(name, namespace): (&str, Option<&str>)| (name.to_owned(), namespace.map(str::to_owned));
    about.chain(to).map(owned).collect()
}

#[cfg(test)]
mod tests;
