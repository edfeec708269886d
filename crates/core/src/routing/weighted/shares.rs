//! The references of one rule: the apex becomes the weighted pair, and the pair the apex again.

use super::Dialect;
use crate::routing::Weights;
use crate::routing::reference::{Local, Side, with};
use serde_json::{Value, json};

/// The references of a rule; empty when it has none.
pub(super) fn refs<D: Dialect>(rule: &Value) -> &[Value] {
    rule.get(D::REFS)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// Whether a rule sends anything to the pair.
pub(super) fn names_pair<D: Dialect>(rule: &Value, names: &Local<'_>) -> bool {
    refs::<D>(rule).iter().any(|b| D::side(b, names).is_some())
}

/// Whether any reference is to `-primary` or `-canary` themselves.
pub(super) fn names_a_half<D: Dialect>(refs: &[Value], names: &Local<'_>) -> bool {
    let half = |b: &Value| matches!(D::side(b, names), Some(Side::Primary | Side::Canary));
    refs.iter().any(half)
}

/// What of a rule's weights is the pair's. A rule that names it without any weight sends it nothing.
pub(super) fn pair_weight<D: Dialect>(rule: &Value, names: &Local<'_>) -> u64 {
    weight_of::<D>(refs::<D>(rule), names)
}

fn weight_of<D: Dialect>(refs: &[Value], names: &Local<'_>) -> u64 {
    let ours = refs.iter().filter(|b| D::side(b, names).is_some());
    ours.map(|b| D::weight(b, refs.len() == 1)).sum()
}

/// The canary's share of what a rule sends to the pair, in percent; `None` when it names the pair without any weight.
pub(super) fn canary_share<D: Dialect>(rule: &Value, names: &Local<'_>) -> Option<u8> {
    let refs = refs::<D>(rule);
    let (mut stable, mut canary) = (0, 0);
    for backend in refs {
        let weight = D::weight(backend, refs.len() == 1);
        match D::side(backend, names) {
            Some(Side::Canary) => canary += weight,
            Some(Side::Primary | Side::Apex) => stable += weight,
            None => {}
        }
    }
    percent(canary, stable + canary)
}

fn percent(part: u64, whole: u64) -> Option<u8> {
    u8::try_from((part * 100 + whole / 2).checked_div(whole)?).ok()
}

/// What the references to one Service of the pair weigh together; `None` where there is none.
pub(super) fn weight_to<D: Dialect>(refs: &[Value], names: &Local<'_>, wanted: Side) -> Option<u64> {
    let mut of = refs.iter().filter(|b| D::side(b, names) == Some(wanted)).peekable();
    of.peek()?;
    Some(of.map(|b| D::weight(b, refs.len() == 1)).sum())
}

/// The references with the pair at `weights`, primary first; what names another backend keeps its share.
pub(super) fn split<D: Dialect>(refs: &[Value], names: &Local<'_>, weights: Weights) -> Vec<Value> {
    let halves = (names.primary.as_str(), names.canary.as_str());
    cut::<D>(refs, names, |share| {
        let canary = share * u64::from(weights.canary()) / 100;
        vec![(halves.0, share - canary), (halves.1, canary)]
    })
}

/// The references with every Service of the pair among them; those that were not get no share, and all others keep theirs.
pub(super) fn naming<D: Dialect>(refs: &[Value], names: &Local<'_>) -> Vec<Value> {
    let all = [
        (Side::Apex, names.apex.as_str()),
        (Side::Primary, names.primary.as_str()),
        (Side::Canary, names.canary.as_str()),
    ];
    // The apex is cut as a split is, so that it is folded as one.
    if !names_a_half::<D>(refs, names) {
        let weight = |side: Side, share: u64| if side == Side::Apex { share } else { 0 };
        return cut::<D>(refs, names, |share| {
            all.map(|(side, name)| (name, weight(side, share))).to_vec()
        });
    }
    let template = refs.iter().find(|b| D::side(b, names).is_some());
    let is_named = |wanted| refs.iter().any(|b| D::side(b, names) == Some(wanted));
    let unnamed = all.into_iter().filter(|(side, _)| !is_named(*side));
    let added = unnamed.filter_map(|(_, name)| Some(with(&D::named(template?, name), "weight", json!(0))));
    // One that needed no weight by itself needs one beside others.
    let kept = |b: &Value| match refs.len() {
        1 => with(b, "weight", json!(D::weight(b, true))),
        _ => b.clone(),
    };
    refs.iter().map(kept).chain(added).collect()
}

// The references with the Services of the pair in the place of the first of them, each with its part of the pair's share; what
// names another backend keeps its own.
fn cut<'a, D: Dialect>(
    refs: &[Value],
    names: &'a Local<'_>,
    parts: impl FnOnce(u64) -> Vec<(&'a str, u64)>,
) -> Vec<Value> {
    let Some(template) = refs.iter().find(|b| D::side(b, names).is_some()) else {
        return refs.to_vec();
    };
    let total = weight_of::<D>(refs, names);
    let others = refs.iter().any(|b| D::side(b, names).is_none());
    // Beside other backends, all weights are scaled so that the pair's share can be cut in hundredths; references that
    // are already in the split form carry the factor.
    let already = names_a_half::<D>(refs, names);
    // What is fine already needs no factor.
    let fine = total > D::FINE || refs.iter().any(|b| D::weight(b, false) > D::FINE);
    let factor = if others && !already && !fine { 100 } else { 1 };
    let share = if others { total * factor } else { 100 };
    let part = |(name, weight): (&str, u64)| match total {
        0 => D::named(template, name),
        _ => with(&D::named(template, name), "weight", json!(weight)),
    };
    let pair = parts(share).into_iter().map(part).collect();
    replaced::<D>(refs, names, pair, |weight| weight * factor)
}

/// The references with the pair folded back into the apex; those that name no half are as their author wrote them.
pub(super) fn fold<D: Dialect>(refs: &[Value], names: &Local<'_>) -> Vec<Value> {
    let Some(template) = refs.iter().find(|b| D::side(b, names).is_some()) else {
        return refs.to_vec();
    };
    if !names_a_half::<D>(refs, names) {
        return refs.to_vec();
    }
    let apex = D::named(template, &names.apex);
    let others = refs.iter().filter(|b| D::side(b, names).is_none());
    let mut others = others.map(|b| D::weight(b, false)).peekable();
    let total = weight_of::<D>(refs, names);
    let alone = others.peek().is_none();
    let scaled = !alone && others.all(|w| w.is_multiple_of(100)) && total.is_multiple_of(100);
    let divisor = if scaled { 100 } else { 1 };
    let apex = match total {
        0 => apex,
        _ if alone => D::alone(&apex),
        _ => with(&apex, "weight", json!(total / divisor)),
    };
    replaced::<D>(refs, names, vec![apex], |weight| weight / divisor)
}

// `pair` in the place of the first reference of ours, the others with their weights changed where that says anything.
fn replaced<D: Dialect>(refs: &[Value], names: &Local<'_>, pair: Vec<Value>, other: impl Fn(u64) -> u64) -> Vec<Value> {
    let mut pair = Some(pair);
    let mut out = Vec::new();
    for backend in refs {
        if D::side(backend, names).is_some() {
            out.extend(pair.take().into_iter().flatten());
            continue;
        }
        let old = D::weight(backend, false);
        let new = other(old);
        out.push(if old == new {
            backend.clone()
        } else {
            with(backend, "weight", json!(new))
        });
    }
    out
}
