//! Provider `contour`: an HTTPProxy of the app's name, without a host, whose routes name the two halves with weights. The
//! root HTTPProxy that includes it is its author's and is never written.
//!
//! One of the user's own whose routes name the Service of the app is edited in `spec.routes` alone, whether it is a root or
//! is included by one.

mod conditions;
mod dialect;
mod generated;
mod mirror;
mod order;
mod problem;
mod services;
mod status;
mod weights;

use crate::api::canary::CanarySpec;
use crate::routing::{
    Capabilities, Exposure, Forms, Names, ProviderDefaults, Resource, RouteKind, Router, Traffic, WrittenKind, weighted,
};
use dialect::ProxyRoutes;
use serde_json::Value;
use std::time::Duration;

/// The provider `contour`.
#[derive(Debug)]
pub struct Contour;

/// The kind of its routes.
#[derive(Debug)]
pub struct HttpProxy;

const GROUP: &str = "projectcontour.io";
const VERSION: &str = "v1";
const KIND: &str = "HTTPProxy";

/// Contour waits until changes have been quiet for a tenth of a second, at most half of one, before it tells its proxies.
const PUSH: Duration = Duration::from_secs(3);

/// What it compares texts by: a prefix and a suffix become expressions.
const FORMS: &[&str] = &["exact", "prefix", "suffix", "regex"];

// A cookie that a route sets takes the place of those that the app sets, so none can be told to keep a user on a side.
const CAN: Capabilities = Capabilities {
    weights: true,
    matches: true,
    mirror: true,
    // The proxy that is made names one port and no protocol, which is HTTP/1.1. A user's own may say `protocol: h2c`.
    ..Capabilities::NONE
};

impl Router for Contour {
    fn name(&self) -> &'static str {
        "contour"
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        &[&HttpProxy]
    }

    fn can(&self) -> Capabilities {
        CAN
    }

    fn settle(&self) -> Duration {
        PUSH
    }

    fn forms(&self) -> Option<Forms> {
        Some(Forms::alike(FORMS))
    }

    fn rejects(&self, spec: &CanarySpec) -> Vec<(String, String)> {
        problem::of_canary(spec)
    }

    fn obeys(&self) -> &'static [&'static str] {
        &["spec.service.match", "spec.service.timeout", "spec.service.retries"]
    }

    fn instead(&self) -> &'static str {
        "writes an HTTPProxy for a root of yours to include; hosts, TLS and CORS are said there, headers and rewrites in an \
         HTTPProxy of your own"
    }

    fn published(&self, namespace: &str, names: &Names, spec: &CanarySpec) -> Option<Value> {
        let service = spec.service.as_ref().filter(|_| problem::of_canary(spec).is_empty())?;
        generated::generated(namespace, names, service)
    }

    fn defaulted(&self, route: Value, defaults: &ProviderDefaults) -> Value {
        match defaults.ingress_class.as_str() {
            "" => route,
            class => generated::classed(route, class),
        }
    }
}

impl WrittenKind for HttpProxy {
    fn resource(&self) -> Resource {
        Resource {
            group: GROUP,
            version: VERSION,
            kind: KIND,
            plural: "httpproxies",
            built_in: false,
        }
    }

    fn services(&self, route: &Value) -> Vec<String> {
        let named = |one: &Value| one.get("name").and_then(Value::as_str).map(str::to_owned);
        problem::led(route).filter_map(named).collect()
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        problem::refers_to(route, names)
    }

    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        weighted::names_a_half::<ProxyRoutes>(route, names)
    }
}

impl RouteKind for HttpProxy {
    fn fields(&self) -> &'static [&'static str] {
        &["/spec/routes"]
    }

    fn leads_to_a_half(&self) -> Option<&'static str> {
        Some(include_str!("contour/half.cel").trim_ascii_end())
    }

    fn rescue(&self) -> Option<&'static str> {
        Some(include_str!("contour/rescue.sh"))
    }

    // It includes HTTPProxies of other namespaces, and sends to Services of its own alone.
    fn outward(&self, _route: &Value, _own: Option<&str>) -> Option<Vec<(String, String)>> {
        None
    }

    // One that is included has those of its roots.
    fn hosts(&self, route: &Value) -> Vec<String> {
        let host = route.pointer("/spec/virtualhost/fqdn").and_then(Value::as_str);
        host.into_iter().map(str::to_owned).collect()
    }

    fn is_split(&self, route: &Value, names: &Names) -> bool {
        self.names_a_half(route, names) && weighted::is_carried::<ProxyRoutes>(&weights::said(route, names), names)
    }

    fn traffic(
        &self,
        route: &Value,
        _beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        let asked = expected.map(|asked| Traffic { sticky: false, ..asked });
        let said = weights::said(route, names);
        let found = weighted::traffic::<ProxyRoutes>(&said, names, &exposure.without_sessions(), asked)?;
        Some(found.as_able(CAN, expected))
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        // Those of a run that another provider began are nothing that is waited for.
        let exposure = exposure.without_sessions();
        let change = |route: &Value| {
            let said = weights::said(route, names);
            let rules = weighted::with_traffic::<ProxyRoutes>(&said, names, traffic, &exposure);
            weighted::with_rules::<ProxyRoutes>(route, rules)
        };
        objects.iter().map(change).collect()
    }

    fn folded(&self, route: &Value, names: &Names) -> Value {
        if !self.names_a_half(route, names) {
            return route.clone();
        }
        let rules = weighted::folded::<ProxyRoutes>(&weights::said(route, names), names);
        weights::unsaid(&weighted::with_rules::<ProxyRoutes>(route, rules), names)
    }

    // Contour has a stream for routes and one for Services, and Envoy knows of no order between them.
    fn hears_apart(&self, _route: &Value) -> bool {
        true
    }

    fn naming(&self, route: &Value, names: &Names) -> Value {
        let rules = weighted::naming::<ProxyRoutes>(&weights::said(route, names), names);
        weighted::with_rules::<ProxyRoutes>(route, rules)
    }

    fn spares_halves(&self, route: &Value, names: &Names) -> bool {
        weighted::spares_halves::<ProxyRoutes>(&weights::said(route, names), names)
    }

    fn problem(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        let unmoved = problem::of_route(route, names);
        unmoved
            .or_else(|| self.crowded(route, names, exposure))
            .or_else(|| status::refused(route))
    }

    fn crowded(&self, route: &Value, names: &Names, exposure: &Exposure) -> Option<String> {
        order::conflict(&self.folded(route, names), names, exposure)
    }

    fn is_pending(&self, route: &Value) -> bool {
        status::is_pending(route)
    }
}

#[cfg(test)]
mod tests;
