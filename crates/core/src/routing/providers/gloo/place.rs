//! The destinations by which a route leads to an app or to one of its halves: the Service itself (`kube`), or an Upstream by
//! its name.
//!
//! Gloo's discovery makes an Upstream `NAMESPACE-SERVICE-PORT` of each port of a Service, in a namespace of Gloo's. Those of
//! the halves are in the app's own namespace, and called as Flagger calls them. Where one takes the place of an Upstream that
//! the author names, its name ends in the namespace of that one: so the way back is known from the route alone.

use crate::object::text;
use crate::routing::reference::{self, Local, Side};
use serde_json::{Map, Value, json};

/// The Service itself, as the author names it.
const SERVICE: &str = "kube";
/// An Upstream that the author names, by its port, and by its namespace where he says one.
const AUTHORS: &str = "upstream";
/// Of a route that is made: halves by Upstreams that take nothing's place, by their port.
const OURS: &str = "ours";

/// The destinations of a route that divides its users among several, in the form in which it is read.
pub(super) const DESTINATIONS: &str = "destinations";

/// Which Service of the pair one of these is. Others are in a member of their own.
pub(super) fn side(reference: &Value, names: &Local<'_>) -> Option<Side> {
    reference.get("by")?;
    reference::side(reference, names)
}

/// Which Service of the pair `destination` is, and by what it is named; `None` for one that is not the pair's.
pub(super) fn read(destination: &Value, names: &Local<'_>) -> Option<(Side, Value)> {
    match destination.get("upstream") {
        Some(upstream) => by_upstream(upstream, names),
        None => {
            let service = destination.get(SERVICE)?;
            let side = reference::side(service.get("ref")?, names)?;
            // Which one it names is said by the side: so both halves are named by the same.
            Some((side, json!({ SERVICE: named(service, &names.apex) })))
        }
    }
}

// What names a Service, naming this one.
fn named(known: &Value, service: &str) -> Value {
    let mut known = known.clone();
    if let Some(name) = known.pointer_mut("/ref/name") {
        *name = json!(service);
    }
    known
}

fn by_upstream(upstream: &Value, names: &Local<'_>) -> Option<(Side, Value)> {
    let own = names.namespace()?;
    let rest = text(upstream, "/name").strip_prefix(own)?.strip_prefix('-')?;
    let said = Some(text(upstream, "/namespace")).filter(|namespace| !namespace.is_empty());
    let half = |service: &str| {
        let rest = rest.strip_prefix(service)?.strip_prefix("upstream-")?;
        // One of that name elsewhere is none of ours.
        if said.is_some_and(|namespace| namespace != own) {
            return None;
        }
        let Some((number, of)) = rest.split_once('-') else {
            return Some(ours(port(rest)?));
        };
        let of = (said.is_some() || of != own).then_some(of);
        Some(authors(port(number)?, of))
    };
    let apex = || {
        Some(authors(
            port(rest.strip_prefix(names.apex.as_str())?.strip_prefix('-')?)?,
            said,
        ))
    };
    let primary = half(&names.primary).map(|by| (Side::Primary, by));
    let canary = || half(&names.canary).map(|by| (Side::Canary, by));
    primary.or_else(canary).or_else(|| Some((Side::Apex, apex()?)))
}

/// By a port of an Upstream that takes nothing's place.
pub(super) fn ours(port: u16) -> Value {
    json!({ OURS: port })
}

fn authors(port: u16, namespace: Option<&str>) -> Value {
    let mut of = Map::new();
    of.insert("port".to_owned(), json!(port));
    of.extend(namespace.map(|namespace| ("namespace".to_owned(), json!(namespace))));
    json!({ AUTHORS: of })
}

/// A port as such names end in it.
pub(super) fn port(text: &str) -> Option<u16> {
    let port = text.parse().ok()?;
    (port > 0 && text == format!("{port}")).then_some(port)
}

