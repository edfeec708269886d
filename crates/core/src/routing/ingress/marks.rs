//! The annotations by which data planes are told that an Ingress stands beside another. Nothing else tells whose one is, and so
//! each of their providers has to know those of all.

use super::companion::annotation;
use serde_json::Value;

/// Prefix of ingress-nginx's annotations.
pub(in crate::routing) const NGINX: &str = "nginx.ingress.kubernetes.io/";
/// Prefix of Skipper's annotations.
pub(in crate::routing) const SKIPPER: &str = "zalando.org/";
/// By which Skipper is told who is taken.
pub(in crate::routing) const PREDICATE: &str = "zalando.org/skipper-predicate";

/// What ingress-nginx reads as true.
const TRUE: [&str; 6] = ["1", "t", "T", "true", "TRUE", "True"];

/// Whether ingress-nginx takes an Ingress to stand beside another for a share of its requests, whoever made it.
pub(super) fn is_canary(ingress: &Value) -> bool {
    annotation(ingress, &format!("{NGINX}canary")).is_some_and(|value| TRUE.contains(&value))
}

/// Whether a predicate of Skipper's says which requests an Ingress takes, whoever wrote it.
pub(super) fn is_led(ingress: &Value) -> bool {
    annotation(ingress, PREDICATE).is_some()
}
