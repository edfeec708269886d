//! What Gloo says of an object: `status.statuses`, by the namespace of each Gloo that reads it, or `status` itself as before
//! its version 1.9. It does not say which state of the object it means.

use crate::object::text;
use serde_json::Value;

/// What it says, and the number that stands for it in older versions.
const ACCEPTED: (&str, u64) = ("Accepted", 1);
const REJECTED: (&str, u64) = ("Rejected", 2);
/// Taken all the same.
const WARNING: (&str, u64) = ("Warning", 3);

fn verdicts(object: &Value) -> impl Iterator<Item = &Value> {
    let status = object.get("status");
    let several = status.and_then(|status| status.get("statuses")?.as_object());
    several.into_iter().flat_map(|all| all.values()).chain(status)
}

fn is(verdict: &Value, (word, number): (&str, u64)) -> bool {
    match verdict.get("state") {
        Some(Value::String(said)) => said == word,
        Some(said) => said.as_u64() == Some(number),
        None => false,
    }
}

/// Whether Gloo has taken it up.
pub(super) fn is_known(object: &Value) -> bool {
    verdicts(object).any(|verdict| is(verdict, ACCEPTED) || is(verdict, WARNING))
}

/// Why Gloo does not take it; nothing while it does, or has not answered.
pub(super) fn refused(object: &Value) -> Option<String> {
    let refused = verdicts(object).find(|verdict| is(verdict, REJECTED))?;
    Some(format!(
        "{} {} is refused by Gloo: {}",
        text(object, "/kind"),
        text(object, "/metadata/name"),
        text(refused, "/reason")
    ))
}
