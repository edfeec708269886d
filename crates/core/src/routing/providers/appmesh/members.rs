//! The kinds of what stands beside App Mesh's routes: members, and what callers name.

use super::version::Version;
use super::{entries, generated};
use crate::object::text;
use crate::routing::reference::Local;
use crate::routing::{Names, Resource, WrittenKind, is_made};
use serde_json::Value;

/// The kind of the mesh's members in one version.
#[derive(Debug)]
pub struct Node {
    version: Version,
}

/// The kind of what callers name, where that has no routes itself.
#[derive(Debug)]
pub struct Front;

/// Kind of the mesh's members.
pub(super) const NODE: &str = "VirtualNode";
/// What App Mesh's own webhook fills in, and lets nobody change.
pub(super) const FILLED: &[&str] = &["awsName", "meshRef"];
/// And what the author of a router of his own may say of the pods.
const FILLED_OF_NODES: &[&str] = &["awsName", "meshRef", "podSelector"];

const OF_V1BETA1: &[&dyn WrittenKind] = &[&Node {
    version: Version::V1beta1,
}];
const OF_V1BETA2: &[&dyn WrittenKind] = &[
    &Node {
        version: Version::V1beta2,
    },
    &Front,
];

/// The kinds that stand beside routes.
pub(super) fn of_version(version: Version) -> &'static [&'static dyn WrittenKind] {
    match version {
        Version::V1beta1 => OF_V1BETA1,
        Version::V1beta2 => OF_V1BETA2,
    }
}

/// What the members' kind is called.
pub(super) fn node(version: Version) -> Resource {
    version.resource(NODE, "virtualnodes")
}

/// What the kind is called that callers name, and that has no routes.
pub(super) fn front() -> Resource {
    Version::V1beta2.resource("VirtualService", "virtualservices")
}

/// Whether `route` is the router of a canary alone, by which a load test calls it: ours, or Flagger's.
pub(super) fn is_of_canary(version: Version, route: &Value) -> bool {
    let called = text(route, "/metadata/name").split('.').next().unwrap_or_default();
    let Some(apex) = called.strip_suffix("-canary").filter(|_| is_made(route)) else {
        return false;
    };
    let names = Names::new(apex);
    let local = &Local::of(route, &names);
    let mut entries = entries::all(route).iter();
    entries.any(|entry| entries::is_split(version, entry, local))
}

/// Kinds and names of all that may stand beside `route`.
pub(super) fn companions(version: Version, route: &Value, names: &Names) -> Vec<(Resource, String)> {
    let nodes = [&names.primary, &names.canary, &names.apex].into_iter();
    let nodes = nodes.map(|name| (node(version), name.clone()));
    let namespace = text(route, "/metadata/namespace");
    let router = (version.of_routes(), version.called(&names.canary, namespace));
    let fronts = [&names.apex, &names.canary].into_iter();
    let fronts = fronts.filter(|_| version == Version::V1beta2);
    let fronts = fronts.map(|name| (front(), name.clone()));
    nodes.chain([router]).chain(fronts).collect()
}

// Those that are read are ours: a member carries no share. That of the app's own name stays until its Canary goes, as the router
// leads there when the halves are gone.
impl WrittenKind for Node {
    fn resource(&self) -> Resource {
        node(self.version)
    }

    fn services(&self, node: &Value) -> Vec<String> {
        called(node)
    }

    fn refers_to(&self, node: &Value, names: &Names) -> bool {
        is_named(node, &[&names.apex, &names.primary, &names.canary])
    }

    fn names_a_half(&self, node: &Value, names: &Names) -> bool {
        is_named(node, &[&names.primary, &names.canary])
    }

    fn is_companion(&self, node: &Value) -> bool {
        is_of_half(node)
    }

    fn shared(&self) -> &'static [&'static str] {
        FILLED_OF_NODES
    }

    fn prefixes(&self, _companion: &Value) -> Vec<String> {
        Vec::new()
    }
}

impl WrittenKind for Front {
    fn resource(&self) -> Resource {
        front()
    }

    fn services(&self, front: &Value) -> Vec<String> {
        called(front)
    }

    fn refers_to(&self, front: &Value, names: &Names) -> bool {
        is_named(front, &[&names.apex, &names.canary])
    }

    fn names_a_half(&self, front: &Value, names: &Names) -> bool {
        is_named(front, &[&names.canary])
    }

    fn is_companion(&self, front: &Value) -> bool {
        is_of_half(front)
    }

    fn shared(&self) -> &'static [&'static str] {
        FILLED
    }

    fn prefixes(&self, _companion: &Value) -> Vec<String> {
        vec![generated::GATEWAY.to_owned()]
    }
}

// What we made of that name.
fn is_named(object: &Value, names: &[&String]) -> bool {
    let own = text(object, "/metadata/name");
    is_made(object) && names.iter().any(|name| *name == own)
}

fn called(object: &Value) -> Vec<String> {
    let name = text(object, "/metadata/name").to_owned();
    Some(name).filter(|_| is_made(object)).into_iter().collect()
}

fn is_of_half(object: &Value) -> bool {
    let own = text(object, "/metadata/name");
    is_made(object) && ["-primary", "-canary"].iter().any(|half| own.ends_with(half))
}
