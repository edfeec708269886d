//! What an author writes to be served by a data plane.

use anyhow::{Result, bail, ensure};
use e2e::cluster::{CONTOUR_CLASS, CONTOUR_GATEWAY_NAME, EDGE_GATEWAY_NAME, MESH_GATEWAY_NAME, SKIPPER_CLASS};
use e2e::load::until_reachable;
use e2e::scene::quick::{SOON, apply, own_canary};
use e2e::scene::{App, Scene, fronts};
use serde_json::{Value, json};

use super::Plane::{
    self, ContourRoute, HttpProxy, IstioRoute, KnativeService, NginxIngress, SkipperIngress, TraefikGrpcRoute,
    TraefikRoute, TraefikService, VirtualService,
};
use super::revisions;

impl Plane {
    /// The Canary as its author writes it.
    fn canary(self, scene: &Scene, app: &App, analysis: &Value) -> Value {
        if self == KnativeService {
            return revisions::canary(app, analysis);
        }
        let mut canary = app.canary(&scene.host(app.name()), analysis, 60);
        canary["spec"]["provider"] = json!(self.provider());
        canary["spec"]["service"] = self.service(scene, app);
        if matches!(self, NginxIngress | SkipperIngress) {
            let name = format!("{}-front", app.name());
            canary["spec"]["ingressRef"] =
                json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": name});
        }
        canary
    }

    fn service(self, scene: &Scene, app: &App) -> Value {
        let host = scene.host(app.name());
        let by = |gateway: &str| {
            let refs = json!([{"name": gateway, "namespace": "gateway-system"}]);
            json!({"port": 9898, "hosts": [host], "gatewayRefs": refs})
        };
        match self {
            HttpProxy => {
                let class = json!({"projectcontour.io/ingress.class": CONTOUR_CLASS});
                json!({"port": 9898, "apex": {"annotations": class}})
            }
            VirtualService => json!({"port": 9898, "gateways": [edge()], "hosts": [host]}),
            ContourRoute => by(CONTOUR_GATEWAY_NAME),
            IstioRoute => by(MESH_GATEWAY_NAME),
            TraefikRoute => by("gateway"),
            TraefikGrpcRoute => json!({"port": 9898, "appProtocol": fronts::H2C}),
            TraefikService | NginxIngress | SkipperIngress | KnativeService => json!({"port": 9898}),
        }
    }

    /// What its author writes besides to let requests in.
    fn front(self, scene: &Scene, app: &str) -> Option<Value> {
        match self {
            HttpProxy => Some(fronts::http_proxy(scene, app, CONTOUR_CLASS)),
            TraefikService => Some(fronts::ingress_route(scene, app, app)),
            NginxIngress => Some(fronts::ingress(scene, app)),
            SkipperIngress => Some(fronts::ingress_of(scene, app, SKIPPER_CLASS, &json!({}))),
            TraefikGrpcRoute => Some(fronts::grpc_route(scene, app)),
            ContourRoute | VirtualService | IstioRoute | TraefikRoute | KnativeService => None,
        }
    }

    /// The target as its author writes it.
    pub fn target(self, app: &App) -> Value {
        if self == KnativeService {
            revisions::service(app)
        } else {
            app.deployment()
        }
    }

    /// Applies an app with its Canary, and waits until its first version serves.
    pub async fn at_rest(self, scene: &Scene, app: &App, analysis: &Value) -> Result<()> {
        if let Some(front) = self.front(scene, app.name()) {
            apply(scene, &[front]).await?;
        }
        // One that names no gateway is taken when the webhook has heard of the author's route.
        own_canary(scene, &self.canary(scene, app, analysis)).await?;
        apply(scene, &[self.target(app)]).await?;
        scene.phase(app.name(), "Initialized", SOON).await?;
        let version = until_reachable(&self.load(scene, app.name())?, SOON).await?;
        ensure!(version == app.version(), "{version} answers, not {}", app.version());
        Ok(())
    }

    /// A route of the author's own that leads to the app and to another Service, and what of it is nobody's to change.
    pub fn shared(self, scene: &Scene, app: &str, other: &str) -> Result<(Value, &'static [&'static str])> {
        match self {
            HttpProxy => {
                let foreign: &[&str] = &[
                    "/ingressClassName",
                    "/virtualhost",
                    "/routes/0/timeoutPolicy",
                    "/routes/1",
                ];
                Ok((fronts::shared_http_proxy(scene, app, other, CONTOUR_CLASS), foreign))
            }
            VirtualService => {
                let foreign: &[&str] = &["/hosts", "/gateways", "/http/0/match", "/http/0/timeout", "/http/1"];
                Ok((fronts::shared_virtual_service(scene, app, other, &edge()), foreign))
            }
            _ => bail!("{self:?} has none here: the suite plays such routes"),
        }
    }
}

/// Istio's own Gateway, as VirtualServices name it.
fn edge() -> String {
    format!("gateway-system/{EDGE_GATEWAY_NAME}")
}
