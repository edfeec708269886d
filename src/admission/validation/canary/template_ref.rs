//! Rows 87 and 89 to 91: the MetricTemplate of a metric and its variables.

use super::Rules;
use crate::admission::validation::report::Report;
use crate::admission::validation::templates;
use crate::api::MetricTemplate;
use crate::api::canary::Metric;

/// Providers whose request needs a window.
const NEED_WINDOW: [&str; 5] = ["datadog", "newrelic", "cloudwatch", "dynatrace", "splunk"];
/// Characters that end a string or a selector in some query language.
const BREAKING: [char; 8] = ['"', '\'', '`', '\\', '{', '}', '\n', '\r'];

pub(super) fn check(report: &mut Report, rules: &Rules, field: &str, metric: &Metric) {
    for (key, _) in metric
        .template_variables
        .iter()
        .flatten()
        .filter(|(_, value)| value.contains(BREAKING))
    {
        let field = format!("{field}.templateVariables[{key}]");
        let text = "quotes, braces, backslashes go unescaped into the query";
        if rules.world.strict_variables {
            report.forbidden(field, format!("{text}; remove them"));
        } else {
            report.warn(field, text);
        }
    }
    let (Some(reference), Some(own)) = (&metric.template_ref, rules.namespace) else {
        return;
    };
    let namespace = reference.namespace_or(own);
    if reference.name.is_empty() {
        return report.required(format!("{field}.templateRef.name"), "name of a MetricTemplate");
    }
    if namespace != own && rules.world.no_cross_namespace_refs {
        let why = format!(
            "can't access metric template {}.{namespace}, cross-namespace references are blocked",
            reference.name
        );
        return report.forbidden(format!("{field}.templateRef.namespace"), why);
    }
    match rules.world.metric_template(namespace, &reference.name) {
        Some(template) => known(report, field, metric, template),
        None if rules.world.metric_templates.is_some() => {
            let text = format!(
                "MetricTemplate {:?} not found yet; the analysis fails until it exists",
                reference.name
            );
            report.warn(format!("{field}.templateRef"), text);
        }
        None => {}
    }
}

/// The query of the metric's MetricTemplate, where that is known and asks Prometheus.
pub(super) fn query<'a>(rules: &Rules<'a>, metric: &Metric) -> Option<&'a str> {
    let reference = metric.template_ref.as_ref()?;
    let template = rules
        .world
        .metric_template(reference.namespace_or(rules.namespace?), &reference.name)?;
    (template.spec.provider.kind == "prometheus").then_some(template.spec.query.as_str())
}

fn known(report: &mut Report, field: &str, metric: &Metric, template: &MetricTemplate) {
    let provider = template.spec.provider.kind.as_str();
    if metric.interval.is_none() && NEED_WINDOW.contains(&provider) {
        report.warn(
            format!("{field}.interval"),
            format!("left out, but {provider} needs a window, e.g. 1m"),
        );
    }
    let Ok(named) = templates::inspect(&template.spec.query, &templates::QUERY) else {
        return;
    };
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
