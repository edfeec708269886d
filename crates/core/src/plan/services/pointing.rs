//! Which Services point at the pods of a pair. Pure.
//!
//! Whatever selects the target's pods serves nobody once these rest, and the canary alone in a run: so every such Service
//! follows the side that serves everybody, and the selector that its author means is noted on it. What selects other pods,
//! none, or those of another workload too, is nobody's to move.

use crate::object::{annotation, text};
use crate::plan::{REVISION_ANNOTATION, Selector};
use crate::{api::labels, routing::Names};
use serde_json::{Map, Value};

/// Annotation on a user's own Service that follows a pair: its selector before we moved it, as JSON, for the exit.
pub const ORIGINAL_SELECTOR: &str = "coalmine.dev/original-selector";

/// Labels, as pods and selectors have them.
pub type Labels = Map<String, Value>;

/// The selector that the author of a Service means: ours may have taken its place.
pub fn meant(service: &Value) -> Option<Labels> {
    let recorded = recorded(service);
    let own = recorded.as_ref().or(service.pointer("/spec/selector"));
    own?.as_object().filter(|all| !all.is_empty()).cloned()
}

/// The selector that was noted when the Service was moved.
pub fn recorded(service: &Value) -> Option<Value> {
    serde_json::from_str(annotation(service, ORIGINAL_SELECTOR)?).ok()
}

/// The labels of a workload's pods.
pub fn pods(workload: &Value) -> Option<&Labels> {
    workload.pointer("/spec/template/metadata/labels")?.as_object()
}

/// The labels by which pods of the pair are known to its Services: those of the target, and those of primary as the target
/// would have them.
pub fn pods_of_pair(target: Option<&Value>, primary: Option<&Value>, selector: &Selector) -> Vec<Labels> {
    let promoted = primary.and_then(pods).map(|pods| {
        let mut pods = pods.clone();
        pods.extend(selector.target_labels());
        pods
    });
    let mut all: Vec<Labels> = target.and_then(pods).cloned().into_iter().chain(promoted).collect();
    if all.is_empty() {
        all.push(selector.target_labels());
    }
    all.dedup();
    all
}

/// Whether every label of a selector is one of the pods'. An empty one selects nothing.
pub fn matches(selector: &Labels, pods: &Labels) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| pods.get(key) == Some(value))
}

/// Whether a Service is its author's to have moved: not one that we made, not one that says it is to be left alone, and not
/// a name for something outside.
pub fn is_users(service: &Value) -> bool {
    let external = service.pointer("/spec/type").and_then(Value::as_str) == Some("ExternalName");
    let left_out = annotation(service, labels::ENABLED) == Some("false");
    !is_generated(service) && !external && !left_out && !is_a_canarys(service)
}

/// Whether we made an object, and nobody has made it theirs.
pub fn is_generated(object: &Value) -> bool {
    let labels = object.pointer("/metadata/labels");
    labels.is_some_and(|all| all.get(labels::GENERATED).is_some())
}

/// Whether a Service of the user's own selects pods with these labels, by what its author means.
pub fn selects(service: &Value, pods: &Labels) -> bool {
    is_users(service) && meant(service).is_some_and(|selector| matches(&selector, pods))
}

/// What a Service is to a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It points at the pair's pods, and follows the side that serves everybody.
    Follows,
    /// It was moved for this pair, and its author has pointed it elsewhere since.
    Left,
    /// None of the pair's business.
    Strange,
}

/// What `service` is to the pair of `selector`, whose pods have one of these sets of labels. A label that a new revision
/// does not have any more takes no Service from a pair: its author has not touched it.
pub fn relation(service: &Value, selector: &Selector, pods: &[Labels]) -> Relation {
    let live = service.pointer("/spec/selector").and_then(Value::as_object);
    let moved = live.is_some_and(|live| *live == selector.primary_labels() || *live == selector.target_labels());
    let held = recorded(service).is_some();
    if !is_users(service) {
        // Its author has taken it out since it was moved.
        let left_out = held && moved && !is_generated(service) && !is_a_canarys(service);
        return if left_out { Relation::Left } else { Relation::Strange };
    }
    let means = if held && !moved { live.cloned() } else { meant(service) };
    let Some(means) = means else {
        return if held { Relation::Left } else { Relation::Strange };
    };
    let contradicts = |pods: &Labels| {
        means
            .iter()
            .any(|(key, value)| pods.get(key).is_some_and(|has| has != value))
    };
    if pods.iter().any(|pods| matches(&means, pods)) {
        return Relation::Follows;
    }
    match (held, moved) {
        (true, true) if !pods.iter().all(contradicts) => Relation::Follows,
        (true, true) => Relation::Left,
        (true, false) if recorded_for(service, pods) => Relation::Left,
        _ => Relation::Strange,
    }
}

