//! A provider and the data plane behind it: what an author writes to be served by it, where it is asked, and how much its
//! objects give to the canary.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::cluster::{CONTOUR_CLASS, EDGE_GATEWAY_NAME};
use e2e::load::{Load, until_reachable};
use e2e::scene::quick::{SOON, apply, own_canary};
use e2e::scene::{App, Scene, fronts, wait_for};
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};

/// Nginx's annotation of the second Ingress.
const CANARY_WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";

/// The kind that carries the share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// Contour's, with an Envoy of its own.
    HttpProxy,
    /// Istio's, with the Envoy that its pilot leads.
    VirtualService,
    /// Traefik's own.
    TraefikService,
    /// The Gateway API's, by Traefik.
    HttpRoute,
    /// The Gateway API's for gRPC, by Traefik; one of the author's own, as the port says `kubernetes.io/h2c` for Traefik.
    GrpcRoute,
    /// Nginx's annotations, by Traefik's provider for them.
    Ingress,
}

use Plane::{GrpcRoute, HttpProxy, HttpRoute, Ingress, TraefikService, VirtualService};

impl Plane {
    /// What `spec.provider` says.
    pub fn provider(self) -> &'static str {
        match self {
            HttpProxy => "contour",
            VirtualService => "istio",
            TraefikService => "traefik",
            HttpRoute | GrpcRoute => "gatewayapi:v1",
            Ingress => "nginx",
        }
    }

    /// The same as a part of a namespace's name.
    pub fn word(self) -> &'static str {
        match self {
            HttpRoute => "gatewayapi",
            GrpcRoute => "grpc",
            other => other.provider(),
        }
    }

    /// The time after which a weight counts as seen by users, where no policy says another: docs/providers.md has it.
    pub fn settles_within(self) -> Duration {
        match self {
            HttpProxy | TraefikService | HttpRoute | GrpcRoute => Duration::from_secs(3),
            VirtualService | Ingress => Duration::from_secs(5),
        }
    }

    /// Whether it tells requests apart.
    pub fn tests(self) -> bool {
        self != TraefikService
    }

    /// Whether it copies requests. Traefik has no filter for it.
    pub fn copies(self) -> bool {
        matches!(self, HttpProxy | VirtualService)
    }

    /// Whether its own series say how the canary does, here where no app has a sidecar. Traefik's are looked at in the suite.
    pub fn counts(self) -> bool {
        self == HttpProxy
    }

    /// Waits until it serves.
    pub async fn ready(self, scene: &Scene) -> Result<()> {
        match self {
            HttpProxy => scene.contour_gateway().await,
            VirtualService => scene.edge_gateway().await,
            TraefikService | HttpRoute | GrpcRoute | Ingress => Ok(()), // Traefik came with the cluster
        }
    }

    /// The usual load on an app of that name.
    pub fn load(self, scene: &Scene, app: &str) -> Result<Load> {
        match self {
            HttpProxy => scene.contour_load(app),
            VirtualService => scene.edge_load(app),
            TraefikService | HttpRoute | Ingress => scene.load(app),
            GrpcRoute => scene.load(app).map(Load::grpc),
        }
    }

    /// The Canary as its author writes it.
    fn canary(self, scene: &Scene, app: &App, analysis: &Value) -> Value {
        let host = scene.host(app.name());
        let mut canary = app.canary(&host, analysis, 60);
        let service = match self {
            HttpProxy => {
                let class = json!({"projectcontour.io/ingress.class": CONTOUR_CLASS});
                Some(json!({"port": 9898, "apex": {"annotations": class}}))
            }
            VirtualService => {
                let gateway = format!("gateway-system/{EDGE_GATEWAY_NAME}");
                Some(json!({"port": 9898, "gateways": [gateway], "hosts": [host]}))
            }
            TraefikService | Ingress => Some(json!({"port": 9898})),
            GrpcRoute => Some(json!({"port": 9898, "appProtocol": fronts::H2C})),
            HttpRoute => None,
        };
        canary["spec"]["provider"] = json!(self.provider());
        if let Some(service) = service {
            canary["spec"]["service"] = service;
        }
        if self == Ingress {
            let name = format!("{}-front", app.name());
            canary["spec"]["ingressRef"] =
                json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": name});
        }
        canary
    }

    /// What its author writes besides to let requests in.
    fn front(self, scene: &Scene, app: &str) -> Option<Value> {
        match self {
            HttpProxy => Some(fronts::http_proxy(scene, app, CONTOUR_CLASS)),
            TraefikService => Some(fronts::ingress_route(scene, app, app)),
            Ingress => Some(fronts::ingress(scene, app)),
            GrpcRoute => Some(fronts::grpc_route(scene, app)),
            VirtualService | HttpRoute => None,
        }
    }

    /// Applies an app with its Canary, and waits until its first version serves.
    pub async fn at_rest(self, scene: &Scene, app: &App, analysis: &Value) -> Result<()> {
        if let Some(front) = self.front(scene, app.name()) {
            apply(scene, &[front]).await?;
        }
        // One that names no gateway is taken when the webhook has heard of the author's route.
        own_canary(scene, &self.canary(scene, app, analysis)).await?;
        apply(scene, &[app.deployment()]).await?;
        scene.phase(app.name(), "Initialized", SOON).await?;
        let version = until_reachable(&self.load(scene, app.name())?, SOON).await?;
        ensure!(version == app.version(), "{version} answers, not {}", app.version());
        Ok(())
    }

    /// The objects that carry shares.
    pub fn routes(self, scene: &Scene) -> Api<DynamicObject> {
        let objects = scene.objects();
        match self {
            HttpProxy => objects.dynamic("projectcontour.io", "v1", "HTTPProxy", "httpproxies"),
            VirtualService => objects.dynamic("networking.istio.io", "v1", "VirtualService", "virtualservices"),
            TraefikService => objects.traefik_services(),
            HttpRoute => objects.routes(),
            GrpcRoute => objects.grpc_routes(),
            Ingress => objects.ingresses(),
        }
    }

    /// The name of that of an app.
    pub fn route(self, app: &str) -> String {
        match self {
            Ingress => format!("{app}-front-canary"),
            GrpcRoute => format!("{app}-front"),
            HttpProxy | VirtualService | TraefikService | HttpRoute => app.to_owned(),
        }
    }

    /// How many percent it gives to the app's canary.
    pub fn weight(self, app: &str, route: &Value) -> u64 {
        let (list, name) = match self {
            HttpProxy => ("/spec/routes/0/services", "/name"),
            VirtualService => ("/spec/http/0/route", "/destination/host"),
            TraefikService => ("/spec/weighted/services", "/name"),
            HttpRoute | GrpcRoute => ("/spec/rules/0/backendRefs", "/name"),
            Ingress => {
                let said = route["metadata"]["annotations"][CANARY_WEIGHT].as_str();
                return said.and_then(|said| said.parse().ok()).unwrap_or_default();
            }
        };
        let canary = format!("{app}-canary");
        let all = route.pointer(list).and_then(Value::as_array).into_iter().flatten();
        let (mut sum, mut own) = (0_u64, 0_u64);
        for one in all {
            let weight = one["weight"].as_u64().unwrap_or_default();
            sum += weight;
            if one.pointer(name).is_some_and(|name| *name == canary) {
                own += weight;
            }
        }
        (own * 100).checked_div(sum).unwrap_or_default()
    }

    /// Waits until it gives so much to the app's canary.
    pub async fn gives(self, scene: &Scene, app: &str, percent: u64) -> Result<()> {
        let (routes, name) = (self.routes(scene), self.route(app));
        wait_for(&format!("{percent} % for the canary of {app}"), SOON, async || {
            let found = serde_json::to_value(routes.get(&name).await?)?;
            Ok((self.weight(app, &found) == percent).then_some(()))
        })
        .await
    }

    /// How many percent of the requests it copies to the canary.
    pub fn copied(self, route: &Value) -> Option<u64> {
        let percent = match self {
            HttpProxy => {
                let mut all = route.pointer("/spec/routes/0/services")?.as_array()?.iter();
                all.find(|one| one["mirror"] == true)?["weight"].as_f64()
            }
            VirtualService => {
                let rule = route.pointer("/spec/http/0")?;
                rule.get("mirror")?;
                rule["mirrorPercentage"]["value"].as_f64()
            }
            TraefikService | HttpRoute | GrpcRoute | Ingress => return None,
        };
        Some(percent.map_or(100, |percent| percent.round() as u64))
    }
}
