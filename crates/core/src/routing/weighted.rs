//! Routes whose rules name weighted references: in each rule that names the apex it becomes the weighted pair, and the pair
//! the apex again.
//!
//! A route of the user's own is edited, never replaced: references to the apex, `-primary` or `-canary` Service are found by
//! name in every rule, and only the apex's own share is split when others serve beside it. Requests that are treated apart
//! (those that match an A/B test, those with a cookie of ours) get rules of their own, placed before each rule that names the
//! pair and made from it. Everything else stays the user's, and folding leaves the route as it was. What kinds of such routes
//! write differently is their [`Dialect`].

mod added_rules;
mod dialect;
pub(super) mod expressions;
mod joined;
mod shares;

pub(super) use dialect::Dialect;
pub(super) use joined::narrower;

use super::reference::{Local, Side, with};
use super::{Exposure, Names, Traffic};
use added_rules::{exposed, has_our_shape, stripped};
use serde_json::{Value, json};
use shares::{canary_share, fold, names_pair, pair_weight, refs, weight_to};

/// Whether any rule of `route` sends traffic to a Service of the pair.
pub(super) fn refers_to<D: Dialect>(route: &Value, names: &Names) -> bool {
    let names = &Local::of(route, names);
    rules::<D>(route).any(|rule| names_pair::<D>(rule, names))
}

/// What a live route does with the pair's traffic; `None` when no rule names the pair, rules differ, or anything of ours in
/// it is not as it would be written. `expected` is looked for first. A rule that gives the pair no weight sends it nothing,
/// so it is not asked.
///
/// A rule that names the apex counts as everything to primary: at rest, the apex selects primary's pods.
pub(super) fn traffic<D: Dialect>(
    route: &Value,
    names: &Names,
    exposure: &Exposure,
    expected: Option<Traffic>,
) -> Option<Traffic> {
    let local = &Local::of(route, names);
    let users = stripped::<D>(route, local);
    let mut ours = users.iter().filter(|rule| names_pair::<D>(rule, local)).peekable();
    ours.peek()?;
    let mut weighed = ours.filter(|rule| pair_weight::<D>(rule, local) > 0).peekable();
    let plain = match weighed.peek() {
        Some(_) => Traffic::share(agreed(weighed.map(|rule| canary_share::<D>(rule, local)))?),
        // Nobody comes to the pair by this route: it does what is asked of it.
        None => expected.unwrap_or(Traffic::PRIMARY),
    };
    if !is_split::<D>(route, names) {
        return Some(plain);
    }
    let mirror = rules::<D>(route).map(|rule| D::mirrored(rule, local)).max();
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
        .find(|candidate| route.pointer(D::RULES) == Some(&with_traffic::<D>(route, names, *candidate, exposure)))
}

fn agreed<T: PartialEq>(mut of: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = of.next()??;
    of.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// Whether every rule that names the pair is in its split form, as [`with_traffic`] leaves it.
pub(super) fn is_split<D: Dialect>(route: &Value, names: &Names) -> bool {
    let names = &Local::of(route, names);
    rules::<D>(route).all(|rule| count::<D>(rule, names, Side::Apex) == 0 && is_cut::<D>(rule, names))
}

/// The same of a route in whose rules the apex may be named beside the halves, without a share ([`naming`]).
pub(super) fn is_carried<D: Dialect>(route: &Value, names: &Names) -> bool {
    let names = &Local::of(route, names);
    rules::<D>(route).all(|rule| {
        let halved = shares::names_a_half::<D>(refs::<D>(rule), names);
        let apex = weight_to::<D>(refs::<D>(rule), names, Side::Apex);
        apex.is_none_or(|weight| halved && weight == 0) && is_cut::<D>(rule, names)
    })
}

// Whether a rule names both halves once, or neither.
fn is_cut<D: Dialect>(rule: &Value, names: &Local<'_>) -> bool {
    let primary = count::<D>(rule, names, Side::Primary);
    primary <= 1 && primary == count::<D>(rule, names, Side::Canary)
}

fn count<D: Dialect>(rule: &Value, names: &Local<'_>, wanted: Side) -> usize {
    let of = refs::<D>(rule).iter().filter(|b| D::side(b, names) == Some(wanted));
    of.count()
}

/// The route's rules with every Service of the pair named in each of the user's that leads to one of them: those that were
/// not get no share, so nobody is led elsewhere.
pub(super) fn naming<D: Dialect>(route: &Value, names: &Names) -> Value {
    let names = &Local::of(route, names);
    let named = |rule: &Value| {
        if names_pair::<D>(rule, names) && !has_our_shape::<D>(rule, names) {
            with(rule, D::REFS, json!(shares::naming::<D>(refs::<D>(rule), names)))
        } else {
            rule.clone()
        }
    };
    Value::Array(rules::<D>(route).map(named).collect())
}

/// Whether each rule that names `-primary` or `-canary` names the apex as well and gives the halves nothing.
pub(super) fn spares_halves<D: Dialect>(route: &Value, names: &Names) -> bool {
    let names = &Local::of(route, names);
    let weight = |rule: &Value, wanted| weight_to::<D>(refs::<D>(rule), names, wanted);
    rules::<D>(route)
        .filter(|rule| shares::names_a_half::<D>(refs::<D>(rule), names))
        .all(|rule| {
            let halves = [Side::Primary, Side::Canary].map(|half| weight(rule, half).unwrap_or(0));
            weight(rule, Side::Apex).is_some() && halves == [0, 0]
        })
}

/// Whether any rule names `-primary` or `-canary` themselves.
pub(super) fn names_a_half<D: Dialect>(route: &Value, names: &Names) -> bool {
    let names = &Local::of(route, names);
    rules::<D>(route).any(|rule| shares::names_a_half::<D>(refs::<D>(rule), names))
}

/// The route's rules with the pair carrying `traffic`; what names another backend stays as it is, up to a common factor.
pub(super) fn with_traffic<D: Dialect>(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Value {
    let names = &Local::of(route, names);
    let changed = stripped::<D>(route, names).into_iter().flat_map(|rule| {
        if names_pair::<D>(&rule, names) {
            exposed::<D>(&rule, names, traffic, exposure)
        } else {
            vec![rule]
        }
    });
    Value::Array(changed.collect())
}

/// The route's rules with the pair folded back into one reference to the apex: the exit.
pub(super) fn folded<D: Dialect>(route: &Value, names: &Names) -> Value {
    let names = &Local::of(route, names);
    let changed = stripped::<D>(route, names).into_iter().map(|rule| {
        if names_pair::<D>(&rule, names) {
            with(&rule, D::REFS, json!(fold::<D>(refs::<D>(&rule), names)))
        } else {
            rule
        }
    });
    Value::Array(changed.collect())
}

/// `route` with other rules; one without rules has none to change.
pub(super) fn with_rules<D: Dialect>(route: &Value, rules: Value) -> Value {
    let mut route = route.clone();
    if let Some(own) = route.pointer_mut(D::RULES) {
        *own = rules;
    }
    route
}

/// The weighted references of all rules.
pub(super) fn all_refs<D: Dialect>(route: &Value) -> impl Iterator<Item = &Value> {
    rules::<D>(route).flat_map(refs::<D>)
}

/// The rules of a route.
pub(super) fn rules<D: Dialect>(route: &Value) -> impl Iterator<Item = &Value> {
    let rules = route.pointer(D::RULES).and_then(Value::as_array);
    rules.into_iter().flatten()
}
