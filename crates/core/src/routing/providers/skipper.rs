//! Provider `skipper`: second Ingresses beside the user's, whose predicates (`zalando.org/skipper-predicate`) take the
//! canary's part of the requests, as Zalando's Skipper reads them.
//!
//! The user's own Ingress leads to the apex Service and is never written: what no second one takes goes by it to primary, also
//! while Skipper has not read them yet. Flagger has one second Ingress that takes everything and leads to both halves, with
//! `zalando.org/backend-weights`; such a one is taken over.

mod companion;
mod predicates;
mod problem;
mod refused;

use crate::api::canary::Analysis;
use crate::routing::ingress::Dialect;
use crate::routing::{Capabilities, Exposure, Names, RouteKind, Traffic};
use serde_json::Value;
use std::time::Duration;

/// The provider, and the kind of its routes.
#[derive(Debug)]
pub struct Skipper;

impl Dialect for Skipper {
    const NAME: &'static str = "skipper";
    const KINDS: &'static [&'static dyn RouteKind] = &[&Skipper];
    const CAN: Capabilities = Capabilities {
        weights: true,
        matches: true,
        // By the port of each path of the user's Ingress.
        several_ports: true,
        ..Capabilities::NONE
    };
    // Skipper asks the API server once in 3 seconds, by default (`-source-poll-timeout`), and then builds its routes anew.
    const SETTLE: Duration = Duration::from_secs(5);

    fn refuses(analysis: &Analysis) -> Option<(String, String)> {
        refused::refuses(analysis)
    }

    fn called(route: &Value, names: &Names) -> Vec<String> {
        companion::called(route, names)
    }

    fn beside(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        companion::beside(route, names, traffic, exposure)
    }

    fn read(route: &Value, live: &[&Value], names: &Names, exposure: &Exposure) -> Option<Traffic> {
        companion::read(route, live, names, exposure)
    }

    fn refusal(route: &Value, names: &Names) -> Option<String> {
        problem::refusal(route, names)
    }
}

#[cfg(test)]
mod tests;
