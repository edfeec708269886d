//! Ingresses, as several providers move users by them: the user's own leads to the apex Service and is never written, and
//! second ones that we make beside it send their part of its requests to the canary.
//!
//! What the second ones say, and to whom, is their provider's [`Dialect`]; the rest of a provider of Ingresses is here. Whether an Ingress is the user's own or stands
//! beside one is answered alike for all of them, because nothing else tells which provider an object is of.

pub(super) mod companion;
pub(super) mod marks;
pub(super) mod paths;
#[cfg(test)]
pub(super) mod tests;

use super::{Capabilities, Exposure, Names, Need, Resource, RouteKind, Router, Traffic, WrittenKind};
use crate::api::canary::{Analysis, CanarySpec, ObjectRef, StringMatch};
use marks::{is_canary, is_led};
use serde_json::Value;
use std::time::Duration;

/// `apiVersion` of Ingresses as they are read and written.
pub(super) const API_VERSION: &str = "networking.k8s.io/v1";
/// What they are.
pub(super) const KIND: &str = "Ingress";

/// How one data plane is told which part of an Ingress's requests is the canary's.
pub(super) trait Dialect: Sync {
    /// As in `spec.provider`, and for people.
    const NAME: &'static str;
    /// The kind, as its provider writes it.
    const KINDS: &'static [&'static dyn RouteKind];
    /// What the data plane can do.
    const CAN: Capabilities;
    /// How long after a write it takes, at most, to send users by that.
    const SETTLE: Duration;

    /// What of an analysis it cannot do: the path below the analysis, and what to do instead.
    fn refuses(analysis: &Analysis) -> Option<(String, String)>;

    /// Why the header of that name cannot be compared with `value` to tell whom a test is for, and what to do instead.
    fn misreads(_header: &str, _value: &StringMatch) -> Option<String> {
        None
    }

    /// Names of the companions that `route` may have for a pair.
    fn called(route: &Value, names: &Names) -> Vec<String>;

    /// The companions by which `route` carries `traffic`; none while nobody is to reach the canary.
    fn beside(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value>;

    /// What the `live` companions of `route` do with the pair's traffic; `None` where that cannot be said.
    fn read(route: &Value, live: &[&Value], names: &Names, exposure: &Exposure) -> Option<Traffic>;

    /// Why a companion would take requests that are not the app's, in words for people.
    fn refusal(_route: &Value, _names: &Names) -> Option<String> {
        None
    }
}

// Whether we made it beside another, or Flagger did, for whichever provider.
fn is_made_beside(ingress: &Value) -> bool {
    super::is_made(ingress) && (is_canary(ingress) || is_led(ingress))
}

// One that somebody made by hand for a share of the requests carries what is theirs.
fn is_users(ingress: &Value) -> bool {
    !is_canary(ingress) && !is_made_beside(ingress)
}

impl<D: Dialect> Router for D {
    fn name(&self) -> &'static str {
        D::NAME
    }

    fn kinds(&self) -> &'static [&'static dyn RouteKind] {
        D::KINDS
    }

    fn can(&self) -> Capabilities {
        D::CAN
    }

    fn settle(&self) -> Duration {
        D::SETTLE
    }

    // What copies the user's Ingress has to be told which.
    fn lacks(&self, spec: &CanarySpec) -> Option<Need> {
        let need = Need {
            field: "spec.ingressRef",
            why: "copies the Ingress that routes to the target",
            without_route: false,
        };
        spec.ingress_ref.is_none().then_some(need)
    }

    fn other_version(&self, spec: &CanarySpec) -> Option<(&'static str, &'static str)> {
        let named = spec.ingress_ref.as_ref()?;
        let why = (
            "spec.ingressRef.apiVersion",
            "ignored: Ingresses are read as networking.k8s.io/v1",
        );
        (named.api_version != API_VERSION).then_some(why)
    }

    fn obeys(&self) -> &'static [&'static str] {
        &["spec.ingressRef"]
    }

    fn instead(&self) -> &'static str {
        "copies the route that you have"
    }

    fn refuses(&self, analysis: &Analysis) -> Option<(String, String)> {
        D::refuses(analysis)
    }

    fn misreads(&self, header: &str, value: &StringMatch) -> Option<String> {
        D::misreads(header, value)
    }

    fn route(&self, spec: &CanarySpec) -> Option<String> {
        spec.ingress_ref.as_ref().map(|ingress| ingress.name.clone())
    }

    fn adopt(&self, spec: &mut CanarySpec, route: &Value, _namespace: &str) {
        spec.ingress_ref = Some(ObjectRef {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            name: paths::name(route).to_owned(),
        });
    }
}

