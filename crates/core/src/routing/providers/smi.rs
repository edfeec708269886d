//! Providers `smi:v1alpha1`, `smi:v1alpha2`, `smi:v1alpha3` and `osm`: a TrafficSplit of the Service Mesh Interface, whose
//! backends name the two halves with weights. All of these projects have ended; whoever still runs one can move from here.
//!
//! One of the user's own that names the Service of the app among its backends is edited there and nowhere else.
//!
//! Meshes serve different versions of the kind, some several at once without converting anything, so each provider reads and
//! writes the version that it is called by. What is said of an object does not depend on it but for how weights are said.

mod list;
mod problem;
mod weight;

use crate::api::canary::CanarySpec;
use crate::object::text;
use crate::routing::reference::Side;
use crate::routing::{Capabilities, Exposure, Names, Resource, RouteKind, Router, Traffic, WrittenKind};
use serde_json::{Value, json};
use std::time::Duration;
use weight::Weight;

/// A provider that writes one version of the kind.
pub struct Smi {
    name: &'static str,
    kind: &'static TrafficSplit,
    kinds: &'static [&'static dyn RouteKind],
}

/// One version of the kind of their routes.
#[derive(Debug)]
pub struct TrafficSplit {
    version: &'static str,
}

const FIRST: TrafficSplit = TrafficSplit { version: QUANTITIES };
const SECOND: TrafficSplit = TrafficSplit { version: "v1alpha2" };
const THIRD: TrafficSplit = TrafficSplit { version: "v1alpha3" };

/// `smi:v1alpha1`, whose weights are quantities.
pub const V1ALPHA1: Smi = Smi {
    name: "smi:v1alpha1",
    kind: &FIRST,
    kinds: &[&FIRST],
};

/// `smi:v1alpha2`.
pub const V1ALPHA2: Smi = Smi {
    name: "smi:v1alpha2",
    kind: &SECOND,
    kinds: &[&SECOND],
};

/// `smi:v1alpha3`.
pub const V1ALPHA3: Smi = Smi {
    name: "smi:v1alpha3",
    kind: &THIRD,
    kinds: &[&THIRD],
};

/// `osm`: Open Service Mesh, which serves v1alpha2.
pub const OSM: Smi = Smi {
    name: "osm",
    ..V1ALPHA2
};

const GROUP: &str = "split.smi-spec.io";
const KIND: &str = "TrafficSplit";
/// The version in which a weight is a quantity, such as "100" or "500m"; in the others it is a number.
const QUANTITIES: &str = "v1alpha1";

/// The controllers of these meshes watch their objects and push what changed; none says when its proxies have it.
const PUSH: Duration = Duration::from_secs(5);

const CAN: Capabilities = Capabilities {
    weights: true,
    // A split names Services alone: their ports stay, and the proxies see what is spoken.
    grpc: true,
    several_ports: true,
    ..Capabilities::NONE
};

impl Router for Smi {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        self.kinds
    }

    fn can(&self) -> Capabilities {
        CAN
    }

    fn settle(&self) -> Duration {
        PUSH
    }

    fn is_within(&self) -> bool {
        true
    }

    fn is_retired(&self) -> bool {
        true
    }

    fn obeys(&self) -> &'static [&'static str] {
        &["spec.service.hosts"]
    }

    fn instead(&self) -> &'static str {
        "writes weights alone; paths, gateways and what else shapes requests are said by the mesh's own objects"
    }

    // As Flagger's, the canary first: whoever goes back finds what that reads.
    fn published(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        let service = spec.service.as_ref()?;
        let metadata = service.apex.clone().unwrap_or_default();
        let host = service.hosts.as_deref().unwrap_or_default().first();
        let is_text = self.kind.version == QUANTITIES;
        let backend = |name: &str, percent: u8| {
            let weight = Weight::whole(u64::from(percent), is_text);
            json!({"service": name, "weight": weight.written()})
        };
        Some(json!({
            "apiVersion": format!("{GROUP}/{}", self.kind.version),
            "kind": KIND,
            "metadata": {
                "name": names.apex, "namespace": namespace,
                "labels": metadata.labels.unwrap_or_default(),
                "annotations": metadata.annotations.unwrap_or_default(),
            },
            "spec": {
                "service": host.unwrap_or(&names.apex),
                "backends": [
                    backend(&names.canary, Traffic::PRIMARY.canary()),
                    backend(&names.primary, Traffic::PRIMARY.primary()),
                ],
            },
        }))
    }
}

impl WrittenKind for TrafficSplit {
    fn resource(&self) -> Resource {
        Resource {
            group: GROUP,
            version: self.version,
            kind: KIND,
            plural: "trafficsplits",
            built_in: false,
        }
    }

    fn services(&self, route: &Value) -> Vec<String> {
        let root = text(route, "/spec/service").split('.').next();
        let named = list::entries(route).iter().map(|backend| text(backend, "/service"));
        let all = named.chain(root).filter(|name| !name.is_empty());
        all.map(str::to_owned).collect()
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        names_any(route, names, &[Side::Apex, Side::Primary, Side::Canary]) || problem::is_root(route, names)
    }

    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        names_any(route, names, &[Side::Primary, Side::Canary])
    }
}

impl RouteKind for TrafficSplit {
    fn fields(&self) -> &'static [&'static str] {
        &[list::AT]
    }

    fn leads_to_a_half(&self) -> Option<&'static str> {
        Some(include_str!("smi/half.cel").trim_ascii_end())
    }

    fn rescue(&self) -> Option<&'static str> {
        Some(include_str!("smi/rescue.sh"))
    }

    // Linkerd's extension makes a ServiceProfile of it, before which no route at the Service counts.
    fn hides_others(&self) -> bool {
        true
    }

    // It has no word for a namespace.
    fn outward(&self, _route: &Value, _own: Option<&str>) -> Option<Vec<(String, String)>> {
        None
    }

    // Its root is what callers in the mesh say, and publishes nothing.
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
        let is_split = self.is_split(route, names);
        if !list::is_readable(route) {
            // What is not split leads to the apex, which selects the side that serves.
            return (!is_split).then(|| Traffic::PRIMARY.as_able(CAN, expected));
        }
        let named = names_any(route, names, &[Side::Apex, Side::Primary, Side::Canary]);
        let found = Traffic::of_list(list::canary_share(route, names), named, CAN, expected);
        let right = || list::carrying(route, names, found.weights) == list::entries(route);
        (!is_split || right()).then_some(found)
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, _exposure: &Exposure) -> Vec<Value> {
        let change = |route: &Value| list::with(route, list::carrying(route, names, traffic.weights));
        objects.iter().map(change).collect()
    }

    fn folded(&self, route: &Value, names: &Names) -> Value {
        if !self.names_a_half(route, names) {
            return route.clone();
        }
        list::with(route, list::folded(route, names))
    }

    fn problem(&self, route: &Value, names: &Names, _exposure: &Exposure) -> Option<String> {
        problem::problem(self, route, names)
    }
}

fn names_any(route: &Value, names: &Names, wanted: &[Side]) -> bool {
    let mut sides = list::entries(route)
        .iter()
        .filter_map(|backend| list::side(backend, names));
    sides.any(|side| wanted.contains(&side))
}

#[cfg(test)]
mod tests;
