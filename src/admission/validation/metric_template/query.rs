//! Rows M11 and M12: the query.

use crate::admission::validation::queries;
use crate::admission::validation::report::Report;
use crate::admission::validation::templates::{self, QUERY};
use crate::api::canary::MINIMUM_INTERVAL;
use crate::api::metric_template::MetricProvider;

const FIELD: &str = "spec.query";

pub(super) fn check(report: &mut Report, provider: &MetricProvider, query: &str) {
    if query.trim().is_empty() {
        // A web answer may be addressed by its URL alone.
        if provider.kind != "web" {
            report.required(FIELD, "what to ask the provider; without it there is no value");
        }
        return;
    }
    if let Err(problem) = templates::inspect(query, &QUERY) {
        return report.invalid(FIELD, query, problem);
    }
    if provider.kind == "prometheus" {
        // Whoever uses it may check as often as every second.
        for problem in queries::problems(query, MINIMUM_INTERVAL) {
            report.warn(FIELD, problem);
        }
    }
    let plain = templates::without_actions(query);
    match provider.kind.as_str() {
        "cloudwatch" if !is_list(&plain) => {
            report.invalid(
                FIELD,
                query,
                "must be the JSON array of MetricDataQueries that GetMetricData takes",
            );
        }
        "externalmetrics" if !is_external(&plain) => {
            let why = "must be <namespace>/<metric>[?labelSelector=...], with at most one slash";
            report.invalid(FIELD, query, why);
        }
        _ => {}
    }
}

fn is_list(text: &str) -> bool {
    serde_json::from_str::<Vec<serde_json::Value>>(text).is_ok()
}

fn is_external(text: &str) -> bool {
    let (path, selector) = text
        .trim()
        .split_once('?')
        .map_or((text.trim(), None), |(path, s)| (path, Some(s)));
    let parts: Vec<&str> = path.split('/').collect();
    let named = parts.len() <= 2 && parts.iter().all(|part| !part.is_empty());
    named && selector.is_none_or(|selector| selector.starts_with("labelSelector="))
}
