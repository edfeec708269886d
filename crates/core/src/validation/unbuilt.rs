//! Fields that are read and do nothing: with the Canary's provider, beside a route of the user's own, or yet.

use super::facts::ClusterFacts;
use super::report::Report;
use super::values::size::too_large;
use crate::api::{Canary, CanaryPolicy, MetricTemplate};
use crate::metrics;
use crate::routing::{Router, registry};
use serde_json::Value;
use std::collections::BTreeSet;

/// Paths of a Canary that few providers obey, beside a route of the user's own too, and why they do nothing with others than
/// those that are `{able}`.
const SELDOM: &[(&str, &str)] = &[
    (
        "spec.service.meshName",
        "has no mesh to name, as {able} has; leave it out",
    ),
    (
        "spec.service.backends",
        "is told of no calls, as {able} is; leave it out",
    ),
    (
        "spec.service.trafficPolicy",
        "leaves it to policies of your own; {able} has it",
    ),
];
/// A path that no provider needs.
const UNNEEDED: &str = "spec.service.unmanagedMetadata";
/// Paths that only name something for the queries of metrics, with the variable that they fill.
const NAMES: &[(&str, &str)] = &[("spec.ingressRef", "ingress"), ("spec.routeRef", "route")];
/// Paths of a CanaryPolicy that do nothing yet, and what goes on all the same.
const OF_POLICIES: &[(&str, &str)] = &[
    ("spec.freezeWindows", "changes are released in them as at any time"),
    ("spec.breakGlass", "nothing is frozen"),
    ("spec.maxConcurrent", "any number of releases run at once"),
];
/// Kinds of targets.
const TARGETS: &[&str] = &["Deployment", "DaemonSet", "Service"];

/// One warning for each thing a Canary asks for that does not exist yet. Whoever calls has seen that it is not [too
/// large](too_large).
pub fn unbuilt(canary: &Canary, facts: &ClusterFacts) -> Vec<String> {
    let mut report = Report::default();
    let target = &canary.spec.target_ref.kind;
    if !TARGETS.contains(&target.as_str()) {
        report.warn(
            "spec.targetRef.kind",
            format!("{target} is not supported yet; nothing happens"),
        );
    }
    let provider = canary.provider(facts.default_provider());
    let router = registry::router(provider);
    if router.is_none() {
        report.warn(
            "spec.provider",
            format!("{provider} is not supported yet; no route is written"),
        );
    }
    stores(&mut report, canary, facts);
    let object = serde_json::to_value(canary).unwrap_or_default();
    let obeyed = router.map(|router| router.obeys()).unwrap_or_default();
    if is_set(&object, UNNEEDED) {
        report.warn(
            UNNEEDED,
            "has no effect: what others write on Services stays in any case; leave it out",
        );
    }
    let named = NAMES.iter().filter(|(field, _)| !obeyed.contains(field));
    for (field, variable) in named.filter(|(field, _)| is_set(&object, field)) {
        let text = format!("fills {{{{ {variable} }}}} of metric templates and has no other effect yet");
        report.warn(field, text);
    }
    unheeded(&mut report, &object, (provider, router), facts.user_route);
    report.finish().warnings
}

/// What is to shape a route that is not made, or not by that.
fn unheeded(report: &mut Report, object: &Value, (provider, router): (&str, Option<&dyn Router>), is_users: bool) {
    let obeyed = router.map(|router| router.obeys()).unwrap_or_default();
    for field in shaping().filter(|field| is_set(object, field)) {
        let why = match router {
            Some(router) if !obeyed.contains(&field) => {
                let said = router.instead_of(field).or_else(|| seldom(field));
                let said = said.unwrap_or_else(|| router.instead());
                format!("provider {provider} {}", said.replace("{able}", able(field)))
            }
            _ if is_users && seldom(field).is_none() => {
                String::from("a route of yours sends to the Service and stays as it is but for its weights")
            }
            _ => continue,
        };
        report.warn(field, format!("has no effect: {why}"));
    }
}

/// The first provider that obeys `field`.
fn able(field: &str) -> &'static str {
    let mut all = registry::ROUTERS.iter();
    let able = all.find(|router| router.obeys().contains(&field));
    able.map_or("", |router| router.name())
}

fn seldom(field: &str) -> Option<&'static str> {
    let mut all = SELDOM.iter();
    all.find(|(path, _)| *path == field).map(|(_, why)| *why)
}

/// Paths that say how what a provider makes looks, and none that names an object of the user's.
fn shaping() -> impl Iterator<Item = &'static str> {
    let all = registry::ROUTERS
        .iter()
        .flat_map(|router| router.obeys().iter().copied());
    let mut seen = BTreeSet::new();
    all.filter(move |field| field.starts_with("spec.service.") && seen.insert(*field))
}

/// One warning for each thing a CanaryPolicy asks for that does not exist yet; none of what is too large to be read.
pub fn unbuilt_policy(policy: &CanaryPolicy) -> Vec<String> {
    let mut report = Report::default();
    if too_large("CanaryPolicy", &policy.spec).is_some() {
        return Vec::new();
    }
    let object = serde_json::to_value(policy).unwrap_or_default();
    for (field, instead) in OF_POLICIES.iter().filter(|(field, _)| is_set(&object, field)) {
        report.warn(field, format!("not supported yet, so {instead}"));
    }
    report.finish().warnings
}

/// One warning for a MetricTemplate whose store cannot be asked yet; none of what is too large to be read.
pub fn unbuilt_template(template: &MetricTemplate) -> Vec<String> {
    let mut report = Report::default();
    if too_large("MetricTemplate", &template.spec).is_some() {
        return Vec::new();
    }
    if let Some(kind) = metrics::registry::unbuilt(&template.spec.provider) {
        let text = format!("{kind} is not supported yet; releases wait at its metrics, unjudged");
        report.warn("spec.provider.type", text);
    }
    report.finish().warnings
}

/// The metrics whose stores cannot be asked yet.
fn stores(report: &mut Report, canary: &Canary, facts: &ClusterFacts) {
    for (index, metric) in canary.analysis().metrics.iter().flatten().enumerate() {
        let reference = metric.template_ref.as_ref();
        let named = reference.map(|one| (one.namespace_or(canary.namespace_name()), one.name.as_str()));
        let template = named.and_then(|(namespace, name)| facts.metric_template(namespace, name));
        if let Some(kind) = template.and_then(|template| metrics::registry::unbuilt(&template.spec.provider)) {
            let field = format!("spec.analysis.metrics[{index}].templateRef");
            report.warn(
                field,
                format!("{kind} is not supported yet; releases wait here, unjudged"),
            );
        }
    }
}

/// Whether a path holds anything; `false` and empty lists say nothing.
fn is_set(object: &Value, path: &str) -> bool {
    let (path, rest) = path
        .split_once("[].")
        .map_or((path, None), |(list, rest)| (list, Some(rest)));
    let found = object.pointer(&format!("/{}", path.replace('.', "/")));
    match (found, rest) {
        (None | Some(Value::Null | Value::Bool(false)), _) => false,
        (Some(Value::Array(list)), Some(rest)) => list.iter().any(|item| is_set(item, rest)),
        (Some(Value::Array(list)), None) => !list.is_empty(),
        (Some(_), _) => true,
    }
}

#[cfg(test)]
mod tests;
