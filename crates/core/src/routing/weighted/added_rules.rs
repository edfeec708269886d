//! The rules and copies we add to a route, and how they are told from the user's.
//!
//! A rule has no place for a mark, so the shape is the mark: a rule of ours names the canary before primary
//! and gives one of the two no weight, and a rule of the user's, with primary first, comes after it. Whoever re-applies an
//! exported route brings the shape along, and it is taken for what it is. A cookie of ours stands on one half of the pair
//! alone, or says something else on the other; what both halves say alike is the user's, who wrote it on the apex.

use super::shares::{names_pair, refs, split};
use super::{Dialect, rules};
use crate::routing::reference::{Local, Side, with};
use crate::routing::{Exposure, Traffic, Weights, exposure::Affinity};
use serde_json::{Value, json};

/// The user's rules, without anything of ours but the split of the pair.
pub(super) fn stripped<D: Dialect>(route: &Value, names: &Local<'_>) -> Vec<Value> {
    let rules: Vec<&Value> = rules::<D>(route).collect();
    let is_base = |rule: &&Value| names_pair::<D>(rule, names) && !has_our_shape::<D>(rule, names);
    let last = rules.iter().rposition(is_base);
    let of_ours = |at: usize, rule: &Value| last.is_some_and(|last| at < last) && has_our_shape::<D>(rule, names);
    let kept = rules.iter().enumerate().filter(|(at, rule)| !of_ours(*at, rule));
    kept.map(|(_, rule)| cleaned::<D>(rule, names)).collect()
}

/// Whether a rule is of the shape of those that we add.
pub(super) fn has_our_shape<D: Dialect>(rule: &Value, names: &Local<'_>) -> bool {
    let refs = refs::<D>(rule);
    let only = |wanted| {
        let mut of = refs
            .iter()
            .enumerate()
            .filter(|(_, b)| D::side(b, names) == Some(wanted));
        of.next().filter(|_| of.next().is_none())
    };
    let is_off = |reference| D::weight(reference, false) == 0;
    match (only(Side::Canary), only(Side::Primary)) {
        (Some((canary, of_canary)), Some((primary, of_primary))) => {
            canary < primary && (is_off(of_canary) || is_off(of_primary))
        }
        _ => false,
    }
}

fn cleaned<D: Dialect>(rule: &Value, names: &Local<'_>) -> Value {
    let rule = D::without_mirror(rule, names);
    if rule.get(D::REFS).is_none() {
        return rule;
    }
    let refs = without_cookies::<D>(refs::<D>(&rule), names);
    with(&rule, D::REFS, json!(refs))
}

// The references without the cookies we set.
fn without_cookies<D: Dialect>(refs: &[Value], names: &Local<'_>) -> Vec<Value> {
    let cookies = |wanted| {
        let mut of = refs.iter().filter(|b| D::side(b, names) == Some(wanted));
        of.next().map(D::cookies)
    };
    let (Some(primary), Some(canary)) = (cookies(Side::Primary), cookies(Side::Canary)) else {
        return refs.to_vec();
    };
    let users = |cookie: &str| primary.iter().any(|c| c == cookie) && canary.iter().any(|c| c == cookie);
    let cleaned = |backend: &Value| match D::side(backend, names) {
        Some(Side::Primary | Side::Canary) => D::without_cookies(backend, &users),
        _ => backend.clone(),
    };
    refs.iter().map(cleaned).collect()
}

