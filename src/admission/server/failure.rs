//! Requests that come to no verdict.

use http::StatusCode;

/// Why a request got no review answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub status: StatusCode,
    pub text: String,
    pub panicked: bool,
}

impl Failure {
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            panicked: false,
        }
    }
}

/// A fault of ours.
pub(super) fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
