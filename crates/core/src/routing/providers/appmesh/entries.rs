//! The entries of a router's routes, each by itself: whom it sends to, and how its part for the app is cut.
//!
//! Weights of App Mesh go up to 100, so they are hundredths, and an entry that leads to the app alone becomes the two halves, the
//! canary first as Flagger writes it. Where others stand beside the app, its part cannot be cut: such an entry stays as it is.

use super::version::Version;
use crate::routing::Weights;
use crate::routing::reference::{self, Local, Side, weight, with};
use serde_json::{Value, json};

/// Where they are.
pub(super) const AT: &str = "/spec/routes";
/// Whom an entry sends to, below the member for its protocol.
const TARGETS: &str = "/action/weightedTargets";
/// What the targets of an entry weigh together.
const WHOLE: u64 = 100;

/// All entries of `route`.
pub(super) fn all(route: &Value) -> &[Value] {
    let found = route.pointer(AT).and_then(Value::as_array);
    found.map(Vec::as_slice).unwrap_or_default()
}

/// `route` with these entries; one without any has none to change.
pub(super) fn replaced(route: &Value, entries: Vec<Value>) -> Value {
    let mut route = route.clone();
    if let Some(list) = route.pointer_mut(AT).filter(|list| list.is_array()) {
        *list = Value::Array(entries);
    }
    route
}

/// What an entry says of requests, and by which member; nothing where it is about connections.
pub(super) fn request(version: Version, entry: &Value) -> Option<(&'static str, &Value)> {
    let mut members = version.requests().iter();
    members.find_map(|member| Some((*member, entry.get(*member)?)))
}

/// Whom the requests of an entry go to.
pub(super) fn targets(version: Version, entry: &Value) -> &[Value] {
    let found = request(version, entry).and_then(|(_, request)| request.pointer(TARGETS)?.as_array());
    found.map(Vec::as_slice).unwrap_or_default()
}

/// Whom an entry sends anything to, connections too.
pub(super) fn anybody(entry: &Value) -> impl Iterator<Item = &Value> {
    let members = entry.as_object().into_iter().flat_map(|members| members.values());
    members.filter_map(|one| one.pointer(TARGETS)?.as_array()).flatten()
}

/// Which VirtualNode of the pair a target names.
pub(super) fn side(version: Version, target: &Value, names: &Local<'_>) -> Option<Side> {
    let (name, namespace) = version.node(target)?;
    reference::side(&json!({"name": name, "namespace": namespace}), names)
}

/// Whether an entry sends requests to the pair.
pub(super) fn leads(version: Version, entry: &Value, names: &Local<'_>) -> bool {
    let mut all = targets(version, entry).iter();
    all.any(|target| side(version, target, names).is_some())
}

/// Whether it sends them to nobody else.
pub(super) fn is_own(version: Version, entry: &Value, names: &Local<'_>) -> bool {
    let mut all = targets(version, entry).iter();
    leads(version, entry, names) && all.all(|target| side(version, target, names).is_some())
}

/// Whether it names `-primary` or `-canary` themselves.
pub(super) fn names_a_half(version: Version, entry: &Value, names: &Local<'_>) -> bool {
    count(version, entry, names, Side::Primary) + count(version, entry, names, Side::Canary) > 0
}

/// Whether both halves stand in an entry that leads to the pair alone, each once.
pub(super) fn is_split(version: Version, entry: &Value, names: &Local<'_>) -> bool {
    let of = |wanted| count(version, entry, names, wanted);
    (of(Side::Apex), of(Side::Primary), of(Side::Canary)) == (0, 1, 1)
}

fn count(version: Version, entry: &Value, names: &Local<'_>, wanted: Side) -> usize {
    let all = targets(version, entry).iter();
    all.filter(|target| side(version, target, names) == Some(wanted))
        .count()
}

/// The canary's part of what an entry gives the pair, in percent; `None` where it gives it nothing.
pub(super) fn share(version: Version, entry: &Value, names: &Local<'_>) -> Option<u8> {
    let of = |canary: bool| {
        let is_its =
            |target: &&Value| side(version, target, names).is_some_and(|side| canary == (side == Side::Canary));
        let weights = targets(version, entry).iter().filter(is_its).filter_map(weight);
        weights.fold(0, u64::saturating_add).min(u64::from(u32::MAX))
    };
    let (stable, canary) = (of(false), of(true));
    let whole = stable + canary;
    u8::try_from((canary * 100 + whole / 2).checked_div(whole)?).ok()
}

/// An entry that leads to the pair alone, with the pair at `weights`.
pub(super) fn split(version: Version, entry: &Value, names: &Local<'_>, weights: Weights) -> Value {
    let Some(template) = targets(version, entry).first() else {
        return entry.clone();
    };
    let half = |name: &str, weight: u8| with(&version.naming(template, name), "weight", json!(weight));
    let halves = vec![
        half(&names.canary, weights.canary()),
        half(&names.primary, weights.primary()),
    ];
    sending(version, entry, halves)
}

/// An entry with the pair folded back into the VirtualNode of the app's own name.
pub(super) fn fold(version: Version, entry: &Value, names: &Local<'_>) -> Value {
    if !names_a_half(version, entry, names) {
        return entry.clone();
    }
    let all = targets(version, entry);
    let mut ours = all
        .iter()
        .filter(|target| side(version, target, names).is_some())
        .peekable();
    let apex = ours.peek().map(|target| version.naming(target, &names.apex));
    let whole = ours.filter_map(weight).fold(0, u64::saturating_add).min(WHOLE);
    let mut apex = apex.map(|apex| with(&apex, "weight", json!(whole)));
    let kept = all.iter().filter_map(|target| match side(version, target, names) {
        Some(_) => apex.take(),
        None => Some(target.clone()),
    });
    let kept = kept.collect();
    sending(version, entry, kept)
}

// An entry with other targets.
fn sending(version: Version, entry: &Value, targets: Vec<Value>) -> Value {
    let member = request(version, entry).map(|(member, _)| member);
    let mut entry = entry.clone();
    let place = member.and_then(|member| entry.get_mut(member)?.pointer_mut(TARGETS));
    if let Some(place) = place {
        *place = Value::Array(targets);
    }
    entry
}
