//! Provider `kubernetes`: no object carries a share. The apex Service's selector points at one side or the other, which is
//! written with the pair's Services, and everybody follows it at once.

use crate::routing::{Capabilities, RouteKind, Router};
use std::time::Duration;

/// The provider `kubernetes`.
#[derive(Debug)]
pub struct Kubernetes;

/// kube-proxy writes its rules within a second.
const KUBE_PROXY: Duration = Duration::from_secs(2);

impl Router for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        &[]
    }

    fn can(&self) -> Capabilities {
        Capabilities {
            tcp: true,
            grpc: true,
            several_ports: true,
            ..Capabilities::NONE
        }
    }

    fn settle(&self) -> Duration {
        KUBE_PROXY
    }

    fn needs_address(&self) -> bool {
        true
    }
}
