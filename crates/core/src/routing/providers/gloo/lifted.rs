//! Routes of a RouteTable as lists of weighted Services. Gloo writes one destination in another place than several, and
//! an Upstream's name says what it leads to; both are put aside while a route that leads to the pair is cut or read, and are
//! written again as they were.

use super::dialect::TableRoutes;
use super::place;
use crate::api::labels;
use crate::object::label;
use crate::routing::reference::{Local, Side, weight, with, without};
use crate::routing::weighted::{self, Dialect};
use crate::routing::{Names, is_made};
use serde_json::{Value, json};

/// The destinations of a route, whether there is one or there are several.
pub(super) fn destinations(rule: &Value) -> impl Iterator<Item = &Value> {
    let single = rule.pointer("/routeAction/single");
    let several = rule
        .pointer("/routeAction/multi/destinations")
        .and_then(Value::as_array);
    let several = several.into_iter().flatten().filter_map(|one| one.get("destination"));
    single.into_iter().chain(several)
}

/// Whether a destination is all of what it names. Of the halves there are neither subsets nor functions.
pub(super) fn is_whole(destination: &Value) -> bool {
    !["subset", "destinationSpec"]
        .iter()
        .any(|part| destination.get(part).is_some())
}

/// Whether a route sends anything to the pair that can be cut.
pub(super) fn leads(rule: &Value, names: &Local<'_>) -> bool {
    let mut whole = destinations(rule).filter(|one| is_whole(one));
    whole.any(|one| place::read(one, names).is_some())
}

/// `route` with those routes that lead to the pair as lists of Services.
pub(super) fn up(route: &Value, names: &Names) -> Value {
    let local = &Local::of(route, names);
    let of_flagger = is_made(route) && label(route, labels::GENERATED).is_none();
    changed(route, |rule| {
        if !leads(rule, local) {
            return rule.clone();
        }
        let rule = if of_flagger { for_everybody(rule) } else { rule.clone() };
        lifted(&rule, local)
    })
}

/// The same as Gloo reads it.
pub(super) fn down(route: &Value, names: &Names) -> Value {
    let local = &Local::of(route, names);
    changed(route, |rule| {
        match rule.get(TableRoutes::REFS).and_then(Value::as_array) {
            Some(list) => lowered(rule, list, local),
            None => rule.clone(),
        }
    })
}

fn changed(route: &Value, change: impl Fn(&Value) -> Value) -> Value {
    let rules = weighted::rules::<TableRoutes>(route).map(change).collect();
    weighted::with_rules::<TableRoutes>(route, rules)
}

// Flagger has the one route of its RouteTable for those whom an A/B test names, and others get no answer at all.
fn for_everybody(rule: &Value) -> Value {
    let inherits = rule.get("inheritablePathMatchers").and_then(Value::as_bool) == Some(true);
    let has_path = |matcher: &Value| {
        ["prefix", "exact", "regex"]
            .iter()
            .any(|path| matcher.get(path).is_some())
    };
    if inherits && !TableRoutes::matches(rule).iter().any(has_path) {
        return without(rule, &[TableRoutes::MATCHES]);
    }
    rule.clone()
}

fn lifted(rule: &Value, names: &Local<'_>) -> Value {
    let single = rule.pointer("/routeAction/single");
    let single = single.map(|destination| vec![json!({ "destination": destination })]);
    let several = rule
        .pointer("/routeAction/multi/destinations")
        .and_then(Value::as_array);
    let list = single.or_else(|| several.cloned()).unwrap_or_default();
    let alone = list.len() == 1;
    let list = list.iter().map(|entry| entry_lifted(entry, alone, names)).collect();
    let action = rule
        .get("routeAction")
        .map(|action| without(action, &["single", "multi"]));
    let rule = with(rule, "routeAction", action.unwrap_or_default());
    with(&rule, TableRoutes::REFS, list)
}

fn entry_lifted(entry: &Value, alone: bool, names: &Local<'_>) -> Value {
    let destination = entry.get("destination").filter(|destination| is_whole(destination));
    let Some((side, by)) = destination.and_then(|destination| place::read(destination, names)) else {
        return entry.clone();
    };
    let (service, is_half) = match side {
        Side::Apex => (&names.apex, false),
        Side::Primary => (&names.primary, true),
        Side::Canary => (&names.canary, true),
    };
    let lifted = with(&without(entry, &["destination"]), "name", json!(service));
    let lifted = with(&lifted, "by", by);
    // A weight of nothing is left out of a half.
    if is_half && !alone && weight(&lifted).is_none() {
        return with(&lifted, "weight", json!(0));
    }
    lifted
}

fn lowered(rule: &Value, list: &[Value], names: &Local<'_>) -> Value {
    let list: Vec<Value> = list.iter().map(|entry| entry_lowered(entry, names)).collect();
    let action = rule.get("routeAction").cloned().unwrap_or_else(|| json!({}));
    let is_plain = |entry: &Value| entry.get("weight").is_none() && entry.get("options").is_none();
    let action = match list.as_slice() {
        [one] if is_plain(one) => with(&action, "single", one.get("destination").cloned().unwrap_or_default()),
        // Gloo gives up a route whose weights come to nothing.
        [one] if one.get("weight").is_none() => several(&action, json!([with(one, "weight", json!(1))])),
        _ => several(&action, json!(list)),
    };
    with(&without(rule, &[TableRoutes::REFS]), "routeAction", action)
}

fn several(action: &Value, list: Value) -> Value {
    with(action, "multi", json!({ "destinations": list }))
}

fn entry_lowered(entry: &Value, names: &Local<'_>) -> Value {
    let (Some(service), Some(by)) = (entry.get("name").and_then(Value::as_str), entry.get("by")) else {
        return entry.clone();
    };
    let lowered = without(entry, &["name", "by"]);
    let lowered = with(&lowered, "destination", place::written(service, by, names));
    let is_half = service != names.apex;
    if is_half && weight(entry) == Some(0) {
        return without(&lowered, &["weight"]);
    }
    lowered
}
