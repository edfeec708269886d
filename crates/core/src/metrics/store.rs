//! What a metrics store is: it says how it is asked, and reads what it answers. All a store does can be tried with texts
//! alone; the asking is done by the program, in one place for every store.

use super::scope::Window;
use crate::foreign::Foreign;
use http::StatusCode;
use jiff::Timestamp;

mod request;

pub use request::{Credentials, Endpoint, Request, headers};

/// A question to a store.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The query in the store's own language, as its template rendered it.
    pub text: &'a str,
    /// The part of the past it is about, for stores whose requests name a beginning and an end.
    pub window: &'a Window,
    /// When that part ends.
    pub now: Timestamp,
}

/// What a store knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample {
    /// One number, in the metric's own unit.
    Value(f64),
    /// How many there were, and how many of them were good. How much a ratio says depends on how many it is of, so a store
    /// that can count hands on both.
    Counts {
        /// The good ones.
        good: f64,
        /// How many there were.
        total: f64,
    },
}

impl Sample {
    /// The one number that bounds are compared with; of counts the percentage of the good ones.
    ///
    /// # Errors
    /// Nothing was counted, which is neither good nor bad; or the counts are none.
    pub fn value(self) -> Result<f64, QueryError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Counts { total: 0.0, good: 0.0 } => Err(QueryError::NoValues),
            Self::Counts { good, total } if total.is_finite() && total > 0.0 && (0.0..=total).contains(&good) => {
                Ok(good / total * 100.0)
            }
            Self::Counts { good, total } => Err(QueryError::Other(format!(
                "the counts must satisfy 0 <= good <= total and total > 0, the store gave {good} good of {total}"
            ))),
        }
    }
}

/// Why a query gave no number. The texts are Flagger's where Flagger has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The store answered, and has nothing: no series, or NaN.
    #[error("no values found")]
    NoValues,
    /// The query describes a range where one value is wanted.
    #[error("query returned multiple values")]
    MultipleValues,
    /// The query answers with this many series. Which of them is meant nobody knows, and any choice would be silent.
    #[error("query returned {0} series where one value is wanted; join them, for example with sum()")]
    SeveralSeries(usize),
    /// No answer came: name, connection or time-out.
    #[error("request failed: {0}")]
    Unreachable(String),
    /// An answer came, and it is an error or cannot be read.
    #[error("{0}")]
    Other(String),
}

/// A metrics store, made for one address and with one user's credentials.
pub trait Store: Send + Sync {
    /// Where it is. The sender looks whether it may go there before anything is asked.
    fn endpoint(&self) -> &Endpoint;

    /// The request that puts `query`.
    ///
    /// # Errors
    /// Why the query cannot be put.
    fn request(&self, query: &Query<'_>) -> Result<Request, QueryError>;

    /// Reads an answer of a status below 400. The body is whole, and no longer than the sender reads.
    ///
    /// # Errors
    /// What it has instead of a number.
    fn sample(&self, status: StatusCode, body: &[u8]) -> Result<Sample, QueryError>;

    /// Reads an answer of a status of 400 and above, of which only the beginning is known. Most stores have no other words
    /// than these.
    fn refused(&self, status: StatusCode, says: &Foreign) -> QueryError {
        QueryError::Other(format!("error response: Status {status}: {says}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_a_percentage_and_none_is_no_verdict() {
        let of = |good, total| Sample::Counts { good, total }.value();
        assert_eq!(of(198.0, 200.0), Ok(99.0));
        assert_eq!(of(0.0, 7.0), Ok(0.0));
        assert_eq!(of(0.0, 0.0), Err(QueryError::NoValues));
        for (good, total) in [
            (1.0, 0.0),
            (3.0, 2.0),
            (-1.0, 2.0),
            (f64::NAN, 2.0),
            (1.0, f64::NAN),
            (1.0, f64::INFINITY),
        ] {
            assert!(matches!(of(good, total), Err(QueryError::Other(_))), "{good} {total}");
        }
        assert_eq!(Sample::Value(7.0).value(), Ok(7.0));
    }
}
