//! How many replicas does the user want? The stored number is ours, so what the user wants is read from the request.

use super::Target;
use crate::admission::mutate::fields;
use serde_json::Value;

/// How many are wanted after a CREATE.
///
/// Zero replicas next to a recorded number is our own output coming round again (or an export of a managed Deployment).
pub fn on_create(new: Target<'_>) -> i64 {
    match new.desired() {
        Some(desired) if new.replicas() == 0 => desired,
        _ => new.replicas(),
    }
}

/// How many are wanted after an UPDATE, in this order: a number that differs from the stored one; a number that was said
/// although it equals the stored one (`replicas: 0` at rest); the recorded number as sent, which is our own output coming
/// round again, or the user's own edit of the label; the recorded number as stored.
pub fn on_update(old: Target<'_>, new: Target<'_>) -> i64 {
    let replicas = new.replicas();
    if replicas != old.replicas() || said(old, new) {
        return replicas;
    }
    new.desired().or(old.desired()).unwrap_or(replicas)
}

/// Whether the request names `replicas` at all, where that can be seen: a server-side apply that owns the field (nobody
/// owns it in a stored target, since the webhook disowns it), or a manifest of a client-side apply whose number changed.
fn said(old: Target<'_>, new: Target<'_>) -> bool {
    let applied = |entry: &Value| {
        entry.get("operation").and_then(Value::as_str) == Some("Apply")
            && entry
                .get("subresource")
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
    };
    let path = ["spec", "replicas"];
    if fields::owned(new.0, &path, applied) && !fields::owned(old.0, &path, applied) {
        return true;
    }
    let now = new.last_applied_replicas();
    // A first client-side apply has no manifest to compare with; the stored number is then the better witness.
    let before = old.last_applied_replicas();
    now.is_some() && before.is_some() && now != before && now == Some(new.replicas())
}
