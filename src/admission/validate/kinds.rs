//! Our own kinds at the webhook: what the caches know, handed to the pure rules of [`coalmine_core::validation`].

mod unsaid;

use crate::admission::effects::generate::ScalersAndPolicies;
use crate::admission::facts::View;
use crate::admission::review::{Decision, Denial, Operation, Request, Response};
use crate::admission::server::Internal;
use crate::api::{AlertProvider, Canary, CanaryPolicy, MetricTemplate, labels};
use crate::plan::Selector;
use crate::routing::{self, Names, Provider};
use coalmine_core::validation::{self, ClusterFacts, ClusterView, Findings, Lookup, Templates};
use kube::runtime::reflector::ObjectRef;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;

/// What was looked for besides the caches.
#[derive(Debug, Default)]
pub struct Found {
    /// The Canary's target.
    pub target: Lookup<Value>,
    /// What else its namespace holds.
    pub around: ScalersAndPolicies,
    /// The kinds that the cluster serves, as far as the Canary's provider needs one.
    pub served: Option<BTreeSet<String>>,
    /// What leads users to the routes of the Canary's provider, or past them.
    pub fronts: Vec<Value>,
    /// Whether the requester may not get the Secret that the object has us use.
    pub denied: bool,
}

/// Judges a CREATE or UPDATE of one of our kinds. Kinds that are not ours are let through.
///
/// # Errors
/// When an object that the schema let through cannot be read, which is a fault of ours.
pub fn validate(request: &Request, view: &View, found: Found) -> Result<Response, Internal> {
    // A Canary has more of them, and our own write of one needs none.
    let facts = || {
        ClusterFacts::of(ClusterView {
            denied_to: found.denied.then(|| request.user_info.username.clone()),
            ..everywhere(view)
        })
    };
    let findings = match request.kind.kind.as_str() {
        // The controller must always be able to take its finalizer off.
        "Canary" if view.is_ours(request) => return Ok(Response::allow().with_decision(Decision::OwnWrite)),
        "Canary" => canary(request, view, found)?,
        "MetricTemplate" => {
            let (new, old) = both::<MetricTemplate>(request)?;
            let findings = validation::metric_template(&new, old.as_ref(), &facts());
            warned(findings, validation::unbuilt_template(&new))
        }
        "AlertProvider" => {
            let (new, old) = both::<AlertProvider>(request)?;
            validation::alert_provider(&new, old.as_ref(), &facts())
        }
        "CanaryPolicy" => {
            let (new, old) = both::<CanaryPolicy>(request)?;
            let findings = validation::policy(&new, old.as_ref(), &facts());
            warned(findings, validation::unbuilt_policy(&new))
        }
        _ => return Ok(Response::allow()),
    };
    Ok(answer(request, findings))
}

fn canary(request: &Request, view: &View, found: Found) -> Result<Findings, Internal> {
    let (new, old) = both::<Canary>(request)?;
    if validation::too_large("Canary", &new.spec).is_some() {
        // Nothing else of it is read, and nothing is compared with it.
        return Ok(validation::canary(&new, old.as_ref(), &ClusterFacts::default()));
    }
    let named = named_templates([Some(&new), old.as_ref()].into_iter().flatten(), view);
    let missed = missed(&found.target, view, &found.around);
    let misnamed = view.misnamed(&new, found.target.found());
    let misnamed = misnamed.map(|line| format!("metadata.annotations[{}]: {line}", labels::POLICY));
    let (services, routes) = (
        view.caches.services(&request.namespace),
        view.caches.routes(&request.namespace),
    );
    let facts = ClusterFacts::of(ClusterView {
        canary: Some(&new),
        canaries: view.canaries(&request.namespace),
        policy: view.policy_of(&new, found.target.found()),
        target: found.target,
        services: &services,
        routes: &routes,
        scalers: found.around.scalers(),
        served: found.served,
        metric_templates: Some(named),
        ..everywhere(view)
    });
    let findings = validation::canary(&new, old.as_ref(), &facts);
    let provider = new.provider(&view.defaults.provider);
    let unmoved = view.elsewhere(&new).into_iter();
    let unmoved = unmoved.chain(past(&new, provider, &found.fronts, &routes));
    let unmoved = unmoved.map(|line| format!("spec.service: {line}"));
    let unsaid = unsaid::unsaid(&new, provider, &routes).into_iter();
    let unsaid = unsaid.chain(unsaid::untested(&new, provider, &routes));
    let more = validation::unbuilt(&new, &facts).into_iter().chain(missed);
    Ok(warned(findings, more.chain(misnamed).chain(unmoved).chain(unsaid)))
}

/// The MetricTemplates that metrics of `canaries` name: a cluster may have thousands.
fn named_templates<'a>(canaries: impl Iterator<Item = &'a Canary>, view: &View) -> Templates {
    let metrics = canaries.flat_map(|canary| {
        let all = canary.analysis().metrics.iter().flatten();
        all.map(move |metric| (canary.namespace_name(), metric))
    });
    let named = metrics.filter_map(|(own, metric)| {
        let reference = metric.template_ref.as_ref()?;
        let named = ObjectRef::new(&reference.name).within(reference.namespace_or(own));
        view.caches.templates.get(&named)
    });
    named.collect()
}

