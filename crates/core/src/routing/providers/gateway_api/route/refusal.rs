//! Why a gateway refuses a route.

use crate::object::text;
use serde_json::Value;
use std::fmt;

/// What keeps nobody from the route but who comes by that parent, and stays so: its listeners take no such routes, or none of its
/// hosts.
const SHUT_OUT: &[&str] = &[
    "NotAllowedByListeners",
    "NoMatchingParent",
    "NoMatchingListenerHostname",
    "UnsupportedValue",
];
/// The other words of the Gateway API for a refusal. None of them is for a route that another one is in the way of, for which it
/// has no word.
const ITS_OWN: &[&str] = &["Pending", "IncompatibleFilters"];

/// What a parent says against a route.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal<'a> {
    gateway: &'a str,
    message: &'a str,
    reason: &'a str,
}

impl<'a> Refusal<'a> {
    /// That of `condition`, which `parent` says.
    pub(super) fn of(parent: &'a Value, condition: &'a Value) -> Self {
        Self {
            gateway: text(parent, "/parentRef/name"),
            message: text(condition, "/message"),
            reason: text(condition, "/reason"),
        }
    }

    /// Whether nobody will come by that parent, whatever else there is.
    pub(super) fn is_for_good(&self) -> bool {
        SHUT_OUT.contains(&self.reason)
    }

    /// Whether another route may be why.
    pub(super) fn may_be_anothers(&self) -> bool {
        !self.is_for_good() && !ITS_OWN.contains(&self.reason)
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gateway {}: {} ({})", self.gateway, self.message, self.reason)
    }
}
