//! Reading Prometheus's answer to an instant query.

use crate::foreign::Foreign;
use crate::metrics::store::QueryError;
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    /// Samples of a vector. For a scalar this is `[time, value]`, which is an error in Flagger too.
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    /// `[unix seconds, "value"]`
    value: Option<(f64, String)>,
    /// Present for a range.
    values: Option<serde::de::IgnoredAny>,
}

/// The one value of `body`; NaN is no value. Of several series Flagger takes the last, and says nothing.
pub fn value(body: &[u8]) -> Result<f64, QueryError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|e| unreadable(&e.to_string(), body))?;
    let samples = answer.data.result;
    if samples.iter().any(|sample| sample.values.is_some()) {
        return Err(QueryError::MultipleValues);
    }
    let mut values = samples.into_iter().filter_map(|sample| sample.value);
    let Some((_, text)) = values.next() else {
        return Err(QueryError::NoValues);
    };
    let more = values.count();
    if more > 0 {
        return Err(QueryError::SeveralSeries(more + 1));
    }
    let value: f64 = text
        .parse()
        .map_err(|_| unreadable(&format!("{text:?} is not a number"), body))?;
    if value.is_nan() {
        Err(QueryError::NoValues)
    } else {
        Ok(value)
    }
}

/// Enough of the body to recognise it: an HTML login page in an event helps nobody.
fn unreadable(reason: &str, body: &[u8]) -> QueryError {
    let (reason, body) = (Foreign::of(reason), Foreign::of_bytes(body));
    QueryError::Other(format!("error unmarshaling result: {reason}, '{body}'"))
}
