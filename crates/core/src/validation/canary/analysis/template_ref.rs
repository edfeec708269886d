//! The MetricTemplate of a metric and its variables.

use super::JudgedAnalysis;
use crate::api::MetricTemplate;
use crate::api::canary::{Metric, NamespacedRef};
use crate::metrics::registry;
use crate::metrics::requirements::StoreRequirements as Store;
use crate::template::Parsed;
use crate::validation::facts::ClusterFacts;
use crate::validation::report::Report;
use crate::validation::values::templates;

/// Characters that end a string or a selector in some query language.
const BREAKING: [char; 8] = ['"', '\'', '`', '\\', '{', '}', '\n', '\r'];

pub(super) fn check(report: &mut Report, judged: &JudgedAnalysis, field: &str, metric: &Metric) {
    for (key, _) in metric
        .template_variables
        .iter()
        .flatten()
        .filter(|(_, value)| value.contains(BREAKING))
    {
        let field = format!("{field}.templateVariables[{key}]");
        report.warn(field, "quotes, braces, backslashes go unescaped into the query");
    }
    let Some(reference) = &metric.template_ref else { return };
    let Some(own) = judged.namespace else {
        return of_policy(report, &format!("{field}.templateRef"), reference, judged.facts);
    };
    if reference.name.is_empty() {
        return report.required(format!("{field}.templateRef.name"), "name of a MetricTemplate");
    }
    let namespace = match reference.namespace_within(own, judged.facts.no_cross_namespace_refs) {
        Ok(namespace) => namespace,
        Err(why) => {
            let (name, namespace) = (&reference.name, reference.namespace_or(own));
            let why = format!("can't access metric template {name}.{namespace}, {why}");
            return report.forbidden(format!("{field}.templateRef.namespace"), why);
        }
    };
    match judged.facts.metric_template(namespace, &reference.name) {
        Some(template) => known(report, field, metric, template),
        None if judged.facts.metric_templates.is_some() => {
            let text = format!(
                "MetricTemplate {:?} not found yet; the analysis fails until it exists",
                reference.name
            );
            report.warn(format!("{field}.templateRef"), text);
        }
        None => {}
    }
}

/// What a policy names is looked for in the namespace of each Canary: with another one named, all their checks would fail.
pub(super) fn of_policy(report: &mut Report, field: &str, reference: &NamespacedRef, facts: &ClusterFacts) {
    let named = reference.namespace.as_deref().is_some_and(|named| !named.is_empty());
    if named && facts.no_cross_namespace_refs {
        let why = "cross-namespace references are blocked; leave it out, each Canary's own namespace is meant then";
        report.forbidden(format!("{field}.namespace"), why);
    }
}

/// The query of the metric's MetricTemplate, where that is known and we read its store's language.
pub(super) fn query<'a>(judged: &JudgedAnalysis<'a>, metric: &Metric) -> Option<(&'static Store, &'a str)> {
    let reference = metric.template_ref.as_ref()?;
    let template = judged
        .facts
        .metric_template(reference.namespace_or(judged.namespace?), &reference.name)?;
    let store = registry::requirements(&template.spec.provider.kind);
    let readable = store.query.advice.is_some();
    readable.then_some((store, template.spec.query.as_str()))
}

fn known(report: &mut Report, field: &str, metric: &Metric, template: &MetricTemplate) {
    if template.metadata.deletion_timestamp.is_some() {
        let text = "the MetricTemplate is being deleted and not used any more; the analysis fails";
        report.warn(format!("{field}.templateRef"), text);
    }
    let store = registry::requirements(&template.spec.provider.kind);
    if metric.interval.is_none() && store.needs_window {
        report.warn(
            format!("{field}.interval"),
            format!("left out, but {} needs a window, e.g. 1m", store.name),
        );
    }
    if let Ok(named) = templates::inspect(&template.spec.query, &templates::QUERY) {
        missing(report, field, metric, &named);
    }
}

/// Variables that a query takes and nobody gives.
pub(super) fn missing(report: &mut Report, field: &str, metric: &Metric, named: &Parsed) {
    let given = metric.template_variables.as_ref();
    for key in named
        .variables
        .iter()
        .filter(|key| given.is_none_or(|given| !given.contains_key(*key)))
    {
        report.warn(
            format!("{field}.templateVariables"),
            format!("the template uses variables.{key}, which is missing"),
        );
    }
}
