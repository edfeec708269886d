//! The list `spec.traffic`: the canary's entry, primary's, then the tags of its author.

use crate::api::labels::{PRIMARY_REVISION, TRAFFIC};
use crate::object::{annotation, text};
use crate::routing::Exposure;
use crate::routing::reference::with;
use serde_json::{Value, json};

/// Where it is.
pub(super) const AT: &str = "/spec/traffic";

/// The canary's share, where the list has the form that ours has.
pub(super) fn share(route: &Value) -> Option<u8> {
    let all = route.pointer(AT)?.as_array()?;
    let [canary, primary, tags @ ..] = all.as_slice() else {
        return None;
    };
    let is_form = !is_tagged(canary)
        && !is_tagged(primary)
        && !text(primary, "/revisionName").is_empty()
        && percent(canary).checked_add(percent(primary)) == Some(100)
        && tags.iter().all(|tag| is_tagged(tag) && percent(tag) == 0);
    u8::try_from(percent(canary)).ok().filter(|_| is_form)
}

/// Whether it is ours, and not what its author has there.
pub(super) fn is_ours(route: &Value) -> bool {
    let noted = noted(route);
    // Flagger notes the revision alone.
    let held = noted.is_some() || annotation(route, PRIMARY_REVISION).is_some();
    held && share(route).is_some() && noted.as_ref() != Some(&live(route))
}

/// `route` with a share for the canary. Where nothing says which revision serves the others, it is not ours to change.
pub(super) fn carrying(route: &Value, share: u8, exposure: &Exposure) -> Value {
    let Some(primary) = annotation(route, PRIMARY_REVISION).filter(|name| !name.is_empty()) else {
        return route.clone();
    };
    let (authors, rest) = (authors(route), 100_u8.saturating_sub(share));
    // By its name, also while it is the newest: of what is newer nobody knows anything, and Knative would give it the share as
    // soon as it is ready, whether a controller of ours is there to see it or not.
    let pinned = exposure.revision.as_deref().filter(|_| share > 0);
    let tags = authors.as_array().into_iter().flatten().filter(|one| is_tagged(one));
    let ours = [entry(pinned, share), entry(Some(primary), rest)];
    let list = ours.into_iter().chain(tags.map(tag)).collect();
    let mut route = with_list(route, Value::Array(list));
    let annotations = route.pointer_mut("/metadata/annotations");
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.insert(TRAFFIC.to_owned(), json!(authors.to_string()));
    }
    route
}

/// `route` with the list that its author has.
pub(super) fn folded(route: &Value) -> Value {
    with_list(route, authors(route))
}

// What the author has there; null for nothing, which is all that is known of what Flagger took over.
fn authors(route: &Value) -> Value {
    if is_ours(route) {
        noted(route).unwrap_or_default()
    } else {
        live(route)
    }
}

fn noted(route: &Value) -> Option<Value> {
    serde_json::from_str(annotation(route, TRAFFIC)?).ok()
}

fn live(route: &Value) -> Value {
    route.pointer(AT).cloned().unwrap_or_default()
}

fn with_list(route: &Value, list: Value) -> Value {
    let mut route = route.clone();
    if let Some(spec) = route.get_mut("spec").and_then(Value::as_object_mut) {
        match list {
            Value::Null => drop(spec.remove("traffic")),
            list => drop(spec.insert(String::from("traffic"), list)),
        }
    }
    route
}

// With everything that Knative would fill in: what is stored is then what was sent.
fn entry(revision: Option<&str>, percent: u8) -> Value {
    match revision {
        Some(name) => json!({"latestRevision": false, "revisionName": name, "percent": percent}),
        None => json!({"latestRevision": true, "percent": percent}),
    }
}

fn tag(entry: &Value) -> Value {
    let latest = text(entry, "/revisionName").is_empty();
    with(&with(entry, "percent", json!(0)), "latestRevision", json!(latest))
}

fn is_tagged(entry: &Value) -> bool {
    !text(entry, "/tag").is_empty()
}

fn percent(entry: &Value) -> u64 {
    entry.get("percent").and_then(Value::as_u64).unwrap_or(0)
}
