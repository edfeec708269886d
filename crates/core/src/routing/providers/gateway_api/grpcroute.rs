//! GRPCRoute (`gateway.networking.k8s.io/v1`): matches name services and methods of gRPC, and of what else shapes requests
//! there are headers and copies alone.

mod spec;
mod unsaid;

pub use spec::spec;

use super::route::Words;
use crate::routing::{Capabilities, Exposure};
use serde_json::{Value, json};

/// What a GRPCRoute says in its own way.
#[derive(Debug)]
pub struct Grpc;

impl Words for Grpc {
    const KIND: &'static str = "GRPCRoute";
    const PLURAL: &'static str = "grpcroutes";
    const NAMED: &'static [&'static str] = &["headers"];
    const RESCUE: &'static str = include_str!("grpcroute/rescue.sh");
    const SINCE: &'static str = "Gateway API 1.1";
    // Whoever calls by gRPC keeps no cookies.
    const CAN: Capabilities = Capabilities {
        weights: true,
        matches: true,
        mirror: true,
        grpc: true,
        ..Capabilities::NONE
    };

    fn everything() -> Value {
        json!({})
    }

    fn unsaid(exposure: &Exposure) -> Vec<(String, String)> {
        unsaid::unsaid(exposure)
    }
}

#[cfg(test)]
mod tests;
