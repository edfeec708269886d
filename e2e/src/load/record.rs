//! What is known of one request.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it was sent.
    pub sent: Instant,
    /// How long it took to be answered or given up.
    pub took: Duration,
    /// What came back.
    pub outcome: Outcome,
    /// Which of the load's users asked; `None` when it plays none.
    pub user: Option<u32>,
    /// The `Set-Cookie` lines of the answer, as they came.
    pub set_cookies: Vec<Arc<str>>,
}

/// What came back for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The application answered, well or badly: its mark is on the answer.
    Answered {
        /// The HTTP status; of a call of gRPC 200 where it went well, and 500 where it did not.
        status: u16,
        /// First word of the answer, or the mark on it.
        version: Arc<str>,
    },
    /// Nothing came back, or something that the application did not say: the gateway's own 404, 502, 503.
    Lost {
        /// The transport error or the foreign status.
        why: Arc<str>,
    },
}

impl Record {
    /// The version that answered, if one did.
    pub fn version(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Answered { version, .. } => Some(version),
            Outcome::Lost { .. } => None,
        }
    }

    /// Whether nobody answered for the application.
    pub fn is_lost(&self) -> bool {
        matches!(self.outcome, Outcome::Lost { .. })
    }

    /// Whether the application itself answered with a server error.
    pub fn is_error(&self) -> bool {
        matches!(self.outcome, Outcome::Answered { status, .. } if status >= 500)
    }
}
