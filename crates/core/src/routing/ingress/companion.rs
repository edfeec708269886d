//! A second Ingress: the user's paths to the apex, leading to the canary, for the requests that its annotations name.

use super::{API_VERSION, KIND, paths};
use crate::api::labels;
use crate::routing::Names;
use serde_json::{Map, Value, json};

/// An older way to name the controller that reads an Ingress.
const CLASS: &str = "kubernetes.io/ingress.class";
/// By which external-dns knows that somebody else publishes the hosts of an Ingress: those of the user's own are published by
/// what that says. Since its version 0.22 the first is asked for, before that the second.
pub(in crate::routing) const PUBLISHED_BY: &str = "external-dns.kubernetes.io/controller";
pub(in crate::routing) const PUBLISHED_BY_BEFORE: &str = "external-dns.alpha.kubernetes.io/controller";

/// The one called `name` beside `route`; `None` where no path of that leads to the app. Certificates are the first Ingress's.
pub(in crate::routing) fn made(
    route: &Value,
    names: &Names,
    name: &str,
    annotations: &Map<String, Value>,
) -> Option<Value> {
    let mut rules = Vec::new();
    for (host, path) in paths::to(route, &names.apex) {
        paths::add(&mut rules, host, paths::leading_to(path, &names.canary));
    }
    let mut spec = Map::new();
    let class = route.pointer("/spec/ingressClassName");
    spec.extend(class.map(|class| ("ingressClassName".to_owned(), class.clone())));
    let empty = rules.is_empty();
    let published = [PUBLISHED_BY, PUBLISHED_BY_BEFORE].map(|key| (key.to_owned(), json!(labels::FIELD_MANAGER)));
    let annotations: Map<String, Value> = annotations.clone().into_iter().chain(published).collect();
    spec.insert("rules".to_owned(), Value::Array(rules));
    (!empty).then(|| {
        json!({
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {
                "name": name,
                "namespace": route.pointer("/metadata/namespace"),
                "annotations": annotations,
            },
            "spec": spec,
        })
    })
}

/// The annotations of the user's Ingress that it has too, so that requests are treated alike on both sides: the class, and
/// those that the data plane reads.
pub(in crate::routing) fn kept(route: &Value, is_read: impl Fn(&str) -> bool) -> Map<String, Value> {
    let of_users = route.pointer("/metadata/annotations").and_then(Value::as_object);
    let kept = of_users.into_iter().flatten();
    let kept = kept.filter(|(key, _)| is_read(key) || key.as_str() == CLASS);
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What an Ingress is annotated with.
pub(in crate::routing) fn annotation<'a>(ingress: &'a Value, key: &str) -> Option<&'a str> {
    ingress.pointer("/metadata/annotations")?.get(key)?.as_str()
}
