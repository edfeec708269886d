//! The Services of a route, some of which may get copies instead of requests.

use crate::routing::reference::{self, Local, Side, without};
use serde_json::Value;

/// Where a route has them.
pub(super) const AT: &str = "services";

/// The Services of a route.
pub(super) fn all(rule: &Value) -> &[Value] {
    let all = rule.get(AT).and_then(Value::as_array);
    all.map(Vec::as_slice).unwrap_or_default()
}

/// Whether one of them gets copies instead of requests.
pub(super) fn is_mirror(service: &Value) -> bool {
    service.get("mirror").and_then(Value::as_bool) == Some(true)
}

/// Which Service of the pair it is. What gets copies serves nobody.
pub(super) fn side(service: &Value, names: &Local<'_>) -> Option<Side> {
    let side = reference::side(service, names);
    side.filter(|_| !is_mirror(service))
}

/// Whether a route sends anything to the pair.
pub(super) fn lead(rule: &Value, names: &Local<'_>) -> bool {
    all(rule).iter().any(|one| side(one, names).is_some())
}

/// The Service as it is where there is no other.
pub(super) fn alone(service: &Value) -> Value {
    without(service, &["weight"])
}
