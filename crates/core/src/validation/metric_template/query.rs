//! The query of a MetricTemplate.

use crate::api::canary::MINIMUM_INTERVAL;
use crate::metrics::requirements::StoreRequirements;
use crate::validation::report::Report;
use crate::validation::values::templates::{self, QUERY};

const FIELD: &str = "spec.query";

pub(super) fn check(report: &mut Report, store: &StoreRequirements, query: &str) {
    if query.trim().is_empty() {
        if store.query.needed {
            report.required(FIELD, "what to ask the provider; without it there is no value");
        }
        return;
    }
    if let Err(problem) = templates::inspect(query, &QUERY) {
        return report.invalid(FIELD, query, problem);
    }
    // Whoever uses it may check as often as every second.
    for problem in store.problems(query, MINIMUM_INTERVAL) {
        report.warn(FIELD, problem);
    }
    if let Some(why) = (store.query.refused)(&templates::without_actions(query)) {
        report.invalid(FIELD, query, why);
    }
}
