//! The backends of a TrafficSplit: as their author means them, and as they carry a share.
//!
//! A backend that is the app's becomes two. A pair that has its backends to itself and weighs 100 together, as Flagger writes
//! it, is in hundredths already. All other weights are multiplied, so that the pair's can be cut in hundredths and what others
//! have stays the same part of the whole; where halves are named, folding divides again.

use super::QUANTITIES;
use super::weight::Weight;
use crate::object::text;
use crate::routing::reference::{Side, with as set, without};
use crate::routing::{Names, Weights};
use serde_json::{Value, json};

/// Where the backends are.
pub(super) const AT: &str = "/spec/backends";
/// Weights up to this one are multiplied; the result can be said on any machine.
pub(super) const MOST: u64 = 1_000_000;
/// A pair alone weighs this much together.
const WHOLE: u64 = 100;
/// A multiple of 100, by which no weight of thousandths becomes [`WHOLE`].
const FACTOR: u64 = 300;

// A backend as its author means it.
struct Entry {
    // Without its weight; the pair's name the apex.
    reference: Value,
    weight: Weight,
    is_ours: bool,
}

impl Entry {
    fn written(&self) -> Value {
        weighed(&self.reference, self.weight)
    }
}

fn weighed(reference: &Value, weight: Weight) -> Value {
    set(reference, "weight", weight.written())
}

/// The backends of `route`.
pub(super) fn entries(route: &Value) -> &[Value] {
    let found = route.pointer(AT).and_then(Value::as_array);
    found.map(Vec::as_slice).unwrap_or_default()
}

/// `route` with these backends; one without any has none to change.
pub(super) fn with(route: &Value, entries: Vec<Value>) -> Value {
    let mut route = route.clone();
    if let Some(list) = route.pointer_mut(AT).filter(|list| list.is_array()) {
        *list = Value::Array(entries);
    }
    route
}

/// Which Service of the pair a backend names. It is always one of the route's own namespace.
pub(super) fn side(backend: &Value, names: &Names) -> Option<Side> {
    match text(backend, "/service") {
        "" => None,
        name if name == names.apex => Some(Side::Apex),
        name if name == names.primary => Some(Side::Primary),
        name if name == names.canary => Some(Side::Canary),
        _ => None,
    }
}

/// What each backend weighs, as far as that can be read.
pub(super) fn weights(route: &Value) -> impl Iterator<Item = Option<Weight>> {
    let texts = text(route, "/apiVersion").rsplit('/').next() == Some(QUANTITIES);
    entries(route).iter().map(move |backend| Weight::of(backend, texts))
}

/// Whether all weights can be read.
pub(super) fn is_readable(route: &Value) -> bool {
    weights(route).all(|weight| weight.is_some())
}

/// The canary's part of what the backends give the pair, in percent; `None` where they give it nothing.
pub(super) fn canary_share(route: &Value, names: &Names) -> Option<u8> {
    let of = |canary: bool| {
        let is_its = |entry: &Value| side(entry, names).is_some_and(|side| canary == (side == Side::Canary));
        let all = entries(route).iter().zip(weights(route));
        let its = all.filter(|(entry, _)| is_its(entry)).filter_map(|(_, weight)| weight);
        let sum = its.map(Weight::thousandths).fold(0, u64::saturating_add);
        u128::from(sum)
    };
    let (stable, canary) = (of(false), of(true));
    let whole = stable + canary;
    u8::try_from((canary * 100 + whole / 2).checked_div(whole)?).ok()
}

/// The backends with the pair at `weights`, the canary first; as they are where one cannot be read or none is the pair's.
pub(super) fn carrying(route: &Value, names: &Names, weights: Weights) -> Vec<Value> {
    let meant = meant(route, names).filter(|all| all.iter().any(|entry| entry.is_ours));
    let Some(meant) = meant else {
        return entries(route).to_vec();
    };
    let factor = if is_whole(&meant) { 1 } else { FACTOR };
    let cut = meant.iter().flat_map(|entry| cut(entry, factor, names, weights));
    cut.collect()
}

// One backend beside others, or the two that it becomes.
fn cut(entry: &Entry, factor: u64, names: &Names, weights: Weights) -> Vec<Value> {
    let weight = entry.weight.times(factor);
    if !entry.is_ours {
        return vec![weighed(&entry.reference, weight)];
    }
    let (canary, primary) = weight.cut(weights.canary());
    let half = |name: &str, weight| weighed(&set(&entry.reference, "service", json!(name)), weight);
    vec![half(&names.canary, canary), half(&names.primary, primary)]
}

/// The backends as their author means them: the pair is the apex again.
pub(super) fn folded(route: &Value, names: &Names) -> Vec<Value> {
    match meant(route, names) {
        Some(meant) => meant.iter().map(Entry::written).collect(),
        // The halves go all the same, so the apex has to be named.
        None => entries(route).iter().map(|entry| led_to_apex(entry, names)).collect(),
    }
}

fn led_to_apex(entry: &Value, names: &Names) -> Value {
    match side(entry, names) {
        Some(_) => set(entry, "service", json!(names.apex)),
        None => entry.clone(),
    }
}

fn meant(route: &Value, names: &Names) -> Option<Vec<Entry>> {
    let mut all: Vec<Entry> = Vec::new();
    for (entry, weight) in entries(route).iter().zip(weights(route)) {
        let (weight, is_ours) = (weight?, side(entry, names).is_some());
        let reference = without(&led_to_apex(entry, names), &["weight"]);
        let known = all.iter_mut().find(|one| is_ours && one.reference == reference);
        match known {
            Some(one) => one.weight = one.weight.plus(weight),
            None => all.push(Entry {
                reference,
                weight,
                is_ours,
            }),
        }
    }
    let has = |half| entries(route).iter().any(|entry| side(entry, names) == Some(half));
    if has(Side::Primary) && has(Side::Canary) {
        divide(&mut all);
    }
    Some(all)
}

fn is_whole(all: &[Entry]) -> bool {
    matches!(all, [one] if one.is_ours && one.weight.is(WHOLE))
}

// Takes the factor out again. Weights that somebody else gave the two halves have none.
fn divide(all: &mut [Entry]) {
    if is_whole(all) {
        return;
    }
    let divided: Option<Vec<Weight>> = all.iter().map(|entry| entry.weight.over(FACTOR)).collect();
    for (entry, weight) in all.iter_mut().zip(divided.into_iter().flatten()) {
        entry.weight = weight;
    }
}
