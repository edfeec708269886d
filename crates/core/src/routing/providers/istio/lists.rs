//! The two lists of a VirtualService whose rules lead to Services: `http` for requests, `tcp` for connections. What leads to the
//! app is moved in both, by the same share.

use super::dialect::{Http, Tcp};
use crate::routing::{Exposure, Names, Traffic, weighted};
use serde_json::Value;

/// How one of the lists is read.
type Reader = fn(&Value, &Names, &Exposure, Option<Traffic>) -> Option<Traffic>;

/// The weighted destinations of all rules of both.
pub(super) fn all_refs(route: &Value) -> impl Iterator<Item = &Value> {
    weighted::all_refs::<Http>(route).chain(weighted::all_refs::<Tcp>(route))
}

/// Whether any rule sends to a Service of the pair.
pub(super) fn refers_to(route: &Value, names: &Names) -> bool {
    weighted::refers_to::<Http>(route, names) || weighted::refers_to::<Tcp>(route, names)
}

/// Whether any rule names `-primary` or `-canary` themselves.
pub(super) fn names_a_half(route: &Value, names: &Names) -> bool {
    weighted::names_a_half::<Http>(route, names) || weighted::names_a_half::<Tcp>(route, names)
}

/// Whether every rule that names the pair is in its split form.
pub(super) fn is_split(route: &Value, names: &Names) -> bool {
    weighted::is_split::<Http>(route, names) && weighted::is_split::<Tcp>(route, names)
}

/// What a live route does with the pair's traffic; `None` when that cannot be said, or is not the same of requests and of
/// connections.
pub(super) fn traffic(route: &Value, names: &Names, exposure: &Exposure, expected: Option<Traffic>) -> Option<Traffic> {
    let mut readers: Vec<Reader> = Vec::new();
    if weighted::refers_to::<Http>(route, names) {
        readers.push(weighted::traffic::<Http>);
    }
    if weighted::refers_to::<Tcp>(route, names) {
        readers.push(weighted::traffic::<Tcp>);
    }
    let read = |reader: &Reader, expected| reader(route, names, exposure, expected);
    // A list that gives the pair nothing does whatever is asked, so the other one may know better.
    let mut found = readers.iter().filter_map(|reader| read(reader, expected));
    found.find(|one| readers.iter().all(|reader| read(reader, Some(*one)) == Some(*one)))
}

/// The route with the pair carrying `traffic` in both.
pub(super) fn carrying(route: &Value, names: &Names, traffic: Traffic, exposure: &Exposure) -> Value {
    let requests = weighted::with_traffic::<Http>(route, names, traffic, exposure);
    let connections = weighted::with_traffic::<Tcp>(route, names, traffic, exposure);
    let route = weighted::with_rules::<Http>(route, requests);
    weighted::with_rules::<Tcp>(&route, connections)
}

/// The route with the pair folded back into one Service in both.
pub(super) fn folded(route: &Value, names: &Names) -> Value {
    let requests = weighted::folded::<Http>(route, names);
    let connections = weighted::folded::<Tcp>(route, names);
    let route = weighted::with_rules::<Http>(route, requests);
    weighted::with_rules::<Tcp>(&route, connections)
}
