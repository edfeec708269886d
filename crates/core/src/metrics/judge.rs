//! The verdict on one answer, with the words Flagger has for it.

use super::builtin::Builtin;
use super::measurement::{Measurement, Verdict};
use super::source::Source;
use super::store::{QueryError, Sample};
use crate::api::canary::Metric;
use crate::messages::Side;
use words::{describe, failed_query, halt, milliseconds, no_values};

mod words;

/// Whom the messages name.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Name of the Canary.
    pub canary: &'a str,
    /// Namespace of the Canary.
    pub namespace: &'a str,
    /// Name of its target.
    pub target: &'a str,
    /// The metrics provider as `builtin::metrics_provider` gives it.
    pub provider: &'a str,
}

/// The measurement that comes of a query's `answer`.
pub fn judge(
    subject: &Subject<'_>,
    metric: &Metric,
    source: Source,
    answer: Result<Sample, QueryError>,
) -> Measurement {
    let (value, verdict) = match answer.and_then(|sample| number(source, sample)) {
        Ok(value) => (Some(value), compare(subject, metric, source, value)),
        Err(QueryError::NoValues) => (None, Verdict::NoData(no_values(subject, metric, source))),
        Err(error) => (None, Verdict::Error(failed_query(metric, source, &error))),
    };
    let is_duration = matches!(source, Source::Builtin(Builtin::Duration));
    Measurement {
        metric: metric.name.clone(),
        value: value.map(|value| if is_duration { value.trunc() } else { value }),
        gauge: value.map(|value| {
            if is_duration {
                milliseconds(value).as_secs_f64()
            } else {
                value
            }
        }),
        threshold: describe(metric, source),
        verdict,
    }
}

/// The number that is compared.
fn number(source: Source, sample: Sample) -> Result<f64, QueryError> {
    match (source, sample) {
        // A percentage is below any bound in milliseconds: whoever answers so must not pass for it.
        (Source::Builtin(Builtin::Duration), Sample::Counts { .. }) => {
            Err(QueryError::Other("counts where a duration is wanted".to_owned()))
        }
        (_, sample) => sample.value(),
    }
}

/// A measurement that failed before anything was asked; `message` is the event's text.
pub fn unasked(metric: &Metric, source: Source, message: String) -> Measurement {
    Measurement {
        metric: metric.name.clone(),
        value: None,
        gauge: None,
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

#[cfg(test)]
mod tests;
