//! Provider `nginx`: a second Ingress beside the user's, with the canary's share in its annotations
//! (`nginx.ingress.kubernetes.io/canary*`), as ingress-nginx reads them and Traefik's provider of that name.
//!
//! The user's own Ingress leads to the apex Service and is never written. The second one is there while a share is the
//! canary's, and gone afterwards; the same as Flagger's, which leaves it with a weight of nothing.

mod companion;
mod paths;
mod refused;

use super::provider::{Capabilities, Need, Router};
use super::{Exposure, Names, Resource, RouteKind, Traffic, WrittenKind};
use crate::api::canary::{Analysis, CanarySpec, ObjectRef};
use serde_json::Value;
use std::time::Duration;

/// The provider.
#[derive(Debug)]
pub struct Nginx;

/// The kind of its routes.
#[derive(Debug)]
pub struct Ingress;

/// ingress-nginx looks at what changed once in 3.3 seconds, by default (`--sync-rate-limit` 0.3), and then tells its workers.
const SYNC: Duration = Duration::from_secs(5);

/// `apiVersion` and kind of its routes.
pub(super) const API_VERSION: &str = "networking.k8s.io/v1";
const KIND: &str = "Ingress";

const CAN: Capabilities = Capabilities {
    weights: true,
    matches: true,
    // As the annotation `backend-protocol` of the user's Ingress says, and by the port of each of its paths.
    grpc: true,
    several_ports: true,
    ..Capabilities::NONE
};

impl Router for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn kind(&self) -> Option<&'static dyn RouteKind> {
        Some(&Ingress)
    }

    fn can(&self) -> Capabilities {
        CAN
    }

    fn settle(&self) -> Duration {
        SYNC
    }

    fn lacks(&self, spec: &CanarySpec) -> Option<Need> {
        Need::ingress(spec)
    }

    fn obeys(&self) -> &'static [&'static str] {
        &["spec.ingressRef"]
    }

    fn instead(&self) -> &'static str {
        "copies the route that you have"
    }

    fn refuses(&self, analysis: &Analysis) -> Option<(String, String)> {
        refused::refuses(analysis)
    }

    fn route(&self, spec: &CanarySpec) -> Option<String> {
        spec.ingress_ref.as_ref().map(|ingress| ingress.name.clone())
    }

    fn adopt(&self, spec: &mut CanarySpec, route: &Value, _namespace: &str) {
        spec.ingress_ref = Some(ObjectRef {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            name: paths::name(route).to_owned(),
        });
    }
}

impl WrittenKind for Ingress {
    fn resource(&self) -> Resource {
        Resource {
            group: "networking.k8s.io",
            version: "v1",
            kind: KIND,
            plural: "ingresses",
            built_in: true,
        }
    }

    fn prefix(&self) -> &'static str {
        companion::PREFIX
    }

    fn services(&self, route: &Value) -> Vec<String> {
        paths::services(route).map(str::to_owned).collect()
    }

    // A canary Ingress that somebody made by hand carries a share that is theirs.
    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        let wanted = match (companion::is_canary(route), self.is_companion(route)) {
            (false, _) => &names.apex,
            (true, true) => &names.canary,
            (true, false) => return false,
        };
        paths::services(route).any(|service| service == wanted)
    }

    // An Ingress of the user's own that names one, to look at it say, is not ours to move.
    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        self.is_companion(route) && self.refers_to(route, names)
    }

    fn is_companion(&self, route: &Value) -> bool {
        companion::is_ours(route)
    }
}

impl RouteKind for Ingress {
    fn fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn companions(&self, route: &Value, names: &Names) -> Vec<(Resource, String)> {
        if companion::is_canary(route) {
            return Vec::new();
        }
        vec![(self.resource(), companion::name(route, names))]
    }

    fn leads_out(&self) -> bool {
        false
    }

    fn outward(&self, _route: &Value, _own: Option<&str>) -> Vec<(String, String)> {
        Vec::new()
    }

    fn hosts(&self, route: &Value) -> Vec<String> {
        paths::hosts(route)
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

    fn problem(&self, route: &Value, names: &Names, _exposure: &Exposure) -> Option<String> {
        let name = paths::name(route);
        if !self.refers_to(route, names) {
            return Some(format!(
                "no path of Ingress {name} leads to Service {}: name it as a backend, or give the Ingress another name",
                names.apex
            ));
        }
        let has_path = paths::to(route, &names.apex).next().is_some();
        (!has_path && !self.is_companion(route)).then(|| {
            format!(
                "Ingress {name} leads to Service {} only by its default backend, which nginx cannot split: add a rule with \
                 the path /",
                names.apex
            )
        })
    }
}

#[cfg(test)]
mod tests;