/// The destination that is `service` of the pair, named `by` the same.
pub(super) fn written(service: &str, by: &Value, names: &Local<'_>) -> Value {
    let own = names.namespace().unwrap_or_default();
    let is_apex = service == names.apex;
    if let Some(known) = by.get(SERVICE) {
        return json!({ SERVICE: named(known, service) });
    }
    let upstream = |name: String, namespace: Option<&str>| match namespace {
        Some(namespace) => json!({"upstream": {"name": name, "namespace": namespace}}),
        None => json!({"upstream": {"name": name}}),
    };
    match by.get(OURS) {
        // Gloo knows every Service as well, whether there is an Upstream for it or not.
        Some(port) if is_apex => json!({ SERVICE: {"ref": {"name": service, "namespace": own}, "port": port} }),
        Some(port) => upstream(format!("{own}-{service}upstream-{port}"), Some(own)),
        None => {
            let (port, of) = (number(by), of_author(by));
            if is_apex {
                return upstream(format!("{own}-{service}-{port}"), of);
            }
            let name = format!("{own}-{service}upstream-{port}-{}", of.unwrap_or(own));
            upstream(name, of.map(|_| own))
        }
    }
}

/// The Upstream of half `service` that Gloo is told of because of a destination named `by` that; for one that names the
/// Service itself, the one by which requests are copied.
pub(super) fn of_half(service: &str, by: &Value, names: &Local<'_>) -> Value {
    let by = match by.get(SERVICE) {
        Some(_) => json!({ OURS: number(by) }),
        None => by.clone(),
    };
    let destination = written(service, &by, names);
    destination.get("upstream").cloned().unwrap_or_default()
}

/// Whether requests go by the Service itself, so that Gloo needs no Upstream to be told of.
pub(super) fn is_service(by: &Value) -> bool {
    by.get(SERVICE).is_some()
}

/// Namespace and name of the author's Upstream whose place a half takes that is named `by` that.
pub(super) fn authors_own(by: &Value, names: &Local<'_>) -> Option<(String, String)> {
    by.get(AUTHORS)?;
    let own = names.namespace()?;
    let name = format!("{own}-{}-{}", names.apex, number(by));
    Some((of_author(by).unwrap_or(own).to_owned(), name))
}

fn of_author(by: &Value) -> Option<&str> {
    by.get(AUTHORS)?.get("namespace")?.as_str()
}

/// The port of the Service that requests are sent to.
pub(super) fn number(by: &Value) -> u64 {
    let places = ["/kube/port", "/upstream/port", "/ours"];
    let said = places.into_iter().find_map(|place| by.pointer(place)?.as_u64());
    said.unwrap_or_default()
}

/// The Services that `destination` may be, as namespace and name: where an Upstream's name has both, any hyphen may be the one
/// between them.
pub(super) fn services(destination: &Value) -> Vec<(String, String)> {
    let service = destination
        .get(SERVICE)
        .map(|service| (text(service, "/ref/namespace"), text(service, "/ref/name")));
    let name = text(destination, "/upstream/name");
    let stem = stem(name).unwrap_or_default();
    let cuts = stem.match_indices('-').map(|(at, _)| stem.split_at(at));
    let cuts = cuts.map(|(namespace, service)| (namespace, service.trim_start_matches('-')));
    let all = service.into_iter().chain(cuts);
    let all = all.filter(|(namespace, service)| !namespace.is_empty() && !service.is_empty());
    all.map(|(namespace, service)| (namespace.to_owned(), service.to_owned()))
        .collect()
}

// Without the port, and of a half without what only an Upstream is called.
fn stem(name: &str) -> Option<&str> {
    let halves = ["-primaryupstream-", "-canaryupstream-"];
    let half = halves.iter().find_map(|word| {
        let at = name.find(word)?;
        name.get(..at + word.len() - "upstream-".len())
    });
    half.or_else(|| {
        let (stem, number) = name.rsplit_once('-')?;
        port(number).map(|_| stem)
    })
}
