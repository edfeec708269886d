//! What the ingress controller says of an ApisixRoute: the condition `ResourcesAvailable`, or `Accepted` since its version 2.
//!
//! Version 1 writes it when its status changes and not when the object does, so an `observedGeneration` that is behind says
//! nothing: there is no telling when a change is taken up, and the provider's time to settle has to do.

use super::KIND;
use crate::object::text;
use serde_json::Value;

const VERDICTS: [&str; 2] = ["ResourcesAvailable", "Accepted"];

/// Why it is not taken; nothing while it is, or where nobody has answered.
pub(super) fn refused(route: &Value) -> Option<String> {
    let conditions = route.pointer("/status/conditions").and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    let refused = conditions
        .find(|condition| VERDICTS.contains(&text(condition, "/type")) && text(condition, "/status") == "False")?;
    Some(format!(
        "{KIND} {} is refused by APISIX: {} ({})",
        text(route, "/metadata/name"),
        text(refused, "/message"),
        text(refused, "/reason")
    ))
}
