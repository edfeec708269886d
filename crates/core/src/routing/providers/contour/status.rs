//! What Contour says of an HTTPProxy: the condition `Valid`, with the generation that it has seen.

use super::KIND;
use crate::object::{condition, text};
use serde_json::Value;

/// A moment's: Services of ours are being made, and routes go on by those that are there.
const UNRESOLVED: &str = "ServiceUnresolvedReference";
const ORPHANED: &str = "Orphaned";

// The condition, and how it stands to the object as it is now.
fn verdict(route: &Value) -> Option<(&Value, std::cmp::Ordering)> {
    let generation = route.pointer("/metadata/generation")?.as_i64()?;
    let valid = condition(route, "Valid")?;
    let seen = valid.get("observedGeneration")?.as_i64()?;
    Some((valid, seen.cmp(&generation)))
}

/// Whether Contour has not taken up the object as it is now: it may have lost the API server for a while, and its proxies go
/// on sending users where it sent them.
pub(super) fn is_pending(route: &Value) -> bool {
    verdict(route).is_some_and(|(_, seen)| seen.is_lt())
}

/// Why Contour does not take the object as it is now; nothing while it does, or has not answered.
pub(super) fn refused(route: &Value) -> Option<String> {
    let (valid, _) = verdict(route).filter(|(valid, seen)| seen.is_eq() && text(valid, "/status") == "False")?;
    let name = text(route, "/metadata/name");
    let errors = valid.get("errors").and_then(Value::as_array);
    let mut errors = errors.into_iter().flatten();
    let first = errors.find(|error| text(error, "/reason") != UNRESOLVED)?;
    if text(first, "/type") == ORPHANED {
        return Some(format!(
            "no root includes {KIND} {name}, so nobody comes by it: name it in spec.includes of the {KIND} that has the host"
        ));
    }
    Some(format!(
        "{KIND} {name} is refused by Contour: {} ({})",
        text(first, "/message"),
        text(first, "/reason")
    ))
}
