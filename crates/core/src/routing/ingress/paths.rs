//! The paths of an Ingress and the Services they lead to.

use serde_json::{Map, Value, json};

/// Name of an Ingress; empty where it has none.
pub(in crate::routing) fn name(ingress: &Value) -> &str {
    let name = ingress.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default()
}

/// Names of the Services that it leads to, by a path or by default.
pub(super) fn services(ingress: &Value) -> impl Iterator<Item = &str> {
    let default = ingress
        .pointer("/spec/defaultBackend/service/name")
        .and_then(Value::as_str);
    all(ingress).filter_map(|(_, path)| service(path)).chain(default)
}

/// Whether it leads to that Service and to no other.
pub(in crate::routing) fn lead_only_to(ingress: &Value, wanted: &str) -> bool {
    services(ingress).all(|service| service == wanted)
}

/// The hosts that it names.
pub(super) fn hosts(ingress: &Value) -> Vec<String> {
    let hosts = rules(ingress).filter_map(|rule| rule.get("host")?.as_str());
    hosts.map(str::to_owned).collect()
}

/// Its paths that lead to `wanted`, each with its rule's host.
pub(in crate::routing) fn to<'a>(
    ingress: &'a Value,
    wanted: &'a str,
) -> impl Iterator<Item = (Option<&'a str>, &'a Value)> {
    all(ingress).filter(move |(_, path)| service(path) == Some(wanted))
}

/// `path` leading to another Service, by the same port.
pub(super) fn leading_to(path: &Value, service: &str) -> Value {
    let mut path = path.clone();
    if let Some(name) = path.pointer_mut("/backend/service/name") {
        *name = Value::from(service);
    }
    path
}

/// Adds a path for `host` to a list of rules, each host once.
pub(super) fn add(rules: &mut Vec<Value>, host: Option<&str>, path: Value) {
    let known = rules
        .iter_mut()
        .find(|rule| rule.get("host").and_then(Value::as_str) == host);
    let paths = known.and_then(|rule| rule.pointer_mut("/http/paths")?.as_array_mut());
    match paths {
        Some(paths) if paths.contains(&path) => {}
        Some(paths) => paths.push(path),
        None => {
            let mut rule = Map::new();
            rule.extend(host.map(|host| ("host".to_owned(), json!(host))));
            rule.insert("http".to_owned(), json!({"paths": [path]}));
            rules.push(Value::Object(rule));
        }
    }
}

/// All of its paths, each with its rule's host.
pub(in crate::routing) fn all(ingress: &Value) -> impl Iterator<Item = (Option<&str>, &Value)> {
    rules(ingress).flat_map(|rule| {
        let host = rule.get("host").and_then(Value::as_str);
        let paths = rule.pointer("/http/paths").and_then(Value::as_array);
        paths.into_iter().flatten().map(move |path| (host, path))
    })
}

fn rules(ingress: &Value) -> impl Iterator<Item = &Value> {
    let rules = ingress.pointer("/spec/rules").and_then(Value::as_array);
    rules.into_iter().flatten()
}

/// The Service that a path leads to.
pub(in crate::routing) fn service(path: &Value) -> Option<&str> {
    path.pointer("/backend/service/name")?.as_str()
}
