//! Texts Flagger has not, for what Flagger does not do.

/// A change was stored while the admission door was away, and was found afterwards.
pub fn bypassed_change(target: &str, namespace: &str) -> String {
    format!("Change of {target}.{namespace} bypassed admission, it was found afterwards and is analysed now")
}

/// A check has no values yet, which is neither a pass nor a failure; `seconds` are left before it is one.
pub fn waiting_for_values(canary: &str, namespace: &str, metric: &str, seconds: u64) -> String {
    format!("Halt {canary}.{namespace} advancement waiting for first values of {metric}, at most {seconds}s more")
}

/// A tracked ConfigMap or Secret changed; `kind` as in its manifest.
pub fn config_changed(kind: &str, name: &str) -> String {
    format!("{kind} {name} has changed")
}

/// The primary copy of a tracked ConfigMap or Secret was written.
pub fn config_synced(kind: &str, name: &str) -> String {
    format!("{kind} {name}-primary synced")
}
