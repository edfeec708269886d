//! `spec.analysis.metrics`.

use super::{JudgedAnalysis, template_ref};
use crate::api::Number;
use crate::api::canary::{HookType, Metric, Webhook};
use crate::metrics::registry::SERVER;
use crate::plan::settings::requests::{about_requests, query_about_requests};
use crate::validation::report::Report;
use crate::validation::values::distinct::repeats;
use crate::validation::values::durations;
use crate::validation::values::templates;

/// Widest window, in analysis intervals: a canary without values is waited for as long.
const WIDEST_WINDOW: u32 = 5;

pub(super) fn check(report: &mut Report, judged: &JudgedAnalysis) {
    let metrics = judged.analysis.metrics.as_deref().unwrap_or_default();
    let repeated = repeats(metrics.iter().map(|metric| metric.name.as_str()));
    let loaded = loaded(judged);
    for ((index, metric), repeated) in metrics.iter().enumerate().zip(repeated) {
        let field = format!("{}[{index}]", judged.field("metrics"));
        if repeated {
            report.duplicate(
                format!("{field}.name"),
                &metric.name,
                "gauges would overwrite each other; rename one",
            );
        }
        source(report, &field, metric);
        inline(report, &field, metric);
        bounds(report, &field, metric);
        builtin(report, &field, metric);
        window(report, judged, &field, metric);
        template_ref::check(report, judged, &field, metric);
        let template = template_ref::query(judged, metric);
        reached(report, judged, &field, metric, template.map(|(_, query)| query), loaded);
        let own = metric
            .query
            .as_deref()
            .map(|query| ("query", SERVER.requirements(), query));
        let templates = template.map(|(store, query)| ("templateRef", store, query));
        for (from, store, query) in own.into_iter().chain(templates) {
            for problem in store.problems(query, judged.analysis.interval()) {
                report.warn(format!("{field}.{from}"), problem);
            }
        }
    }
}

/// Whether a hook may send the canary requests.
fn loaded(judged: &JudgedAnalysis) -> bool {
    let mut hooks = judged.analysis.webhooks.iter().flatten().map(Webhook::hook_type);
    hooks.any(|kind| matches!(kind, HookType::Rollout | HookType::PreRollout))
}

/// A metric about requests where none come.
fn reached(
    report: &mut Report,
    judged: &JudgedAnalysis,
    field: &str,
    metric: &Metric,
    template: Option<&str>,
    loaded: bool,
) {
    if !about_requests(metric) && !template.is_some_and(query_about_requests) {
        return;
    }
    if !judged.served {
        report.warn(
            field,
            "about requests, and without spec.service none come; it cannot have values here, remove it",
        );
    } else if !judged.can().weights && !loaded {
        let provider = judged.provider;
        let text = format!("provider {provider} sends a canary no users; no values without a load test webhook");
        report.warn(field, text);
    } else if judged.connections && judged.can().tcp && about_requests(metric) {
        report.warn(
            field,
            "about requests, and appProtocol tcp has none to count; use a MetricTemplate",
        );
    }
}

/// Where the value comes from.
fn source(report: &mut Report, field: &str, metric: &Metric) {
    let query = metric.query.as_deref().is_some_and(|query| !query.is_empty());
    match (query, metric.template_ref.is_some()) {
        (true, true) => report.invalid(
            format!("{field}.query"),
            &metric.name,
            "query and templateRef are both set; pick one",
        ),
        (true, false) => report.warn(format!("{field}.query"), "deprecated; move it to a MetricTemplate"),
        (false, false) if !metric.is_builtin() => {
            let builtin = Metric::BUILTIN.join(" nor ");
            let why = format!(
                "{:?} is neither {builtin}; without a query or template it would never be evaluated",
                metric.name
            );
            report.required(format!("{field}.templateRef"), why);
        }
        _ => {}
    }
}

/// The metric's own query is a template like that of a MetricTemplate.
fn inline(report: &mut Report, field: &str, metric: &Metric) {
    let Some(query) = metric.query.as_deref() else { return };
    match templates::inspect(query, &templates::QUERY) {
        Err(problem) => report.invalid(format!("{field}.query"), query, problem),
        Ok(named) => template_ref::missing(report, field, metric, &named),
    }
}

/// Which values pass.
fn bounds(report: &mut Report, field: &str, metric: &Metric) {
    let field = format!("{field}.thresholdRange");
    let range = metric.threshold_range.unwrap_or_default();
    match (range.min, range.max) {
        (None, None) if metric.threshold.is_some() => {
            report.warn(field, "threshold is deprecated; use thresholdRange");
        }
        (None, None) => {
            let why = "set min or max; without one a 0 threshold fails (or passes) everything";
            report.required(field, why);
        }
        (Some(min), Some(max)) if min > max => {
            report.invalid(
                field,
                range,
                format!("min {min} exceeds max {max}, so no value can pass"),
            );
        }
        _ => {}
    }
}

/// Units of the builtin metrics.
fn builtin(report: &mut Report, field: &str, metric: &Metric) {
    let Some(range) = metric.threshold_range else {
        return;
    };
    let field = format!("{field}.thresholdRange");
    let bounds = [("min", range.min), ("max", range.max)];
    match metric.name.as_str() {
        "request-success-rate" => {
            for (name, bound) in bounds {
                if let Some(bound) = bound.filter(|bound| !(0.0..=100.0).contains(&bound.value())) {
                    report.invalid(
                        format!("{field}.{name}"),
                        bound,
                        "must be a percentage between 0 and 100",
                    );
                }
            }
            if range.min.is_none() && range.max.is_some_and(|max| max.value() < 100.0) {
                report.warn(
                    field,
                    "only max is set; the release halts when it is too healthy; set min",
                );
            }
        }
        "request-duration" => {
            if let Some(max) = range.max.filter(|max| max.value() > 0.0 && max.value() < 1.0) {
                let milliseconds = Number((max.value() * 1000.0).round());
                let why = format!(
                    "milliseconds, and {max} becomes 0, which nothing passes; write {milliseconds} for {max} s"
                );
                report.invalid(format!("{field}.max"), max, why);
            }
        }
        _ => {}
    }
}

fn window(report: &mut Report, judged: &JudgedAnalysis, field: &str, metric: &Metric) {
    let field = format!("{field}.interval");
    let why = "not a duration, the query would fail; write one such as 1m";
    let Some(window) = durations::read(report, &field, metric.interval.as_deref(), why) else {
        return;
    };
    if window.as_nanos() == 0 {
        return report.invalid(
            field,
            window,
            "a window of no length holds no values; write one such as 1m",
        );
    }
    let widest = judged.analysis.interval().saturating_mul(WIDEST_WINDOW);
    if judged.analysis.interval.is_some() && window.to_std() > widest {
        report.warn(
            field,
            format!("{window} is also how long missing values are waited for; at most 5 intervals"),
        );
    }
}
