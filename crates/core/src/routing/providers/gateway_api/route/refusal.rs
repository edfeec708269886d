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
/// Part of what gateways call it where another route is in the way, for which the Gateway API has no word: `RuleMatchConflict`,
/// `HostnameConflict`. With any other word the route may be refused for its own sake.
const ANOTHERS: &str = "conflict";

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

    /// Whether another route is why.
    pub(super) fn is_anothers(&self) -> bool {
        self.reason.to_ascii_lowercase().contains(ANOTHERS)
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gateway {}: {} ({})", self.gateway, self.message, self.reason)
    }
}
