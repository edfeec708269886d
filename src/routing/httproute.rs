//! Gateway API v1 HTTPRoute (`gateway.networking.k8s.io/v1`).
//!
//! A route of the user's own is edited, never replaced: the backendRefs that name the apex, `-primary` or `-canary`
//! Service are found by name in every rule and become the pair with its weights, and only the apex's own share is split
//! when other backends serve beside it. Requests that are treated apart (those that match an A/B test, those with a cookie
//! of ours) get rules of their own, placed before each rule that names the pair and made from it. Everything else stays
//! the user's, and folding leaves the route as it was.

mod backends;
mod conditions;
mod cookies;
mod generated;
mod inserted;
mod spec;

pub use generated::{RouteSpec, generated};
pub use spec::route_spec;

use super::{Exposure, Names, Traffic};
use backends::{Side, backends, canary_share, fold, names_pair, side};
use inserted::{exposed, mirrored, stripped};
use serde_json::Value;

/// `apiVersion` of the routes we read and write.
pub const API_VERSION: &str = "gateway.networking.k8s.io/v1";
/// Their kind.
pub const KIND: &str = "HTTPRoute";

/// Controllers without the RequestMirror filter.
const WITHOUT_MIRROR: &[&str] = &["traefik.io/gateway-controller"];

/// Whether any rule of `route` sends traffic to a Service of the pair.
pub fn refers_to(route: &Value, names: &Names) -> bool {
    rules(route).any(|rule| names_pair(rule, names))
}

/// What a live route does with the pair's traffic; `None` when no rule names the pair, rules differ, or anything of ours in
/// it is not as it would be written. `expected` is looked for first.
///
/// A rule that names the apex counts as everything to primary: at rest, the apex selects primary's pods.
pub fn traffic(route: &Value, names: &Names, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    let users = stripped(rules(route), names);
    let weights = agreed(ours(&users, names).map(|rule| canary_share(rule, names)))?;
    let plain = Traffic::share(weights);
    if !is_split(route, names) {
        return Some(plain);
    }
    let mirror = rules(route).map(|rule| mirrored(rule, names)).max();
    let variants = [(false, false), (true, false), (false, true), (true, true)];
    let candidates = variants.map(|(matched, sticky)| Traffic {
        matched,
        mirror: mirror.unwrap_or(0),
        sticky,
        ..plain
    });
    expected
        .into_iter()
        .chain(candidates)
        .find(|candidate| route.pointer("/spec/rules") == Some(&with_traffic(route, names, *candidate, exposure)))
}

fn agreed<T: PartialEq>(mut of: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = of.next()??;
    of.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// Whether every rule that names the pair is in its split form, as [`with_traffic`] leaves it.
pub fn is_split(route: &Value, names: &Names) -> bool {
    rules(route).all(|rule| {
        let count = |wanted| {
            let of = backends(rule).iter().filter(|b| side(b, names) == Some(wanted));
            of.count()
        };
        count(Side::Apex) == 0 && count(Side::Primary) == count(Side::Canary) && count(Side::Primary) <= 1
    })
}

/// The route's `rules` with the pair carrying `traffic`; what names another backend stays as it is, up to a common factor.
pub fn with_traffic(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Value {
    let changed = stripped(rules(route), names).into_iter().flat_map(|rule| {
        if names_pair(&rule, names) {
            exposed(&rule, names, traffic, exposure)
        } else {
            vec![rule]
        }
    });
    Value::Array(changed.collect())
}

/// The route's `rules` with the pair folded back into one reference to the apex: the exit.
pub fn folded(route: &Value, names: &Names) -> Value {
    let changed = stripped(rules(route), names).into_iter().map(|rule| {
        if names_pair(&rule, names) {
            let refs = Value::Array(fold(backends(&rule), names));
            backends::with(&rule, "backendRefs", refs)
        } else {
            rule
        }
    });
    Value::Array(changed.collect())
}

/// Whether every parent that answered has accepted the generation `route` carries; true when no parent has answered yet
/// is never said: an empty list is `false`.
pub fn accepted(route: &Value) -> bool {
    let generation = route
        .pointer("/metadata/generation")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    let parents = route
        .pointer("/status/parents")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    !parents.is_empty()
        && parents.iter().all(|parent| {
            let conditions = parent
                .get("conditions")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            conditions.iter().any(|c| {
                c.get("type").and_then(Value::as_str) == Some("Accepted")
                    && c.get("status").and_then(Value::as_str) == Some("True")
                    && c.get("observedGeneration").and_then(Value::as_i64).unwrap_or(0) >= generation
            })
        })
}

/// The parents of a route whose controller is known to have no RequestMirror filter, with its name. It is Traefik (3.7),
/// which answers 500 to every request of a rule that has one.
pub fn unmirrored(route: &Value) -> impl Iterator<Item = (&Value, &str)> {
    let parents = route
        .pointer("/status/parents")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    parents.filter_map(|parent| {
        let controller = parent.get("controllerName")?.as_str()?;
        WITHOUT_MIRROR
            .contains(&controller)
            .then_some((parent.get("parentRef")?, controller))
    })
}

fn rules(route: &Value) -> impl Iterator<Item = &Value> {
    route
        .pointer("/spec/rules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn ours<'a>(rules: &'a [Value], names: &'a Names) -> impl Iterator<Item = &'a Value> {
    rules.iter().filter(|rule| names_pair(rule, names))
}

#[cfg(test)]
mod tests;
