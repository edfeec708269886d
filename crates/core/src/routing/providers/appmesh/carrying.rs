//! The entries of a route as they carry traffic, and as they are when they carry none.

use super::conditions;
use super::entries::{fold, is_own, split};
use super::order::{meant, tests};
use super::version::Version;
use crate::routing::reference::Local;
use crate::routing::{Exposure, Traffic};
use serde_json::Value;

/// The entries carrying `traffic`.
pub(super) fn carrying(
    version: Version,
    route: &Value,
    names: &Local<'_>,
    traffic: Traffic,
    exposure: &Exposure,
) -> Vec<Value> {
    let wanted = if traffic.matched {
        conditions::of_analysis(&exposure.matches)
    } else {
        Vec::new()
    };
    let carrying = meant(version, route, names).into_iter().flat_map(|entry| {
        if !is_own(version, entry, names) {
            return vec![entry.clone()];
        }
        let base = split(version, entry, names, traffic.weights);
        let mut changed = tests(version, &base, &wanted, names);
        changed.push(base);
        changed
    });
    carrying.collect()
}

/// The entries with the pair folded back into the VirtualNode of the app's own name.
pub(super) fn folded(version: Version, route: &Value, names: &Local<'_>) -> Vec<Value> {
    let meant = meant(version, route, names).into_iter();
    meant.map(|entry| fold(version, entry, names)).collect()
}
