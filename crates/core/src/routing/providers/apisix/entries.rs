//! The entries of an ApisixRoute, and what each of them sends to.

use crate::object::text;
use crate::routing::{Names, reference};
use serde_json::Value;

/// What APISIX takes a backend to weigh that says nothing.
const UNSAID: u64 = 100;
/// Nothing greater is believed: a hundred times as much has room in any number.
const MAX_WEIGHT: u64 = 1_000_000_000;

/// The entries for requests.
pub(super) fn http(route: &Value) -> impl Iterator<Item = &Value> {
    list(route, "/spec/http").iter()
}

/// What an entry sends to.
pub(super) fn backends(entry: &Value) -> &[Value] {
    list(entry, "/backends")
}

/// The ApisixUpstreams that an entry sends to besides.
pub(super) fn upstreams(entry: &Value) -> &[Value] {
    list(entry, "/upstreams")
}

/// The Service that a backend names.
pub(super) fn service(backend: &Value) -> &str {
    text(backend, "/serviceName")
}

/// What a backend or an ApisixUpstream weighs.
pub(super) fn weight(of: &Value) -> u64 {
    reference::weight(of).map_or(UNSAID, |weight| weight.min(MAX_WEIGHT))
}

/// Whether an entry has one backend alone, to which everybody goes whatever it weighs.
pub(super) fn is_alone(entry: &Value) -> bool {
    backends(entry).len() == 1 && upstreams(entry).is_empty()
}

/// Whether a backend is the app's Service, all of it: subsets are said by an ApisixUpstream of the Service's name, and the
/// halves have none.
pub(super) fn is_apex(backend: &Value, names: &Names) -> bool {
    service(backend) == names.apex && text(backend, "/subset").is_empty()
}

/// Whether an entry sends anybody to the app.
pub(super) fn leads(entry: &Value, names: &Names) -> bool {
    let sends = |backend: &Value| is_alone(entry) || weight(backend) > 0;
    backends(entry)
        .iter()
        .any(|backend| is_apex(backend, names) && sends(backend))
}

/// Names of the Services that a route sends requests or connections to.
pub(super) fn services(route: &Value) -> impl Iterator<Item = &str> {
    let requests = http(route).flat_map(backends);
    let connections = list(route, "/spec/stream")
        .iter()
        .filter_map(|entry| entry.get("backend"));
    let named = requests.chain(connections).map(service);
    named.filter(|service| !service.is_empty())
}

/// The hosts that a route names.
pub(super) fn hosts(route: &Value) -> Vec<String> {
    let hosts = http(route).flat_map(|entry| texts(entry, "/match/hosts"));
    hosts.map(str::to_owned).collect()
}

/// Of several entries with the same path the one with the highest comes first.
pub(super) fn priority(entry: &Value) -> i64 {
    entry.get("priority").and_then(Value::as_i64).unwrap_or(0)
}

/// The texts of a list in an entry.
pub(super) fn texts<'a>(entry: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    list(entry, pointer).iter().filter_map(Value::as_str)
}

fn list<'a>(of: &'a Value, pointer: &str) -> &'a [Value] {
    let all = of.pointer(pointer).and_then(Value::as_array);
    all.map(Vec::as_slice).unwrap_or_default()
}
