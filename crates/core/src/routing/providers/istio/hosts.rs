//! The Services that hosts of destinations name.

use crate::routing::reference::{Local, Side, side};
use serde_json::{Value, json};

/// Name and namespace of the Service that `host` is: a bare name is one of the route's own namespace, and anything else with a
/// dot in it is spelled out in full (`NAME.NAMESPACE.svc.DOMAIN`) or is no Service of the cluster.
pub(super) fn service(host: &str) -> Option<(&str, Option<&str>)> {
    let mut parts = host.splitn(4, '.');
    match (parts.next()?, parts.next(), parts.next(), parts.next()) {
        (name, None, ..) => Some((name, None)),
        (name, Some(namespace), Some("svc"), Some(_)) => Some((name, Some(namespace))),
        _ => None,
    }
}

/// Which Service of the pair `destination` is, whatever its subset.
pub(super) fn side_of(destination: &Value, names: &Local<'_>) -> Option<Side> {
    let (name, namespace) = service(destination.get("host")?.as_str()?)?;
    side(&json!({"name": name, "namespace": namespace}), names)
}

/// `host`, naming another Service of the same namespace in the same words.
pub(super) fn renamed(host: &str, service: &str) -> String {
    let rest = host.find('.').and_then(|dot| host.get(dot..)).unwrap_or_default();
    format!("{service}{rest}")
}
