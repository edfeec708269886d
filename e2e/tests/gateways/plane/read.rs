//! How much the objects of a data plane give to the canary.

use anyhow::Result;
use e2e::scene::quick::SOON;
use e2e::scene::shares::mirrored;
use e2e::scene::{Scene, wait_for};
use kube::Api;
use kube::api::DynamicObject;
use serde_json::Value;

use super::Plane::{
    self, ContourRoute, HttpProxy, IstioRoute, KnativeService, NginxIngress, SkipperIngress, TraefikGrpcRoute,
    TraefikRoute, TraefikService, VirtualService,
};
use super::revisions;

/// Nginx's annotation of the second Ingress.
const CANARY_WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";
/// Skipper's, and what it takes its share with.
const PREDICATE: &str = "zalando.org/skipper-predicate";
const EVERYBODY: &str = "True()";
const SHARE: &str = "Traffic(0.";

impl Plane {
    /// The objects that carry shares.
    pub fn routes(self, scene: &Scene) -> Api<DynamicObject> {
        let objects = scene.objects();
        match self {
            HttpProxy => objects.dynamic("projectcontour.io", "v1", "HTTPProxy", "httpproxies"),
            VirtualService => objects.dynamic("networking.istio.io", "v1", "VirtualService", "virtualservices"),
            TraefikService => objects.traefik_services(),
            ContourRoute | IstioRoute | TraefikRoute => objects.routes(),
            TraefikGrpcRoute => objects.grpc_routes(),
            NginxIngress | SkipperIngress => objects.ingresses(),
            KnativeService => revisions::services(scene),
        }
    }

    /// The name of that of an app.
    pub fn route(self, app: &str) -> String {
        match self {
            NginxIngress | SkipperIngress => format!("{app}-front-canary"),
            TraefikGrpcRoute => format!("{app}-front"),
            HttpProxy | ContourRoute | VirtualService | IstioRoute | TraefikService | TraefikRoute | KnativeService => {
                app.to_owned()
            }
        }
    }

    /// How many percent it gives to the app's canary.
    pub fn weight(self, app: &str, route: &Value) -> u64 {
        let (list, name) = match self {
            HttpProxy => ("/spec/routes/0/services", "/name"),
            VirtualService => ("/spec/http/0/route", "/destination/host"),
            TraefikService => ("/spec/weighted/services", "/name"),
            ContourRoute | IstioRoute | TraefikRoute | TraefikGrpcRoute => ("/spec/rules/0/backendRefs", "/name"),
            NginxIngress => return annotation(route, CANARY_WEIGHT).parse().unwrap_or_default(),
            SkipperIngress => return drawn(annotation(route, PREDICATE)),
            KnativeService => return revisions::tested(route),
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
            ContourRoute | IstioRoute | TraefikRoute => return mirrored(route),
            TraefikService | TraefikGrpcRoute | NginxIngress | SkipperIngress | KnativeService => return None,
        };
        Some(percent.map_or(100, |percent| percent.round() as u64))
    }
}

fn annotation<'a>(route: &'a Value, key: &str) -> &'a str {
    route["metadata"]["annotations"][key].as_str().unwrap_or_default()
}

/// How many percent a predicate of ours takes: what its author asks of requests comes behind it.
fn drawn(predicate: &str) -> u64 {
    if predicate.contains(EVERYBODY) {
        return 100;
    }
    let hundredths = predicate.split_once(SHARE).and_then(|(_, rest)| rest.split_once(')'));
    hundredths
        .and_then(|(digits, _)| digits.parse().ok())
        .unwrap_or_default()
}
