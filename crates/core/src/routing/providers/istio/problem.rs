//! Why traffic cannot be moved, in words for people.

use super::dialect::is_subset;
use super::{generated, hosts, lists};
use crate::api::canary::{Analysis, AnalysisMatch, CanaryService, CanarySpec};
use crate::routing::Names;
use crate::routing::reference::Local;
use serde_json::Value;

/// Whether any rule sends to the pair, or to a part of its pods.
pub(super) fn refers_to(route: &Value, names: &Names) -> bool {
    let local = &Local::of(route, names);
    destinations(route).any(|one| hosts::side_of(one, local).is_some())
}

/// The destinations of all rules for requests and for connections.
pub(super) fn destinations(route: &Value) -> impl Iterator<Item = &Value> {
    lists::all_refs(route).filter_map(|one| one.get("destination"))
}

/// Why the traffic of the pair cannot be moved by `route`.
pub(super) fn of_route(route: &Value, names: &Names) -> Option<String> {
    let name = route.pointer("/metadata/name").and_then(Value::as_str);
    let (name, apex) = (name.unwrap_or_default(), &names.apex);
    if !refers_to(route, names) {
        return Some(format!(
            "no http or tcp rule of VirtualService {name} sends to Service {apex}: name it as a destination, or give the \
             VirtualService another name"
        ));
    }
    let local = &Local::of(route, names);
    let whole = lists::refers_to(route, names);
    let mut parts = destinations(route).filter(|one| is_subset(one) && hosts::side_of(one, local).is_some());
    let subset = parts.find_map(|one| one.get("subset")?.as_str()).filter(|_| !whole)?;
    Some(format!(
        "VirtualService {name} sends to Service {apex} by subsets only (such as {subset}), which its two halves do not have: \
         name the Service without a subset"
    ))
}

/// What of a Canary cannot be carried: the paths, and what to do instead.
pub(super) fn of_canary(spec: &CanarySpec) -> Vec<(String, String)> {
    let Some(service) = &spec.service else {
        return Vec::new();
    };
    let callers = spec
        .analysis
        .as_ref()
        .and_then(|analysis| unseen_callers(service, analysis));
    callers
        .into_iter()
        .chain(delegation(service))
        .chain(everything(service))
        .collect()
}

// Istio takes no such route either.
fn everything(service: &CanaryService) -> Option<(String, String)> {
    let at = service.hosts.iter().flatten().position(|host| host == "*")?;
    let meshed = generated::is_in_mesh(service) && !generated::is_delegate(service);
    meshed.then(|| {
        let why = "in the mesh \"*\" is whatever anybody calls; name hosts of your own, or gateways without \"mesh\" in \
                   spec.service.gateways";
        (format!("spec.service.hosts[{at}]"), why.to_owned())
    })
}

fn delegation(service: &CanaryService) -> impl Iterator<Item = (String, String)> {
    let all = [("hosts", &service.hosts), ("gateways", &service.gateways)];
    let is_set = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let set = all
        .into_iter()
        .filter(move |(_, list)| generated::is_delegate(service) && is_set(list));
    set.map(|(name, _)| {
        let why = format!("a delegate VirtualService cannot have {name}; remove them or set delegation: false");
        (format!("spec.service.{name}"), why)
    })
}

// A gateway knows no labels of who calls it.
fn unseen_callers(service: &CanaryService, analysis: &Analysis) -> Option<(String, String)> {
    let by_caller = |one: &AnalysisMatch| one.source_labels.as_ref().is_some_and(|all| !all.is_empty());
    let at = analysis.matches.iter().flatten().position(by_caller)?;
    (!generated::is_in_mesh(service)).then(|| {
        let why = "istio knows the labels of callers inside the mesh only; add \"mesh\" to spec.service.gateways, or choose by \
                   headers";
        (format!("spec.analysis.match[{at}].sourceLabels"), why.to_owned())
    })
}
