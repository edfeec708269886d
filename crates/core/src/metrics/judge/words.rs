//! Flagger's words for what is not well, and its way to write numbers.

use super::{Source, Subject, bounds};
use crate::api::GoDuration;
use crate::api::canary::Metric;
use crate::messages::{self, Side};
use crate::metrics::builtin::Builtin;
use crate::metrics::number::{shortest, two_decimals};
use crate::metrics::registry::SERVER;
use crate::metrics::store::QueryError;

pub(super) fn halt(s: &Subject<'_>, metric: &Metric, source: Source, value: f64, side: Side, bound: f64) -> String {
    let (canary, namespace) = (s.canary, s.namespace);
    match source {
        Source::Builtin(Builtin::SuccessRate) => {
            messages::success_rate(canary, namespace, &two_decimals(value), side, &shortest(bound))
        }
        Source::Builtin(Builtin::Duration) => {
            let (value, bound) = (milliseconds(value).to_string(), milliseconds(bound).to_string());
            messages::request_duration(canary, namespace, &value, side, &bound)
        }
        Source::Inline | Source::Template => {
            let (value, bound) = (two_decimals(value), shortest(bound));
            messages::custom_metric(canary, namespace, &metric.name, &value, side, &bound)
        }
    }
}

pub(super) fn no_values(s: &Subject<'_>, metric: &Metric, source: Source) -> String {
    let error = QueryError::NoValues.to_string();
    match source {
        Source::Builtin(builtin) => {
            let error = format!("running query failed: {error}");
            let shown = (builtin == Builtin::SuccessRate).then_some(error.as_str());
            messages::no_values_builtin(s.provider, &metric.name, s.target, s.namespace, shown)
        }
        Source::Inline => messages::no_values_inline(&metric.name),
        Source::Template => messages::no_values_template(&metric.name, &error),
    }
}

pub(super) fn failed_query(metric: &Metric, source: Source, error: &QueryError) -> String {
    match source {
        Source::Builtin(_) => messages::query_failed_builtin(SERVER.title(), &format!("running query failed: {error}")),
        Source::Inline => messages::query_failed_inline(SERVER.title(), &metric.name, &error.to_string()),
        Source::Template => messages::query_failed_template(&metric.name, &error.to_string()),
    }
}

/// Whole milliseconds, saturating; a store can answer infinity.
pub(super) fn milliseconds(value: f64) -> GoDuration {
    const NANOS: i64 = 1_000_000;
    let whole = value as i64; // truncates and saturates
    GoDuration::from_nanos(whole.saturating_mul(NANOS))
}

pub(super) fn describe(metric: &Metric, source: Source) -> String {
    match bounds(metric, source) {
        (Some(min), Some(max)) => format!("[{}, {}]", shortest(min), shortest(max)),
        (Some(min), None) => format!(">= {}", shortest(min)),
        (None, Some(max)) => format!("<= {}", shortest(max)),
        (None, None) => String::new(),
    }
}
