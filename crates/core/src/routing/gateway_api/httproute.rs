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
mod outward;
mod problem;
mod spec;

use generated::RouteSpec;
pub use generated::generated;
pub use outward::outward;
pub use problem::{crowded, is_pending, problem};
pub use spec::route_spec;

use crate::routing::{Exposure, Names, Traffic};
use backends::{Local, Side, backends, canary_share, fold, names_pair, pair_weight, side};
use inserted::{exposed, mirrored, stripped};
use serde_json::Value;

/// API group of the routes we read and write.
pub const GROUP: &str = "gateway.networking.k8s.io";
/// Their kind.
pub const KIND: &str = "HTTPRoute";

/// Controllers without the RequestMirror filter.
const WITHOUT_MIRROR: &[&str] = &["traefik.io/gateway-controller"];

/// Whether any rule of `route` sends traffic to a Service of the pair.
pub fn refers_to(route: &Value, names: &Names) -> bool {
    let names = &Local::of(route, names);
    rules(route).any(|rule| names_pair(rule, names))
}

/// What a live route does with the pair's traffic; `None` when no rule names the pair, rules differ, or anything of ours in
/// it is not as it would be written. `expected` is looked for first. A rule that gives the pair no weight sends it nothing,
/// so it is not asked.
///
/// A rule that names the apex counts as everything to primary: at rest, the apex selects primary's pods.
pub fn traffic(route: &Value, names: &Names, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    let local = &Local::of(route, names);
    let users = stripped(rules(route), local);
    let mut ours = users.iter().filter(|rule| names_pair(rule, local)).peekable();
    ours.peek()?;
    let mut weighed = ours.filter(|rule| pair_weight(rule, local) > 0).peekable();
    let plain = match weighed.peek() {
        Some(_) => Traffic::share(agreed(weighed.map(|rule| canary_share(rule, local)))?),
        // Nobody comes to the pair by this route: it does what is asked of it.
        None => expected.unwrap_or(Traffic::PRIMARY),
    };
    if !is_split(route, names) {
        return Some(plain);
    }
    let mirror = rules(route).map(|rule| mirrored(rule, local)).max();
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
    let names = &Local::of(route, names);
    rules(route).all(|rule| {
        let count = |wanted| {
            let of = backends(rule).iter().filter(|b| side(b, names) == Some(wanted));
            of.count()
        };
        count(Side::Apex) == 0 && count(Side::Primary) == count(Side::Canary) && count(Side::Primary) <= 1
    })
}

/// Whether any rule names `-primary` or `-canary` themselves.
pub fn names_a_half(route: &Value, names: &Names) -> bool {
    let names = &Local::of(route, names);
    let half = |b: &Value| matches!(side(b, names), Some(Side::Primary | Side::Canary));
    rules(route).any(|rule| backends(rule).iter().any(half))
}

/// The route's `rules` with the pair carrying `traffic`; what names another backend stays as it is, up to a common factor.
pub fn with_traffic(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Value {
    let names = &Local::of(route, names);
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
    let names = &Local::of(route, names);
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

/// Names of the Services that any rule names, of whatever namespace, by which a route is found.
pub fn services(route: &Value) -> Vec<String> {
    let named = |backend: &Value| backend.get("name").and_then(Value::as_str).map(str::to_owned);
    rules(route).flat_map(backends).filter_map(named).collect()
}

fn rules(route: &Value) -> impl Iterator<Item = &Value> {
    route
        .pointer("/spec/rules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests;