fn warned(mut findings: Findings, more: impl IntoIterator<Item = String>) -> Findings {
    findings.warnings.extend(more);
    findings
}

/// Whether an UPDATE leaves the spec as it was, or is of an object that is being deleted: its labels, annotations and
/// finalizers are nobody's to refuse.
pub fn is_metadata_only(request: &Request) -> bool {
    let deleted = request.object.pointer("/metadata/deletionTimestamp").is_some();
    let same = request.object.get("spec") == request.old_object.get("spec");
    request.operation == Operation::Update && (deleted || same)
}

/// Kind and name of the target of the Canary in `request`, if it is one.
pub fn target_of(request: &Request) -> Option<(&str, &str)> {
    if request.kind.kind != "Canary" {
        return None;
    }
    let text = |pointer: &str| request.object.pointer(pointer).and_then(Value::as_str);
    Some((text("/spec/targetRef/kind")?, text("/spec/targetRef/name")?))
}

/// The Secret that a MetricTemplate or AlertProvider in `request` has us use.
pub fn secret_of(request: &Request) -> Option<&str> {
    let at = match request.kind.kind.as_str() {
        "MetricTemplate" => "/spec/provider/secretRef/name",
        "AlertProvider" => "/spec/secretRef/name",
        _ => return None,
    };
    request.object.pointer(at).and_then(Value::as_str)
}

/// The routing provider of the Canary in `request`.
pub fn provider_of<'a>(request: &'a Request, default: &'a str) -> Option<&'a str> {
    if request.kind.kind != "Canary" {
        return None;
    }
    let named = request.object.pointer("/spec/provider").and_then(Value::as_str);
    Some(named.filter(|name| !name.is_empty()).unwrap_or(default))
}

/// What users miss who are led to the app past the routes of `provider`.
fn past(canary: &Canary, provider: &str, fronts: &[Value], routes: &[Value]) -> Vec<String> {
    let provider = Provider::parse(provider).filter(|_| canary.spec.service.is_some());
    let Some((provider, front)) = provider.and_then(|provider| Some((provider, provider.front()?))) else {
        return Vec::new();
    };
    let names = Names::new(canary.service_name());
    let leads = |route: &&Value| provider.carries_by(route) && routing::refers_to(route, &names);
    let leading: Vec<&Value> = routes.iter().filter(leads).collect();
    let annotations = canary.metadata.annotations.clone().unwrap_or_default();
    let make = || {
        let route = provider.published(canary.namespace_name(), &names, &canary.spec)?;
        Some(provider.annotated(route, &annotations))
    };
    let made = leading.is_empty().then(make).flatten();
    let leading: Vec<&Value> = leading.into_iter().chain(&made).collect();
    fronts
        .iter()
        .filter_map(|object| (front.past)(object, &names, &leading))
        .collect()
}

/// Who uses the MetricTemplate or AlertProvider that is to be deleted.
pub fn deleted(request: &Request, view: &View) -> Vec<String> {
    let facts = ClusterFacts::of(everywhere(view));
    let read = &request.old_object;
    match request.kind.kind.as_str() {
        "MetricTemplate" => serde_json::from_value::<MetricTemplate>(read.clone())
            .map(|template| validation::metric_template_deleted(&template, &facts)),
        "AlertProvider" => serde_json::from_value::<AlertProvider>(read.clone())
            .map(|provider| validation::alert_provider_deleted(&provider, &facts)),
        _ => return Vec::new(),
    }
    .unwrap_or_default()
}

fn missed(target: &Lookup<Value>, view: &View, around: &ScalersAndPolicies) -> Vec<String> {
    let Some(target) = target.found() else {
        return Vec::new();
    };
    Selector::of(target, &view.defaults.selector_labels).map_or_else(
        |_| Vec::new(),
        |selector| {
            let missed = around.missed(target, &selector);
            missed
                .into_iter()
                .map(|line| format!("spec.targetRef: {line}"))
                .collect()
        },
    )
}

fn answer(request: &Request, findings: Findings) -> Response {
    let response = if findings.allowed() {
        Response::allow().with_decision(Decision::Valid)
    } else {
        Response::deny(Denial::invalid(request, findings.causes)).with_decision(Decision::Invalid)
    };
    response.with_warnings(findings.warnings)
}

fn both<K: DeserializeOwned>(request: &Request) -> Result<(K, Option<K>), Internal> {
    let read = |object: &Value| serde_json::from_value(object.clone());
    let new = read(&request.object).map_err(|error| Internal(format!("{}: {error}", request.kind.kind)))?;
    // An old object that cannot be read is no excuse for the new one.
    let old = (request.operation == Operation::Update)
        .then(|| read(&request.old_object).ok())
        .flatten();
    Ok((new, old))
}

/// What is found for every kind.
fn everywhere(view: &View) -> ClusterView<'_> {
    ClusterView {
        canaries: view.caches.canaries.state(),
        alert_providers: Some(view.caches.providers.state()),
        defaults: view.defaults.clone(),
        ..ClusterView::default()
    }
}

#[cfg(test)]
mod tests;
