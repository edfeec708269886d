//! The one thing all metrics stores have in common: a query has one number for an answer, or a reason
//! why not.

use futures::future::BoxFuture;

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

/// A metrics store.
pub trait Provider: Send + Sync {
    /// Runs `query`, in the store's own language, and returns its one value.
    fn query<'a>(&'a self, query: &'a str) -> BoxFuture<'a, Result<f64, QueryError>>;

    /// Asks the store whether it is there and lets us in; for the check at bootstrap, which blocks nothing.
    fn online(&self) -> BoxFuture<'_, Result<(), QueryError>>;
}
