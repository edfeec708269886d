//! Provider `nginx`: a second Ingress beside the user's, with the canary's share in its annotations
//! (`nginx.ingress.kubernetes.io/canary*`), as ingress-nginx reads them and Traefik's provider of that name.
//!
//! The user's own Ingress leads to the apex Service and is never written. The second one is there while a share is the
//! canary's, and gone afterwards; the same as Flagger's, which leaves it with a weight of nothing.

mod companion;
mod refused;

use crate::api::canary::{Analysis, StringMatch};
use crate::routing::ingress::Dialect;
use crate::routing::{Capabilities, Exposure, Names, RouteKind, Traffic};
use serde_json::Value;
use std::time::Duration;

/// The provider, and the kind of its routes.
#[derive(Debug)]
pub struct Nginx;

impl Dialect for Nginx {
    const NAME: &'static str = "nginx";
    const KINDS: &'static [&'static dyn RouteKind] = &[&Nginx];
    const CAN: Capabilities = Capabilities {
        weights: true,
        matches: true,
        // As the annotation `backend-protocol` of the user's Ingress says, and by the port of each of its paths.
        grpc: true,
        several_ports: true,
        ..Capabilities::NONE
    };
    // ingress-nginx looks at what changed once in 3.3 seconds, by default (`--sync-rate-limit` 0.3), and then tells its workers.
    const SETTLE: Duration = Duration::from_secs(5);

    fn refuses(analysis: &Analysis) -> Option<(String, String)> {
        refused::refuses(analysis)
    }

    fn misreads(header: &str, value: &StringMatch) -> Option<String> {
        refused::misreads(header, value)
    }

    fn called(route: &Value, names: &Names) -> Vec<String> {
        vec![companion::name(route, names)]
    }

    fn beside(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        companion::beside(route, names, traffic, exposure).into_iter().collect()
    }

    fn read(route: &Value, live: &[&Value], names: &Names, exposure: &Exposure) -> Option<Traffic> {
        companion::read(route, live, names, exposure)
    }
}

#[cfg(test)]
mod tests;
