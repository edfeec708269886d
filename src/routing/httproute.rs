//! Gateway API v1 HTTPRoute (`gateway.networking.k8s.io/v1`).
//!
//! A route of the user's own is edited, never replaced: the backendRefs that name the apex, `-primary` or `-canary`
//! Service are found by name in every rule and become the pair with its weights, and only the apex's own share is split
//! when other backends serve beside it. Everything else stays the user's.

mod generated;
mod spec;

pub use generated::{RouteSpec, generated};
pub use spec::route_spec;

use super::{Names, Weights};
use serde_json::{Value, json};

/// `apiVersion` of the routes we read and write.
pub const API_VERSION: &str = "gateway.networking.k8s.io/v1";
/// Their kind.
pub const KIND: &str = "HTTPRoute";

/// Whether any rule of `route` sends traffic to a Service of the pair.
pub fn refers_to(route: &Value, names: &Names) -> bool {
    rules(route).any(|rule| backends(rule).iter().any(|b| side(b, names).is_some()))
}

/// The weights a live route carries, if its rules agree; `None` when no rule names the pair, or rules differ.
///
/// A rule that names the apex counts as everything to primary: at rest, the apex selects primary's pods.
pub fn weights(route: &Value, names: &Names) -> Option<Weights> {
    let mut found = None;
    for rule in rules(route) {
        let refs = backends(rule);
        let (mut stable, mut canary, mut any) = (0, 0, false);
        for backend in &refs {
            match side(backend, names) {
                Some(Side::Canary) => canary += weight(backend),
                Some(Side::Primary | Side::Apex) => stable += weight(backend),
                None => continue,
            }
            any = true;
        }
        if !any {
            continue;
        }
        let share = percent(canary, stable + canary)?;
        match found {
            None => found = Some(share),
            Some(other) if other != share => return None,
            Some(_) => {}
        }
    }
    found.map(Weights::canary_share)
}

/// Whether every rule that names the pair is in its split form, as [`with_weights`] leaves it.
pub fn is_split(route: &Value, names: &Names) -> bool {
    rules(route).all(|rule| {
        let refs = backends(rule);
        let count = |wanted| refs.iter().filter(|b| side(b, names) == Some(wanted)).count();
        count(Side::Apex) == 0 && count(Side::Primary) == count(Side::Canary) && count(Side::Primary) <= 1
    })
}

/// The route's `rules` with the pair at `weights`; what names another backend stays as it is, up to a common factor.
pub fn with_weights(route: &Value, names: &Names, weights: Weights) -> Value {
    map_rules(route, |refs| split(refs, names, weights))
}

/// The route's `rules` with the pair folded back into one reference to the apex: the exit.
pub fn folded(route: &Value, names: &Names) -> Value {
    map_rules(route, |refs| fold(refs, names))
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Apex,
    Primary,
    Canary,
}

fn side(backend: &Value, names: &Names) -> Option<Side> {
    let text = |key| backend.get(key).and_then(Value::as_str);
    if !matches!(text("group"), None | Some("")) || !matches!(text("kind"), None | Some("Service")) {
        return None;
    }
    match text("name")? {
        name if name == names.apex => Some(Side::Apex),
        name if name == names.primary => Some(Side::Primary),
        name if name == names.canary => Some(Side::Canary),
        _ => None,
    }
}

fn rules(route: &Value) -> impl Iterator<Item = &Value> {
    route
        .pointer("/spec/rules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn backends(rule: &Value) -> Vec<Value> {
    rule.get("backendRefs")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn map_rules(route: &Value, change: impl Fn(Vec<Value>) -> Vec<Value>) -> Value {
    let mapped = rules(route).map(|rule| {
        let mut rule = rule.clone();
        if let Some(refs) = rule.get_mut("backendRefs") {
            let old = refs.as_array().cloned().unwrap_or_default();
            *refs = Value::Array(change(old));
        }
        rule
    });
    Value::Array(mapped.collect())
}

// The Gateway API's default: a reference without a weight has weight 1.
fn weight(backend: &Value) -> u64 {
    backend.get("weight").and_then(Value::as_u64).unwrap_or(1)
}

fn percent(part: u64, whole: u64) -> Option<u8> {
    u8::try_from((part * 100 + whole / 2).checked_div(whole)?).ok()
}

fn split(refs: Vec<Value>, names: &Names, weights: Weights) -> Vec<Value> {
    let Some(first) = refs.iter().position(|b| side(b, names).is_some()) else {
        return refs;
    };
    let ours: u64 = refs.iter().filter(|b| side(b, names).is_some()).map(weight).sum();
    let others = refs.iter().any(|b| side(b, names).is_none());
    // Beside other backends, all weights are scaled so that the pair's share can be cut in hundredths; references that
    // are already in the split form carry the factor.
    let already = refs
        .iter()
        .any(|b| matches!(side(b, names), Some(Side::Primary | Side::Canary)));
    let factor = if others && !already { 100 } else { 1 };
    let share = if others { ours * factor } else { 100 };
    let template = refs.get(first).cloned().unwrap_or_default();
    let canary = share * u64::from(weights.canary()) / 100;
    let mut out = Vec::new();
    for (index, backend) in refs.into_iter().enumerate() {
        if index == first {
            out.push(reference(&template, &names.primary, share - canary));
            out.push(reference(&template, &names.canary, canary));
        } else if side(&backend, names).is_none() {
            let scaled = weight(&backend) * factor;
            out.push(if factor == 1 {
                backend
            } else {
                with(&backend, "weight", json!(scaled))
            });
        }
    }
    out
}

fn fold(refs: Vec<Value>, names: &Names) -> Vec<Value> {
    let Some(first) = refs.iter().position(|b| side(b, names).is_some()) else {
        return refs;
    };
    let others = refs.iter().any(|b| side(b, names).is_none());
    let ours: u64 = refs.iter().filter(|b| side(b, names).is_some()).map(weight).sum();
    let divisor = if others
        && refs
            .iter()
            .all(|b| side(b, names).is_some() || weight(b).is_multiple_of(100))
        && ours.is_multiple_of(100)
    {
        100
    } else {
        1
    };
    let template = refs.get(first).cloned().unwrap_or_default();
    let mut out = Vec::new();
    for (index, backend) in refs.into_iter().enumerate() {
        if index == first {
            out.push(reference(
                &template,
                &names.apex,
                if others { ours / divisor } else { 1 },
            ));
        } else if side(&backend, names).is_none() {
            let share = weight(&backend) / divisor;
            out.push(if divisor == 1 {
                backend
            } else {
                with(&backend, "weight", json!(share))
            });
        }
    }
    out
}

fn reference(template: &Value, name: &str, weight: u64) -> Value {
    with(&with(template, "name", json!(name)), "weight", json!(weight))
}

fn with(value: &Value, key: &str, member: Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.insert(key.to_owned(), member);
    }
    value
}

#[cfg(test)]
mod tests;
