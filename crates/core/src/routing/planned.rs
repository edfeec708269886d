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
        can: WEIGHTS,
        lacks: |_| None,
    }
}

/// All of them.
pub const PLANNED: &[Planned] = &[
    living("gloo", "gateway.solo.io/v1/RouteTable"),
    living("knative", "serving.knative.dev/v1/Service"),
    living("kuma", "kuma.io/v1alpha1/TrafficRoute"),
];

/// The planned provider of that name.
pub fn planned(name: &str) -> Option<&'static Planned> {
    PLANNED.iter().find(|planned| planned.name == name)
}