impl<D: Dialect> WrittenKind for D {
    fn resource(&self) -> Resource {
        Resource {
            group: "networking.k8s.io",
            version: "v1",
            kind: KIND,
            plural: "ingresses",
            built_in: true,
        }
    }

    // Of all: one that was made for another provider is put right by the name that both have.
    fn prefixes(&self, companion: &Value) -> Vec<String> {
        let known = [
            marks::NGINX,
            marks::SKIPPER,
            companion::PUBLISHED_BY,
            companion::PUBLISHED_BY_BEFORE,
        ];
        let all = known.into_iter().chain(marks::prefixes(companion));
        all.map(str::to_owned).collect()
    }

    fn services(&self, route: &Value) -> Vec<String> {
        paths::services(route).map(str::to_owned).collect()
    }

    fn refers_to(&self, route: &Value, names: &Names) -> bool {
        let wanted = match (is_users(route), is_made_beside(route)) {
            (true, _) => &names.apex,
            (false, true) => &names.canary,
            (false, false) => return false,
        };
        paths::services(route).any(|service| service == wanted)
    }

    // An Ingress of the user's own that names one, to look at it say, is not ours to move.
    fn names_a_half(&self, route: &Value, names: &Names) -> bool {
        is_made_beside(route) && self.refers_to(route, names)
    }

    fn is_companion(&self, route: &Value) -> bool {
        is_made_beside(route)
    }
}

impl<D: Dialect> RouteKind for D {
    fn fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn companions(&self, route: &Value, names: &Names) -> Vec<(Resource, String)> {
        if !is_users(route) {
            return Vec::new();
        }
        let called = D::called(route, names).into_iter();
        called.map(|name| (self.resource(), name)).collect()
    }

    fn outward(&self, _route: &Value, _own: Option<&str>) -> Option<Vec<(String, String)>> {
        None
    }

    fn hosts(&self, route: &Value) -> Vec<String> {
        paths::hosts(route)
    }

    fn is_split(&self, _route: &Value, _names: &Names) -> bool {
        false
    }

    fn traffic(
        &self,
        route: &Value,
        beside: &[&Value],
        names: &Names,
        exposure: &Exposure,
        expected: Option<Traffic>,
    ) -> Option<Traffic> {
        let namespace = route.pointer("/metadata/namespace");
        let is_its = |one: &&Value| {
            let leads = paths::to(one, &names.canary).next().is_some();
            one.pointer("/metadata/namespace") == namespace && is_made_beside(one) && leads
        };
        let live: Vec<&Value> = beside.iter().copied().filter(is_its).collect();
        let found = D::read(route, &live, names, exposure)?;
        Some(found.as_able(D::CAN, expected))
    }

    fn carrying(&self, objects: &[Value], names: &Names, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
        let mut objects = objects.to_vec();
        let route = objects.first().filter(|route| is_users(route));
        let made = route.map(|route| D::beside(route, names, traffic, exposure));
        objects.extend(made.unwrap_or_default());
        objects
    }

    fn folded(&self, route: &Value, _names: &Names) -> Value {
        route.clone()
    }

    fn problem(&self, route: &Value, names: &Names, _exposure: &Exposure) -> Option<String> {
        let name = paths::name(route);
        if !self.refers_to(route, names) {
            return Some(format!(
                "no path of Ingress {name} leads to Service {}: name it as a backend, or give the Ingress another name",
                names.apex
            ));
        }
        if !is_users(route) {
            return None;
        }
        let has_path = paths::to(route, &names.apex).next().is_some();
        let by_default = || {
            format!(
                "Ingress {name} leads to Service {} only by its default backend, which {} cannot split: add a rule with \
                 the path /",
                names.apex,
                D::NAME
            )
        };
        if has_path {
            D::refusal(route, names)
        } else {
            Some(by_default())
        }
    }
}
