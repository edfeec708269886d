//! The rules and filters we add to a route, and how they are told from the user's.
//!
//! Gateway API has no place for a mark on a rule, so the shape is the mark: a rule of ours names the canary before primary
//! and gives one of the two no weight, and a rule of the user's, with primary first, comes after it. Whoever re-applies an
//! exported route brings the shape along, and it is taken for what it is.

use super::{
    backends::{Local, Side, backends, names_pair, side, split, weight, with},
    conditions, cookies,
};
use crate::routing::{Exposure, Traffic, Weights, exposure::Affinity};
use serde_json::{Value, json};

/// The user's rules, without anything of ours but the split of the pair.
pub(super) fn stripped<'a>(rules: impl Iterator<Item = &'a Value>, names: &Local<'_>) -> Vec<Value> {
    let rules: Vec<&Value> = rules.collect();
    let is_base = |rule: &&Value| names_pair(rule, names) && !has_our_shape(rule, names);
    let last = rules.iter().rposition(is_base);
    let of_ours = |at: usize, rule: &Value| last.is_some_and(|last| at < last) && has_our_shape(rule, names);
    let kept = rules.iter().enumerate().filter(|(at, rule)| !of_ours(*at, rule));
    kept.map(|(_, rule)| cleaned(rule, names)).collect()
}

fn has_our_shape(rule: &Value, names: &Local<'_>) -> bool {
    let refs = backends(rule);
    let only = |wanted| {
        let mut of = refs.iter().enumerate().filter(|(_, b)| side(b, names) == Some(wanted));
        of.next().filter(|_| of.next().is_none())
    };
    match (only(Side::Canary), only(Side::Primary)) {
        (Some((canary, of_canary)), Some((primary, of_primary))) => {
            canary < primary && (weight(of_canary) == 0 || weight(of_primary) == 0)
        }
        _ => false,
    }
}

fn cleaned(rule: &Value, names: &Local<'_>) -> Value {
    let mut rule = rule.clone();
    let Some(members) = rule.as_object_mut() else {
        return rule;
    };
    if let Some(filters) = members.get_mut("filters").and_then(Value::as_array_mut) {
        let before = filters.len();
        filters.retain(|filter| !is_our_mirror(filter, names));
        if filters.is_empty() && before > 0 {
            members.remove("filters");
        }
    }
    if let Some(refs) = members.get_mut("backendRefs") {
        let cleaned = cookies::without(refs.as_array().map(Vec::as_slice).unwrap_or_default(), names);
        *refs = Value::Array(cleaned);
    }
    rule
}

fn is_our_mirror(filter: &Value, names: &Local<'_>) -> bool {
    let to = filter.pointer("/requestMirror/backendRef");
    to.and_then(|to| side(to, names)) == Some(Side::Canary)
}

/// Percent of the requests a rule copies to the canary; 0 without a mirror.
pub(super) fn mirrored(rule: &Value, names: &Local<'_>) -> u8 {
    let filters = rule.get("filters").and_then(Value::as_array).into_iter().flatten();
    let mut ours = filters.filter(|filter| is_our_mirror(filter, names)).map(|filter| {
        let percent = filter.pointer("/requestMirror/percent").and_then(Value::as_u64);
        u8::try_from(percent.unwrap_or(100)).unwrap_or(100)
    });
    ours.next_back().unwrap_or(0)
}

/// One rule of the user's that names the pair, as the rules that carry `traffic`.
pub(super) fn exposed(rule: &Value, names: &Local<'_>, traffic: Traffic, exposure: &Exposure) -> Vec<Value> {
    let mut base = with(
        rule,
        "backendRefs",
        json!(split(backends(rule), names, traffic.weights)),
    );
    let sticky = exposure.affinity.as_ref().filter(|_| traffic.sticky);
    let mut out = Vec::new();
    if let Some((affinity, cookie)) = sticky.zip(exposure.cookies.canary.as_deref()) {
        out.extend(kept(&base, names, traffic, exposure, cookie));
        base = setting_cookies(&base, names, traffic, (affinity, cookie), exposure);
    } else if let Some((affinity, cookie)) = exposure.affinity.as_ref().zip(exposure.cookies.previous.as_deref())
        && traffic.weights == Weights::PRIMARY
    {
        let forgetting = copy(&base, names, Side::Primary, &[conditions::with_cookie(cookie)]);
        let forget = affinity.forget(cookie);
        out.extend(forgetting.map(|rule| on(&rule, names, Side::Primary, |b| cookies::setting(b, &forget))));
    }
    if traffic.matched {
        // With cookies: whoever matches is told to come back.
        out.extend(copy(
            &base,
            names,
            Side::Canary,
            &conditions::of_analysis(&exposure.matches),
        ));
    }
    if traffic.mirror > 0 {
        base = mirroring(&base, names, traffic.mirror);
    }
    out.push(base);
    out
}

