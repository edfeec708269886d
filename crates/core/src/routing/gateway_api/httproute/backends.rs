//! The backends of one rule: the apex becomes the weighted pair, and the pair the apex again.

use crate::routing::Weights;
pub(super) use crate::routing::reference::{Local, Side, side, with};
use serde_json::{Value, json};

/// The references of a rule; empty when it has none.
pub(super) fn backends(rule: &Value) -> &[Value] {
    rule.get("backendRefs")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// Whether a rule sends anything to the pair.
pub(super) fn names_pair(rule: &Value, names: &Local<'_>) -> bool {
    backends(rule).iter().any(|b| side(b, names).is_some())
}

/// Weights up to this one can be multiplied by 100, for shares in percent, and stay below the greatest that is allowed.
const FINE: u64 = 10_000;

/// The Gateway API's greatest weight; of routes that were stored without its schema nothing greater is believed.
const MAX_WEIGHT: u64 = 1_000_000;

// The Gateway API's default: a reference without a weight has weight 1.
pub(super) fn weight(backend: &Value) -> u64 {
    backend
        .get("weight")
        .and_then(Value::as_u64)
        .map_or(1, |weight| weight.min(MAX_WEIGHT))
}

/// What of a rule's weights is the pair's. A rule that names it without any weight sends it nothing.
pub(super) fn pair_weight(rule: &Value, names: &Local<'_>) -> u64 {
    let ours = backends(rule).iter().filter(|b| side(b, names).is_some());
    ours.map(weight).sum()
}

/// The canary's share of what a rule sends to the pair, in percent; `None` when it names the pair without any weight.
pub(super) fn canary_share(rule: &Value, names: &Local<'_>) -> Option<u8> {
    let (mut stable, mut canary) = (0, 0);
    for backend in backends(rule) {
        match side(backend, names) {
            Some(Side::Canary) => canary += weight(backend),
            Some(Side::Primary | Side::Apex) => stable += weight(backend),
            None => {}
        }
    }
    percent(canary, stable + canary)
}

fn percent(part: u64, whole: u64) -> Option<u8> {
    u8::try_from((part * 100 + whole / 2).checked_div(whole)?).ok()
}

/// The references with the pair at `weights`, primary first; what names another backend keeps its share.
pub(super) fn split(refs: &[Value], names: &Local<'_>, weights: Weights) -> Vec<Value> {
    let ours = || refs.iter().filter(|b| side(b, names).is_some());
    let Some(template) = ours().next() else {
        return refs.to_vec();
    };
    let total: u64 = ours().map(weight).sum();
    let others = refs.iter().any(|b| side(b, names).is_none());
    // Beside other backends, all weights are scaled so that the pair's share can be cut in hundredths; references that
    // are already in the split form carry the factor.
    let already = refs
        .iter()
        .any(|b| matches!(side(b, names), Some(Side::Primary | Side::Canary)));
    // A weight may be a million at most; what is that fine already needs no factor.
    let fine = total > FINE || refs.iter().map(weight).any(|weight| weight > FINE);
    let factor = if others && !already && !fine { 100 } else { 1 };
    let share = match total {
        0 => 0,
        _ if others => total * factor,
        _ => 100,
    };
    let canary = share * u64::from(weights.canary()) / 100;
    let pair = vec![
        reference(template, &names.primary, share - canary),
        reference(template, &names.canary, canary),
    ];
    replaced(refs, names, pair, |weight| weight * factor)
}

/// The references with the pair folded back into the apex.
pub(super) fn fold(refs: &[Value], names: &Local<'_>) -> Vec<Value> {
    let ours = || refs.iter().filter(|b| side(b, names).is_some());
    let Some(template) = ours().next() else {
        return refs.to_vec();
    };
    let mut others = refs.iter().filter(|b| side(b, names).is_none()).map(weight).peekable();
    let total: u64 = ours().map(weight).sum();
    let alone = others.peek().is_none();
    let scaled = !alone && others.all(|w| w.is_multiple_of(100)) && total.is_multiple_of(100);
    let divisor = if scaled { 100 } else { 1 };
    let share = match total {
        0 => 0,
        _ if alone => 1,
        _ => total / divisor,
    };
    let apex = vec![reference(template, &names.apex, share)];
    replaced(refs, names, apex, |weight| weight / divisor)
}

// `pair` in the place of the first reference of ours, the others with their weights changed where that says anything.
fn replaced(refs: &[Value], names: &Local<'_>, pair: Vec<Value>, other: impl Fn(u64) -> u64) -> Vec<Value> {
    let mut pair = Some(pair);
    let mut out = Vec::new();
    for backend in refs {
        if side(backend, names).is_some() {
            out.extend(pair.take().into_iter().flatten());
            continue;
        }
        let (old, new) = (weight(backend), other(weight(backend)));
        out.push(if old == new {
            backend.clone()
        } else {
            with(backend, "weight", json!(new))
        });
    }
    out
}

fn reference(template: &Value, name: &str, weight: u64) -> Value {
    with(&with(template, "name", json!(name)), "weight", json!(weight))
}
