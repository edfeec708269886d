//! What Knative says of a Service's traffic: the condition `RoutesReady`, of the generation that it has seen.

use crate::object::{condition, text};
use serde_json::Value;

const ROUTES_READY: &str = "RoutesReady";

/// Whether users may still be sent by what the list said before: Knative has not seen it, or its ingress has not followed.
pub(super) fn is_pending(route: &Value) -> bool {
    let number = |at| route.pointer(at).and_then(Value::as_i64);
    let Some(generation) = number("/metadata/generation") else {
        return false;
    };
    let seen = number("/status/observedGeneration").is_some_and(|seen| seen >= generation);
    !seen || !matches!(followed(route), Some("True" | "False"))
}

/// Why Knative does not send users by the list as it is.
pub(super) fn refused(route: &Value) -> Option<String> {
    let current = followed(route) == Some("False") && !is_pending(route);
    let why = condition(route, ROUTES_READY).filter(|_| current)?;
    Some(format!(
        "Knative does not send users by spec.traffic of Service {}: {} ({})",
        text(route, "/metadata/name"),
        text(why, "/message"),
        text(why, "/reason")
    ))
}

fn followed(route: &Value) -> Option<&str> {
    condition(route, ROUTES_READY).map(|one| text(one, "/status"))
}