/// One rule of the user's that names the pair, as the rules that carry `traffic`.
pub(super) fn exposed<D: Dialect>(
    rule: &Value,
    names: &Local<'_>,
    traffic: Traffic,
    exposure: &Exposure,
) -> Vec<Value> {
    let pair = split::<D>(refs::<D>(rule), names, traffic.weights);
    let mut base = with(rule, D::REFS, json!(pair));
    let sticky = exposure.affinity.as_ref().filter(|_| traffic.sticky);
    let mut out = Vec::new();
    if let Some((affinity, cookie)) = sticky.zip(exposure.cookies.canary.as_deref()) {
        out.extend(kept::<D>(&base, names, traffic, exposure, cookie));
        base = setting_cookies::<D>(&base, names, traffic, (affinity, cookie), exposure);
    } else if let Some((affinity, cookie)) = exposure.affinity.as_ref().zip(exposure.cookies.previous.as_deref())
        && traffic.weights == Weights::PRIMARY
    {
        let forgetting = copy::<D>(&base, names, Side::Primary, &[D::with_cookie(cookie)]);
        let forget = affinity.forget(cookie);
        let forgetting = forgetting.iter();
        out.extend(forgetting.map(|rule| setting::<D>(rule, names, Side::Primary, &forget)));
    }
    if traffic.matched {
        // With cookies: whoever matches is told to come back.
        out.extend(copy::<D>(&base, names, Side::Canary, &D::conditions(&exposure.matches)));
    }
    if traffic.mirror > 0 {
        base = D::mirroring(&base, names, traffic.mirror);
    }
    out.push(base);
    out
}

// The rules for users who carry a cookie of ours.
fn kept<D: Dialect>(
    base: &Value,
    names: &Local<'_>,
    traffic: Traffic,
    exposure: &Exposure,
    cookie: &str,
) -> Vec<Value> {
    let mut out = Vec::new();
    out.extend(copy::<D>(base, names, Side::Canary, &[D::with_cookie(cookie)]));
    // In an A/B test nobody is drawn by lot, so nobody has to be kept on primary.
    if let Some(cookie) = exposure.cookies.primary.as_deref().filter(|_| !traffic.matched) {
        out.extend(copy::<D>(base, names, Side::Primary, &[D::with_cookie(cookie)]));
    }
    out
}

fn setting_cookies<D: Dialect>(
    base: &Value,
    names: &Local<'_>,
    traffic: Traffic,
    (affinity, cookie): (&Affinity, &str),
    exposure: &Exposure,
) -> Value {
    let base = setting::<D>(base, names, Side::Canary, &affinity.keep_canary(cookie));
    match exposure.cookies.primary.as_deref().filter(|_| !traffic.matched) {
        Some(cookie) => setting::<D>(&base, names, Side::Primary, &affinity.keep_primary(cookie)),
        None => base,
    }
}

// A rule whose answers from one side set a cookie. A reference that sets cookies by itself is left as it is: a second value
// of the same header name is not allowed.
fn setting<D: Dialect>(rule: &Value, names: &Local<'_>, wanted: Side, cookie: &str) -> Value {
    let changed = |b: &Value| {
        if D::side(b, names) == Some(wanted) && D::cookies(b).is_empty() {
            D::setting(b, cookie)
        } else {
            b.clone()
        }
    };
    let refs: Vec<Value> = refs::<D>(rule).iter().map(changed).collect();
    with(rule, D::REFS, json!(refs))
}

// The split rule for those requests only that meet one of `conditions` besides, with the pair's share on one side; nothing
// when no request can.
fn copy<D: Dialect>(base: &Value, names: &Local<'_>, all_to: Side, conditions: &[Value]) -> Vec<Value> {
    let mut own = D::matches(base);
    if own.is_empty() {
        own.push(D::everything());
    }
    let own = own.iter();
    let matches: Vec<Value> = own
        .flat_map(|m| conditions.iter().filter_map(move |c| D::both(m, c)))
        .collect();
    if matches.is_empty() {
        return Vec::new();
    }
    let refs = refs::<D>(base);
    let ours = refs.iter().filter(|b| D::side(b, names).is_some());
    let share: u64 = ours.map(|b| D::weight(b, false)).sum();
    let of = |wanted| refs.iter().find(|b| D::side(b, names) == Some(wanted));
    let weighed = |wanted| of(wanted).map(|b| with(b, "weight", json!(if wanted == all_to { share } else { 0 })));
    let turned = refs.iter().filter_map(|b| match D::side(b, names) {
        Some(Side::Primary) => weighed(Side::Canary),
        Some(Side::Canary) => weighed(Side::Primary),
        _ => Some(b.clone()),
    });
    D::matching(&with(base, D::REFS, turned.collect()), matches)
}
