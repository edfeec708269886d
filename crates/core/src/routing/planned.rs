//! Flagger's providers that are not built yet: what their Canaries need is known and checked at admission, and no route is
//! written. The table shrinks as [`super::registry::ROUTERS`] grows.

use super::provider::{Capabilities, Need};
use crate::api::canary::CanarySpec;

/// What is known of a provider before it is built.
pub struct Planned {
    /// As in `spec.provider`.
    pub name: &'static str,
    /// The kind whose objects will carry the weights, as `group/version/Kind`.
    pub kind: &'static str,
    /// Whether its makers have given the project up.
    pub is_retired: bool,
    /// What its data planes can do.
    pub can: Capabilities,
    /// What a Canary lacks without which nothing could be routed.
    pub lacks: fn(&CanarySpec) -> Option<Need>,
}

const WEIGHTS: Capabilities = Capabilities {
    weights: true,
    matches: true,
    // What they cannot do is said once it is looked into.
    tcp: true,
    grpc: true,
    several_ports: true,
    ..Capabilities::NONE
};

const fn living(name: &'static str, kind: &'static str) -> Planned {
    Planned {
        name,
        kind,
        is_retired: false,
        can: WEIGHTS,
        lacks: |_| None,
    }
}

const fn retired(name: &'static str, kind: &'static str) -> Planned {
    Planned {
        is_retired: true,
        ..living(name, kind)
    }
}

/// All of them.
pub const PLANNED: &[Planned] = &[
    retired("appmesh", "appmesh.k8s.aws/v1beta1/VirtualService"),
    retired("appmesh:v1beta2", "appmesh.k8s.aws/v1beta2/VirtualService"),
];

/// The planned provider of that name.
pub fn planned(name: &str) -> Option<&'static Planned> {
    PLANNED.iter().find(|planned| planned.name == name)
}
