//! How a review ended, for whoever counts and logs: the server sees it, and the metrics are below the server.

use super::Response;
use http::StatusCode;
use std::time::Duration;

/// The end of one request, for metrics and the log.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Status of the HTTP answer.
    pub status: StatusCode,
    /// The answer, when there is one.
    pub response: Option<&'a Response>,
    /// A panic was caught.
    pub panicked: bool,
    /// From the first byte of the body to the answer.
    pub elapsed: Duration,
}
