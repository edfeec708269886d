//! Which Services the references of a MeshHTTPRoute name. Kuma makes a MeshService of each Service, and knows it
//!
//! - by its name, in the route's own namespace or in the one that is said;
//! - by its labels: the two by which there is one such MeshService, and no others, which would be about another zone or about
//!   several;
//! - by the tag of the time before there were MeshServices, `NAME_NAMESPACE_svc_PORT`.
//!
//! In a list of backends a name alone is such a tag too, and no Service's: there Kuma takes for a MeshService what says a port
//! or a section.

use crate::object::text;
use crate::routing::reference::{Local, Side, side, with};
use serde_json::{Map, Value, json};

/// What a Service is to Kuma.
pub(super) const KIND: &str = "MeshService";
const NAME: &str = "kuma.io/display-name";
const NAMESPACE: &str = "k8s.kuma.io/namespace";
/// What is between the names and the port of a tag.
const SVC: &str = "svc";

/// The Service whose requests an entry of `to` is about, and its namespace where it says one.
pub(super) fn destination(target: &Value) -> Option<(&str, Option<&str>)> {
    by_tag(target).or_else(|| by_object(target))
}

/// The Service that is one of the backends, and its namespace where it says one.
pub(super) fn backend(reference: &Value) -> Option<(&str, Option<&str>)> {
    if says_where(reference) {
        by_object(reference)
    } else {
        by_tag(reference)
    }
}

/// Whether one of the backends is a Service by its MeshService, of which there have to be any.
pub(super) fn is_by_service(reference: &Value) -> bool {
    says_where(reference) && by_object(reference).is_some()
}

/// Which Service of the pair one of the backends is.
pub(super) fn side_of_backend(reference: &Value, names: &Local<'_>) -> Option<Side> {
    side_of(backend(reference), names)
}

/// Which Service of the pair that is.
pub(super) fn side_of(service: Option<(&str, Option<&str>)>, names: &Local<'_>) -> Option<Side> {
    let (name, namespace) = service?;
    side(&json!({"name": name, "namespace": namespace}), names)
}

/// `reference`, naming another Service of the same namespace in the same words.
pub(super) fn renamed(reference: &Value, service: &str) -> Value {
    if labels(reference).is_some() {
        let mut renamed = reference.clone();
        if let Some(name) = renamed.get_mut("labels").and_then(|labels| labels.get_mut(NAME)) {
            *name = json!(service);
        }
        return renamed;
    }
    let name = text(reference, "/name");
    let rest = name.find('_').and_then(|from| name.get(from..)).unwrap_or_default();
    with(reference, "name", json!(format!("{service}{rest}")))
}

fn is_service(reference: &Value) -> bool {
    text(reference, "/kind") == KIND
}

// Whether it says which port of a MeshService.
fn says_where(reference: &Value) -> bool {
    reference.get("port").is_some_and(Value::is_number) || !text(reference, "/sectionName").is_empty()
}

fn labels(reference: &Value) -> Option<&Map<String, Value>> {
    let labels = reference.get("labels").and_then(Value::as_object);
    labels.filter(|labels| !labels.is_empty())
}

fn by_object(reference: &Value) -> Option<(&str, Option<&str>)> {
    if !is_service(reference) {
        return None;
    }
    let said = |text: &&str| !text.is_empty();
    match labels(reference) {
        Some(labels) => {
            let others = labels.keys().any(|key| key != NAME && key != NAMESPACE);
            let label = |key: &str| labels.get(key).and_then(Value::as_str).filter(said);
            Some((label(NAME).filter(|_| !others)?, label(NAMESPACE)))
        }
        None => {
            let name = Some(text(reference, "/name")).filter(said)?;
            Some((name, Some(text(reference, "/namespace")).filter(said)))
        }
    }
}

fn by_tag(reference: &Value) -> Option<(&str, Option<&str>)> {
    let is_plain = is_service(reference) && !says_where(reference) && labels(reference).is_none();
    let mut parts = text(reference, "/name").split('_');
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(namespace), Some(SVC), Some(port), None) if is_plain => {
            port.parse::<u16>().is_ok().then_some((name, Some(namespace)))
        }
        _ => None,
    }
}