fn recorded_for(service: &Value, pods: &[Labels]) -> bool {
    let recorded = recorded(service);
    let recorded = recorded.as_ref().and_then(Value::as_object);
    recorded.is_some_and(|recorded| pods.iter().any(|pods| matches(recorded, pods)))
}

/// Whether an apex that its author wrote is one of the pair's: it points at the pods of one of the halves.
pub fn is_own_apex(apex: &Value, selector: &Selector, pods: &[Labels]) -> bool {
    let live = apex.pointer("/spec/selector").and_then(Value::as_object);
    let of_primary = live.is_some_and(|live| pods.iter().any(|pods| selector.picks_primary(live, pods)));
    let held = recorded(apex).is_some();
    // Whatever it meant before, its Canary was told to take it.
    let taken =
        held && live.is_some_and(|live| *live == selector.primary_labels() || *live == selector.target_labels());
    match relation(apex, selector, pods) {
        _ if taken => true,
        Relation::Follows => true,
        Relation::Left => false,
        Relation::Strange => !held && of_primary || is_a_canarys(apex),
    }
}

/// The workloads besides `target` whose pods `service` selects too, as people call them.
pub fn sharers(service: &Value, target: &Value, workloads: &[Value]) -> Vec<String> {
    let Some(selector) = meant(service) else {
        return Vec::new();
    };
    let others = workloads.iter().filter(|workload| {
        let going = workload.pointer("/metadata/deletionTimestamp").is_some();
        called(workload) != called(target) && !going && !is_half(workload)
    });
    let mut names: Vec<String> = others
        .filter(|other| pods(other).is_some_and(|pods| matches(&selector, pods)))
        .map(called)
        .collect();
    names.sort_unstable();
    names
}

/// A Service that selects the pods of several workloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Name of the Service.
    pub service: String,
    /// Whom it selects besides.
    pub others: Vec<String>,
}

/// The first of `services` (those that point at the pods of `target`) that points at those of another workload too.
pub fn shared<'a>(
    target: &Value,
    services: impl IntoIterator<Item = &'a Value>,
    workloads: &[Value],
) -> Option<Shared> {
    let of = |service: &Value| Shared {
        service: name(service).to_owned(),
        others: sharers(service, target, workloads),
    };
    let mut all = services.into_iter().map(of);
    all.find(|shared| !shared.others.is_empty())
}

impl std::fmt::Display for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let others: Vec<String> = self.others.iter().map(|other| other.replacen('/', " ", 1)).collect();
        write!(
            f,
            "Service {} selects the pods of {} as well, so its users cannot be sent to one side of a pair; give each a label and \
             a Service of its own",
            self.service,
            others.join(", ")
        )
    }
}

/// Whether a workload is made as a half of a pair. Restored from a backup, a primary may have lost its owner.
pub fn is_half(workload: &Value) -> bool {
    let marked = |map: &str, key: &str| {
        workload
            .pointer(map)
            .and_then(|all| all.get(key))
            .and_then(Value::as_str)
    };
    let flaggers = marked("/metadata/labels", labels::MANAGED_BY) == Some(labels::MANAGED_BY_FLAGGER);
    is_a_canarys(workload)
        || flaggers && name(workload).ends_with("-primary")
        || annotation(workload, REVISION_ANNOTATION).is_some()
}

/// The names of a Service and its halves.
pub fn names(service: &Value) -> Names {
    Names::new(name(service))
}

/// The name of an object.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

fn called(workload: &Value) -> String {
    let kind = workload.get("kind").and_then(Value::as_str).unwrap_or("Deployment");
    format!("{kind}/{}", name(workload))
}

fn is_a_canarys(object: &Value) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let mut owners = owners.into_iter().flatten();
    owners.any(|owner| owner.get("kind").and_then(Value::as_str) == Some("Canary"))
}

#[cfg(test)]
mod tests;
