//! Provider `traefik`: a TraefikService of the app's name, whose weighted list names the two halves. An IngressRoute that
//! leads to it (`kind: TraefikService`) is its author's and is never written.
//!
//! One of the user's own whose list names the Service of the app is moved as well: in its list and nowhere else.

mod front;
mod list;
mod problem;

use super::gateway_api::RELOAD;
use crate::api::canary::CanarySpec;
use crate::routing::reference::{self, Local, Side};
use crate::routing::{Capabilities, Exposure, Front, Names, Resource, RouteKind, Router, Traffic, WrittenKind};
use serde_json::{Value, json};
use std::time::Duration;

/// The provider `traefik`.
#[derive(Debug)]
pub struct Traefik;

/// The kind of its routes.
#[derive(Debug)]
pub struct TraefikService;

const GROUP: &str = "traefik.io";
const VERSION: &str = "v1alpha1";
const KIND: &str = "TraefikService";

const CAN: Capabilities = Capabilities {
    weights: true,
    // The list that is made says one port and no scheme, which is HTTP/1.1. A user's own may say `scheme: h2c` and any port.
    grpc: false,
    several_ports: false,
    ..Capabilities::NONE
};

impl Router for Traefik {
    fn name(&self) -> &'static str {
        "traefik"
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        &[&TraefikService]
    }

    fn can(&self) -> Capabilities {
        CAN
    }

    fn settle(&self) -> Duration {
        RELOAD
    }

    fn instead(&self) -> &'static str {
        "writes weights alone; hosts, paths and what else shapes requests are said by your IngressRoute"
    }

    fn front(&self) -> Option<Front> {
        Some(front::INGRESS_ROUTE)
    }

    // As Flagger's, weight included: whoever goes back to Flagger finds what that reads.
    fn published(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        let service = spec.service.as_ref()?;
        let metadata = service.apex.clone().unwrap_or_default();
        let primary = json!({
            "kind": "Service", "name": names.primary, "namespace": namespace, "port": service.port()?,
            "weight": list::WHOLE,
        });
        Some(json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": KIND,
            "metadata": {
                "name": names.apex, "namespace": namespace,
                "labels": metadata.labels.unwrap_or_default(),
                "annotations": metadata.annotations.unwrap_or_default(),
            },
            "spec": {"weighted": {"services": [primary]}},
        }))
    }
}

impl WrittenKind for TraefikService {
    fn resource(&self) -> Resource {
        Resource {
            group: GROUP,
            version: VERSION,
            kind: KIND,
            plural: "traefikservices",
            built_in: false,
        }
    }

    fn services(&self, route: &Value) -> Vec<String> {
        let named = |entry: &Value| entry.get("name").and_then(Value::as_str).map(str::to_owned);
        let all = all(route).filter(|entry| reference::is_service(entry));
        all.filter_map(named).collect()
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        let local = &Local::of(route, names);
        let of_list = list::entries(route)
            .iter()
            .any(|entry| reference::side(entry, local).is_some());
        of_list || problem::undivided(route, local).is_some()
    }

    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        names_any(route, names, &[Side::Primary, Side::Canary])
    }
}

impl RouteKind for TraefikService {
    fn fields(&self) -> &'static [&'static str] {
        &[list::AT]
    }

    fn leads_to_a_half(&self) -> Option<&'static str> {
        Some(include_str!("traefik/half.cel").trim_ascii_end())
    }

    fn rescue(&self) -> Option<&'static str> {
        Some(include_str!("traefik/rescue.sh"))
    }

    fn outward(&self, route: &Value, own: Option<&str>) -> Option<Vec<(String, String)>> {
        Some(reference::outward(all(route), own))
    }

    // Those of the IngressRoutes that lead to it.
    fn hosts(&self, _route: &Value) -> Vec<String> {
        Vec::new()
    }

    fn is_split(&self, route: &Value, names: &Names) -> bool {
        self.names_a_half(route, names) && !names_any(route, names, &[Side::Apex])
    }

    fn traffic(
        &self,
        route: &Value,
        _beside: &[&Value],
        names: &Names,
        _exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        let (entries, local) = (list::entries(route), &Local::of(route, names));
        let named = names_any(route, names, &[Side::Apex, Side::Primary, Side::Canary]);
        let found = Traffic::of_list(list::canary_share(entries, local), named, CAN, expected);
        let right = || list::carrying(entries, local, found.weights) == entries;
        (!self.is_split(route, names) || right()).then_some(found)
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, _exposure: &Exposure) -> Vec<Value> {
        let change = |route: &Value| {
            let (entries, local) = (list::entries(route), &Local::of(route, names));
            list::with(route, list::carrying(entries, local, traffic.weights))
        };
        objects.iter().map(change).collect()
    }

    fn folded(&self, route: &Value, names: &Names) -> Value {
        list::with(route, list::folded(list::entries(route), &Local::of(route, names)))
    }

    fn problem(&self, route: &Value, names: &Names, _exposure: &Exposure) -> Option<String> {
        problem::problem(route, names)
    }
}

// Everything that it sends users to.
fn all(route: &Value) -> impl Iterator<Item = &Value> {
    list::entries(route).iter().chain(problem::whole(route))
}

fn names_any(route: &Value, names: &Names, wanted: &[Side]) -> bool {
    let local = &Local::of(route, names);
    let mut sides = list::entries(route)
        .iter()
        .filter_map(|entry| reference::side(entry, local));
    sides.any(|side| wanted.contains(&side))
}

#[cfg(test)]
mod tests;
