//! The annotations by which data planes are told that an Ingress stands beside another. Nothing else tells whose one is, and so
//! each of their providers has to know those of all.

use super::companion::annotation;
use crate::routing::Exposure;
use serde_json::{Map, Value};

/// Prefix of ingress-nginx's annotations, where it was not told another (its `--annotations-prefix`).
pub(in crate::routing) const NGINX: &str = "nginx.ingress.kubernetes.io/";
/// Prefix of Skipper's annotations.
pub(in crate::routing) const SKIPPER: &str = "zalando.org/";
/// By which Skipper is told who is taken.
pub(in crate::routing) const PREDICATE: &str = "zalando.org/skipper-predicate";

/// What ingress-nginx reads as true.
const TRUE: [&str; 6] = ["1", "t", "T", "true", "TRUE", "True"];

/// The prefix of those that ingress-nginx reads here.
pub(in crate::routing) fn prefix(exposure: &Exposure) -> String {
    let named = &exposure.defaults.ingress_annotations_prefix;
    match named.trim_end_matches('/') {
        "" => NGINX.to_owned(),
        named => format!("{named}/"),
    }
}

/// Whether ingress-nginx takes an Ingress to stand beside another for a share of its requests, whoever made it.
pub(super) fn is_canary(ingress: &Value) -> bool {
    !prefixes(ingress).is_empty()
}

/// The prefixes of the annotations by which an ingress-nginx takes it to be so. One that was told another prefix than its own is
/// known by what it is asked: whose word `canary` stands alone is somebody else's.
pub(super) fn prefixes(ingress: &Value) -> Vec<&str> {
    let all = ingress.pointer("/metadata/annotations").and_then(Value::as_object);
    let Some(all) = all else { return Vec::new() };
    let said = all.iter().filter_map(|(key, value)| {
        let prefix = key.strip_suffix("canary").filter(|prefix| prefix.ends_with('/'))?;
        TRUE.contains(&value.as_str()?).then_some(prefix)
    });
    said.filter(|prefix| *prefix == NGINX || asks(all, prefix)).collect()
}

// Whether anything is said by that prefix of which requests are taken.
fn asks(annotations: &Map<String, Value>, prefix: &str) -> bool {
    let mut words = annotations.keys().filter_map(|key| key.strip_prefix(prefix));
    words.any(|word| word.starts_with("canary-"))
}

/// Whether a predicate of Skipper's says which requests an Ingress takes, whoever wrote it.
pub(super) fn is_led(ingress: &Value) -> bool {
    annotation(ingress, PREDICATE).is_some()
}
