//! Filters that replace the prefix of a path. The definition of HTTPRoute wants a rule that has one to have exactly one match, so
//! what any of several matches suffices for are several rules.

use crate::object::text;
use crate::routing::providers::gateway_api::rejected::PREFIX;
use crate::routing::reference::with;
use serde_json::Value;
use std::iter::once;

/// Where a filter says how it changes a path.
const CHANGES: [&str; 2] = ["/urlRewrite/path/type", "/requestRedirect/path/type"];

/// `rule` for those requests only that meet any of `matches`: as many rules as it takes to say so.
pub(super) fn rules(rule: &Value, matches: Vec<Value>) -> Vec<Value> {
    let of = |matches: Vec<Value>| with(rule, "matches", Value::Array(matches));
    if is_replaced(rule) {
        matches.into_iter().map(|one| of(vec![one])).collect()
    } else {
        vec![of(matches)]
    }
}

// Whether a rule, or a backend of it, replaces the prefix that its match names.
fn is_replaced(rule: &Value) -> bool {
    let backends = listed(rule, "backendRefs");
    let mut filters = once(rule).chain(backends).flat_map(|of| listed(of, "filters"));
    filters.any(|filter| CHANGES.iter().any(|at| text(filter, at) == PREFIX))
}

fn listed<'a>(of: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of.get(member).and_then(Value::as_array).into_iter().flatten()
}
