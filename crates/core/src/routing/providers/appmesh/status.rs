//! What the controller says of a VirtualRouter: the generation that it has told AWS of. Of a VirtualService of the older version it
//! says nothing of that kind.

use crate::object::text;
use serde_json::Value;
use std::cmp::Ordering;

// How what it has seen stands to the object as it is now.
fn seen(route: &Value) -> Option<Ordering> {
    let generation = route.pointer("/metadata/generation")?.as_i64()?;
    let observed = route.pointer("/status/observedGeneration")?.as_i64()?;
    Some(observed.cmp(&generation))
}

/// Whether AWS has not been told of the object as it is now.
pub(super) fn is_pending(route: &Value) -> bool {
    seen(route).is_some_and(Ordering::is_lt)
}

/// Why App Mesh does not route by the object as it is now; nothing while it does, or has not answered.
pub(super) fn refused(route: &Value) -> Option<String> {
    let conditions = route.pointer("/status/conditions").and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    let active = conditions.find(|condition| text(condition, "/type") == "VirtualRouterActive")?;
    let is_refused = seen(route).is_some_and(Ordering::is_eq) && text(active, "/status") == "False";
    is_refused.then(|| {
        format!(
            "App Mesh does not route by {} {}: it is not active there",
            text(route, "/kind"),
            text(route, "/metadata/name")
        )
    })
}
