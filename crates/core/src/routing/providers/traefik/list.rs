//! The weighted list of a TraefikService: as its author means it, and as it carries a share.
//!
//! While everybody is on one side, an entry of the author's names that side instead of the apex and is otherwise as it was:
//! by default, Traefik gives up a whole list of which one Service has no endpoints, so a side without a share is not named.
//! With a share an entry becomes two, and all weights of the list are multiplied, so that the pair's can be cut in
//! hundredths and what others have stays the same part of the whole. By how much they are multiplied says whether the author
//! left a weight out, and folding leaves it out again.

use crate::routing::Weights;
use crate::routing::reference::{Local, Side, side, weight, with as set, without};
use serde_json::{Value, json};

/// Where the list is.
pub(super) const AT: &str = "/spec/weighted/services";
/// A pair alone in its list weighs this much together, as Flagger writes it: that is hundredths already.
pub(super) const WHOLE: u64 = 100;
/// Weights up to this one are multiplied; the result can be said on any machine.
pub(super) const MOST: u64 = 1_000_000;
/// The factor where every weight is said,
const SAID: u64 = 200;
/// and where one is left out, which makes it 1: then not all of the list can be divided by the other.
const UNSAID: u64 = 300;

// An entry as its author means it.
struct Entry {
    // Without its weight; the pair's name the apex.
    reference: Value,
    weight: Option<u64>,
    is_ours: bool,
}

impl Entry {
    fn weight(&self) -> u64 {
        self.weight.unwrap_or(1)
    }

    fn written(&self) -> Value {
        match self.weight {
            Some(weight) => set(&self.reference, "weight", json!(weight)),
            None => self.reference.clone(),
        }
    }
}

/// What is in the list of `route`.
pub(super) fn entries(route: &Value) -> &[Value] {
    let found = route.pointer(AT).and_then(Value::as_array);
    found.map(Vec::as_slice).unwrap_or_default()
}

/// `route` with that list; one without a list has none to change.
pub(super) fn with(route: &Value, entries: Vec<Value>) -> Value {
    let mut route = route.clone();
    if let Some(list) = route.pointer_mut(AT).filter(|list| list.is_array()) {
        *list = Value::Array(entries);
    }
    route
}

/// The canary's part of what a list gives the pair, in percent; `None` where it gives it nothing.
pub(super) fn canary_share(entries: &[Value], names: &Local<'_>) -> Option<u8> {
    let of = |canary: bool| {
        let is_its = |entry: &&Value| side(entry, names).is_some_and(|side| canary == (side == Side::Canary));
        let weights = entries.iter().filter(is_its).map(|entry| weight(entry).unwrap_or(1));
        weights.fold(0, u64::saturating_add).min(u64::from(u32::MAX))
    };
    let (stable, canary) = (of(false), of(true));
    let whole = stable + canary;
    u8::try_from((canary * 100 + whole / 2).checked_div(whole)?).ok()
}

/// The list with the pair at `weights`, primary first.
pub(super) fn carrying(entries: &[Value], names: &Local<'_>, weights: Weights) -> Vec<Value> {
    let meant = meant(entries, names);
    let nobody = meant
        .iter()
        .filter(|entry| entry.is_ours)
        .all(|entry| entry.weight() == 0);
    let alone = match weights.canary() {
        0 => Some(&names.primary),
        _ if nobody => Some(&names.primary),
        100 => Some(&names.canary),
        _ => None,
    };
    if let Some(half) = alone {
        let named = |entry: &Entry| {
            let written = entry.written();
            if entry.is_ours {
                set(&written, "name", json!(half))
            } else {
                written
            }
        };
        return meant.iter().map(named).collect();
    }
    let factor = match meant.as_slice() {
        [one] if one.weight == Some(WHOLE) => 1,
        all if all.iter().any(|entry| entry.weight.is_none()) => UNSAID,
        _ => SAID,
    };
    meant
        .iter()
        .flat_map(|entry| cut(entry, factor, names, weights))
        .collect()
}

// One entry beside others, or the two that it becomes.
fn cut(entry: &Entry, factor: u64, names: &Local<'_>, weights: Weights) -> Vec<Value> {
    let weight = entry.weight().saturating_mul(factor);
    if !entry.is_ours {
        return vec![set(&entry.reference, "weight", json!(weight))];
    }
    let canary = weight / 100 * u64::from(weights.canary());
    let half = |name: &str, weight: u64| set(&set(&entry.reference, "name", json!(name)), "weight", json!(weight));
    let mut halves = vec![half(&names.primary, weight - canary)];
    halves.extend((canary > 0).then(|| half(&names.canary, canary)));
    halves
}

/// The list as its author means it: the pair is the apex again.
pub(super) fn folded(entries: &[Value], names: &Local<'_>) -> Vec<Value> {
    meant(entries, names).iter().map(Entry::written).collect()
}

fn meant(entries: &[Value], names: &Local<'_>) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    for entry in entries {
        let is_ours = side(entry, names).is_some();
        let (weight, mut reference) = (weight(entry), without(entry, &["weight"]));
        if is_ours {
            reference = set(&reference, "name", json!(names.apex));
        }
        let known = all.iter_mut().find(|one| is_ours && one.reference == reference);
        match known {
            Some(one) => one.weight = Some(one.weight().saturating_add(weight.unwrap_or(1))),
            None => all.push(Entry {
                reference,
                weight,
                is_ours,
            }),
        }
    }
    let has = |half| entries.iter().any(|entry| side(entry, names) == Some(half));
    if has(Side::Primary) && has(Side::Canary) {
        divide(&mut all);
    }
    all
}

// Takes the factor out again. Weights that somebody else gave the two halves have none.
fn divide(all: &mut [Entry]) {
    if matches!(all, [one] if one.weight == Some(WHOLE)) {
        return;
    }
    let of_all = |factor: &u64| all.iter().all(|entry| entry.weight().is_multiple_of(*factor));
    let Some(factor) = [SAID, UNSAID].into_iter().find(of_all) else {
        return;
    };
    for entry in all {
        let weight = entry.weight() / factor;
        entry.weight = (factor != UNSAID || weight != 1).then_some(weight);
    }
}
