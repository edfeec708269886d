//! The verdict on one value, with the words Flagger has for it.

use super::builtin::Builtin;
use super::number::{shortest, two_decimals};
use super::provider::QueryError;
use crate::api::GoDuration;
use crate::api::canary::Metric;
use crate::telemetry::messages::{self, Side};
use std::time::Duration;

/// What was found out about a metric in one check. Only `Pass` passes; what the others mean for the
/// release is for the analysis to decide. Texts are those of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Within bounds.
    Pass,
    /// Out of bounds.
    Fail(String),
    /// The store was asked and has no values.
    NoData(String),
    /// The store was asked, and has no values yet: the run's traffic is younger than the metric's interval.
    Early(String),
    /// The question could not be asked or was not answered.
    Error(String),
    /// The store is of a type that cannot be asked by this version: no answer will ever come.
    Unsupported(String),
}

/// How grave a message is: Kubernetes knows Normal and Warning, the log also knows error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing to see.
    Normal,
    /// The release halts.
    Warning,
    /// Somebody has to repair something.
    Error,
}

/// One metric in one check.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Name of the metric in the Canary.
    pub metric: String,
    /// The value: percent for the success rate, seconds for the request duration (what Flagger's gauge
    /// holds), else what the store said. `None` without data or answer.
    pub value: Option<f64>,
    /// What the value had to be, such as `>= 99` or `[10, 500]`; in the metric's own unit, so
    /// milliseconds for the request duration.
    pub threshold: String,
    /// What came of it.
    pub verdict: Verdict,
}

impl Measurement {
    /// Whether it ends the check. What comes too early does not: another metric may know already that the canary is bad.
    pub fn failed(&self) -> bool {
        !matches!(self.verdict, Verdict::Pass | Verdict::Early(_))
    }

    /// The same measurement; without data, one of traffic that has flowed for no more than `young`.
    pub fn of_young(mut self, young: Option<Duration>, interval: &str) -> Self {
        if let (Verdict::NoData(_), Some(young)) = (&self.verdict, young) {
            self.verdict = Verdict::Early(messages::no_values_yet(&self.metric, young.as_secs(), interval));
        }
        self
    }

    /// The event's text, unless it passed.
    pub fn message(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Pass => None,
            Verdict::Fail(text)
            | Verdict::NoData(text)
            | Verdict::Early(text)
            | Verdict::Error(text)
            | Verdict::Unsupported(text) => Some(text),
        }
    }

    /// The event's severity.
    pub fn severity(&self) -> Severity {
        match self.verdict {
            Verdict::Pass | Verdict::Early(_) => Severity::Normal,
            Verdict::Fail(_) | Verdict::NoData(_) => Severity::Warning,
            Verdict::Error(_) | Verdict::Unsupported(_) => Severity::Error,
        }
    }
}

/// Where a value came from, which decides bounds and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A built-in query.
    Builtin(Builtin),
    /// The metric's own `query`.
    Inline,
    /// A MetricTemplate.
    Template,
}

/// Whom the messages name.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Name of the Canary.
    pub canary: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Name of its target.
    pub target: &'a str,
    /// The metrics provider as `builtin::metrics_provider` gives it.
    pub provider: &'a str,
}

/// The measurement that comes of a query's `answer`.
pub fn judge(subject: &Subject<'_>, metric: &Metric, source: Source, answer: Result<f64, QueryError>) -> Measurement {
    let (value, verdict) = match answer {
        Ok(value) => (Some(value), compare(subject, metric, source, value)),
        Err(QueryError::NoValues) => (None, Verdict::NoData(no_values(subject, metric, source))),
        Err(error) => (None, Verdict::Error(failed_query(metric, source, &error))),
    };
    let value = value.map(|value| match source {
        Source::Builtin(Builtin::Duration) => milliseconds(value).as_secs_f64(),
        _ => value,
    });
    Measurement {
        metric: metric.name.clone(),
        value,
        threshold: describe(metric, source),
        verdict,
    }
}

/// A measurement that failed before anything was asked; `message` is the event's text.
pub fn unasked(metric: &Metric, source: Source, message: String) -> Measurement {
    Measurement {
        metric: metric.name.clone(),
        value: None,
        threshold: describe(metric, source),
        verdict: Verdict::Error(message),
    }
}

/// A measurement that this version cannot make; `message` is the event's text.
pub fn unsupported(metric: &Metric, source: Source, message: String) -> Measurement {
    let verdict = Verdict::Unsupported(message.clone());
    Measurement {
        verdict,
        ..unasked(metric, source, message)
    }
}

/// The bounds of `metric`: the range where there is one, else the deprecated threshold, which is 0 when
/// it is left out.
fn bounds(metric: &Metric, source: Source) -> (Option<f64>, Option<f64>) {
    if let Some(range) = metric.threshold_range {
        return (range.min.map(|n| n.value()), range.max.map(|n| n.value()));
    }
    let threshold = metric.threshold.map_or(0.0, |n| n.value());
    match source {
        Source::Builtin(Builtin::SuccessRate) => (Some(threshold), None),
        _ => (None, Some(threshold)),
    }
}

fn compare(subject: &Subject<'_>, metric: &Metric, source: Source, value: f64) -> Verdict {
    let (min, max) = bounds(metric, source);
    // Flagger compares durations in whole milliseconds, bounds as well as values.
    let whole = |number: f64| match source {
        Source::Builtin(Builtin::Duration) => number.trunc(),
        _ => number,
    };
    // NaN never gets here, but if it did it must not pass: hence `!(value >= min)`.
    let beyond = match (min, max) {
        (Some(min), _) if !matches_order(whole(min), whole(value)) => Some((Side::Below, min)),
        (_, Some(max)) if !matches_order(whole(value), whole(max)) => Some((Side::Above, max)),
        _ => None,
    };
    match beyond {
        None => Verdict::Pass,
        Some((side, bound)) => Verdict::Fail(halt(subject, metric, source, value, side, bound)),
    }
}

/// Whether `low <= high`, which no NaN is part of.
fn matches_order(low: f64, high: f64) -> bool {
    low <= high
}

fn halt(s: &Subject<'_>, metric: &Metric, source: Source, value: f64, side: Side, bound: f64) -> String {
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

fn no_values(s: &Subject<'_>, metric: &Metric, source: Source) -> String {
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

fn failed_query(metric: &Metric, source: Source, error: &QueryError) -> String {
    match source {
        Source::Builtin(_) => messages::query_failed_builtin(&format!("running query failed: {error}")),
        Source::Inline => messages::query_failed_inline(&metric.name, &error.to_string()),
        Source::Template => messages::query_failed_template(&metric.name, &error.to_string()),
    }
}

/// Whole milliseconds, saturating; a store can answer infinity.
fn milliseconds(value: f64) -> GoDuration {
    const NANOS: i64 = 1_000_000;
    let whole = value as i64; // truncates and saturates
    GoDuration::from_nanos(whole.saturating_mul(NANOS))
}

fn describe(metric: &Metric, source: Source) -> String {
    match bounds(metric, source) {
        (Some(min), Some(max)) => format!("[{}, {}]", shortest(min), shortest(max)),
        (Some(min), None) => format!(">= {}", shortest(min)),
        (None, Some(max)) => format!("<= {}", shortest(max)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests;