// The rules for users who carry a cookie of ours.
fn kept(base: &Value, names: &Local<'_>, traffic: Traffic, exposure: &Exposure, cookie: &str) -> Vec<Value> {
    let mut out = Vec::new();
    out.extend(copy(base, names, Side::Canary, &[conditions::with_cookie(cookie)]));
    // In an A/B test nobody is drawn by lot, so nobody has to be kept on primary.
    if let Some(cookie) = exposure.cookies.primary.as_deref().filter(|_| !traffic.matched) {
        out.extend(copy(base, names, Side::Primary, &[conditions::with_cookie(cookie)]));
    }
    out
}

fn setting_cookies(
    base: &Value,
    names: &Local<'_>,
    traffic: Traffic,
    (affinity, cookie): (&Affinity, &str),
    exposure: &Exposure,
) -> Value {
    let canary = affinity.keep_canary(cookie);
    let mut base = on(base, names, Side::Canary, |b| cookies::setting(b, &canary));
    if let Some(cookie) = exposure.cookies.primary.as_deref().filter(|_| !traffic.matched) {
        let primary = affinity.keep_primary(cookie);
        base = on(&base, names, Side::Primary, |b| cookies::setting(b, &primary));
    }
    base
}

fn on(rule: &Value, names: &Local<'_>, wanted: Side, change: impl Fn(&Value) -> Value) -> Value {
    let changed = |b: &Value| {
        if side(b, names) == Some(wanted) {
            change(b)
        } else {
            b.clone()
        }
    };
    let refs: Vec<Value> = backends(rule).iter().map(changed).collect();
    with(rule, "backendRefs", json!(refs))
}

// A split rule for those requests only that meet one of `conditions` besides, with the pair's share on one side; `None`
// when no request can.
fn copy(base: &Value, names: &Local<'_>, all_to: Side, conditions: &[Value]) -> Option<Value> {
    let everything = [json!({"path": {"type": "PathPrefix", "value": "/"}})];
    let matches = base.get("matches").and_then(Value::as_array).filter(|m| !m.is_empty());
    let matches = conditions::product(matches.map_or(everything.as_slice(), Vec::as_slice), conditions);
    if matches.is_empty() {
        return None;
    }
    let refs = backends(base);
    let share: u64 = refs.iter().filter(|b| side(b, names).is_some()).map(weight).sum();
    let of = |wanted| refs.iter().find(|b| side(b, names) == Some(wanted));
    let weighed = |wanted| of(wanted).map(|b| with(b, "weight", json!(if wanted == all_to { share } else { 0 })));
    let turned = refs.iter().filter_map(|b| match side(b, names) {
        Some(Side::Primary) => weighed(Side::Canary),
        Some(Side::Canary) => weighed(Side::Primary),
        _ => Some(b.clone()),
    });
    let mut rule = with(base, "backendRefs", turned.collect());
    rule = with(&rule, "matches", Value::Array(matches));
    // Names of rules are unique in a route.
    rule.as_object_mut()?.remove("name");
    Some(rule)
}

fn mirroring(rule: &Value, names: &Local<'_>, percent: u8) -> Value {
    let canary = backends(rule).iter().find(|b| side(b, names) == Some(Side::Canary));
    let mut to = json!({"group": "", "kind": "Service", "name": names.canary});
    for key in ["namespace", "port"] {
        if let Some(value) = canary.and_then(|b| b.get(key)) {
            to = with(&to, key, value.clone());
        }
    }
    let mut mirror = json!({"backendRef": to});
    if percent < 100 {
        mirror = with(&mirror, "percent", json!(percent));
    }
    let mut filters = rule
        .get("filters")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    filters.push(json!({"type": "RequestMirror", "requestMirror": mirror}));
    with(rule, "filters", Value::Array(filters))
}
