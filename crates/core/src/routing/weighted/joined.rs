//! Two conditions on one header or parameter, where a rule has room for one.

use serde_json::Value;

/// The one of two that whoever meets both meets, and nobody else; `None` where there is none such. `same` says whether they ask
/// the same, `is_met` whether the first wants one text, and that meets the second.
pub(in crate::routing) fn narrower<'a>(
    own: &'a Value,
    wanted: &'a Value,
    same: impl Fn(&Value, &Value) -> bool,
    is_met: impl Fn(&Value, &Value) -> bool,
) -> Option<&'a Value> {
    if same(own, wanted) {
        return Some(own);
    }
    if is_met(wanted, own) {
        return Some(wanted);
    }
    is_met(own, wanted).then_some(own)
}
