//! HTTPRoute (`gateway.networking.k8s.io/v1`).

mod spec;

pub use spec::spec;

use super::route::{Words, conditions};
use crate::routing::Capabilities;
use serde_json::Value;

/// What an HTTPRoute says in its own way.
#[derive(Debug)]
pub struct Http;

impl Words for Http {
    const KIND: &'static str = "HTTPRoute";
    const PLURAL: &'static str = "httproutes";
    const NAMED: &'static [&'static str] = &["headers", "queryParams"];
    const RESCUE: &'static str = include_str!("httproute/rescue.sh");
    const SINCE: &'static str = "Gateway API 1.0";
    const CAN: Capabilities = Capabilities {
        weights: true,
        matches: true,
        mirror: true,
        affinity: true,
        // Of a Service whose port says `kubernetes.io/h2c`.
        grpc: true,
        ..Capabilities::NONE
    };

    fn everything() -> Value {
        conditions::everything()
    }
}

#[cfg(test)]
mod tests;
