//! A provider and the data plane behind it: where it is asked, what it can do, and how soon.

mod read;
mod revisions;
mod written;

use std::time::Duration;

use anyhow::Result;
use e2e::load::Load;
use e2e::scene::Scene;
use serde_json::{Value, json};

/// The kind that carries the share, and who serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// Contour's own, by an Envoy that Contour leads.
    HttpProxy,
    /// The Gateway API's, by the same.
    ContourRoute,
    /// Istio's own, by an Envoy that Istio's pilot leads.
    VirtualService,
    /// The Gateway API's, by the same.
    IstioRoute,
    /// Traefik's own.
    TraefikService,
    /// The Gateway API's, by Traefik.
    TraefikRoute,
    /// The Gateway API's for gRPC, by Traefik; one of the author's own, as the port says `kubernetes.io/h2c` for Traefik.
    TraefikGrpcRoute,
    /// Nginx's annotations, by Traefik's provider for them.
    NginxIngress,
    /// Skipper's annotations, by Skipper.
    SkipperIngress,
    /// Knative's own, which is the target as well, by Traefik's provider for it.
    KnativeService,
}

use Plane::{
    ContourRoute, HttpProxy, IstioRoute, KnativeService, NginxIngress, SkipperIngress, TraefikGrpcRoute, TraefikRoute,
    TraefikService, VirtualService,
};

/// What the built-in metrics of a provider are read from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    /// The very series that Flagger's queries name.
    BuiltIn,
    /// Those of a plain Envoy, by MetricTemplates: the filter of Istio's own proxies is not in it.
    Templates,
}

impl Plane {
    /// What `spec.provider` says.
    pub fn provider(self) -> &'static str {
        match self {
            HttpProxy => "contour",
            VirtualService => "istio",
            TraefikService => "traefik",
            ContourRoute | IstioRoute | TraefikRoute | TraefikGrpcRoute => "gatewayapi:v1",
            NginxIngress => "nginx",
            SkipperIngress => "skipper",
            KnativeService => "knative",
        }
    }

    /// Whether a policy may say it for the Canaries that it makes: there are none of Knative Services.
    pub fn is_named_by_policies(self) -> bool {
        self != KnativeService
    }

    /// A part of a namespace's name.
    pub fn word(self) -> &'static str {
        match self {
            HttpProxy => "contour",
            ContourRoute => "contour-route",
            VirtualService => "istio",
            IstioRoute => "istio-route",
            TraefikService => "traefik",
            TraefikRoute => "traefik-route",
            TraefikGrpcRoute => "traefik-grpc",
            NginxIngress => "nginx",
            SkipperIngress => "skipper",
            KnativeService => "knative",
        }
    }

    /// The time after which a weight counts as seen by users, where no policy says another: docs/providers.md has it.
    pub fn settles_within(self) -> Duration {
        match self {
            HttpProxy | TraefikService | ContourRoute | IstioRoute | TraefikRoute | TraefikGrpcRoute
            | KnativeService => Duration::from_secs(3),
            VirtualService | NginxIngress | SkipperIngress => Duration::from_secs(5),
        }
    }

    /// Whether it tells requests apart.
    pub fn tests(self) -> bool {
        !matches!(self, TraefikService | KnativeService)
    }

    /// How a test says that a request has the cookie `canary` with the value `always`, where it tells requests apart by cookies:
    /// as Flagger writes it. Nginx is told a cookie's name and asks for that value itself. Who calls by gRPC has no cookies.
    pub fn by_cookie(self) -> Option<Value> {
        match self {
            HttpProxy | ContourRoute | VirtualService | IstioRoute | TraefikRoute | SkipperIngress => {
                Some(json!({"regex": "^(.*?;)?(canary=always)(;.*)?$"}))
            }
            NginxIngress => Some(json!({"exact": "canary"})),
            TraefikService | TraefikGrpcRoute | KnativeService => None,
        }
    }

    /// Whether it copies as many requests as it is asked to. Traefik has no filter for it, and Contour copies all where a route of
    /// the Gateway API asks for some.
    pub fn copies(self) -> bool {
        matches!(self, HttpProxy | VirtualService | IstioRoute)
    }

    /// From where it is known how the canary does. Traefik has no series of ingress-nginx's, nor of Knative's Kourier.
    pub fn series(self) -> Option<Series> {
        match self {
            NginxIngress | KnativeService => None,
            VirtualService => Some(Series::Templates),
            _ => Some(Series::BuiltIn),
        }
    }

    /// Waits until it serves.
    pub async fn ready(self, scene: &Scene) -> Result<()> {
        match self {
            HttpProxy | ContourRoute => scene.contour_gateway().await,
            VirtualService => scene.edge_gateway().await,
            IstioRoute => scene.mesh_gateway().await,
            SkipperIngress => scene.skipper_gateway().await,
            KnativeService => scene.knative_gateway().await,
            TraefikService | TraefikRoute | TraefikGrpcRoute | NginxIngress => Ok(()), // Traefik came with the cluster
        }
    }

    /// The usual load on an app of that name.
    pub fn load(self, scene: &Scene, app: &str) -> Result<Load> {
        match self {
            HttpProxy | ContourRoute => scene.contour_load(app),
            VirtualService => scene.edge_load(app),
            IstioRoute => scene.mesh_load(app),
            SkipperIngress => scene.skipper_load(app),
            KnativeService => scene.knative_load(app),
            TraefikService | TraefikRoute | NginxIngress => scene.load(app),
            TraefikGrpcRoute => scene.load(app).map(Load::grpc),
        }
    }
}
