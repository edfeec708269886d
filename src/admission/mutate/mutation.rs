//! What a mutating entry does with a request.

use crate::admission::review::{Decision, Response};
use json_patch::PatchOperation;

/// What the webhook does with a request that it lets through. Whether it lets a Deployment through is decided before, in
/// [`refused`](super::deployments::refused).
#[derive(Debug, Clone, PartialEq)]
pub struct Mutation {
    /// What is stored otherwise than it was sent; of a Deployment, our own fields only.
    pub patch: Vec<PatchOperation>,
    /// Lines for the person who applied.
    pub warnings: Vec<String>,
    /// What was decided.
    pub decision: Decision,
}

impl Mutation {
    /// The answer of a mutating entry.
    pub fn into_response(self) -> Response {
        Response {
            patch: self.patch,
            ..Response::default()
        }
        .with_warnings(self.warnings)
        .with_decision(self.decision)
    }

    pub(super) fn pass(decision: Decision) -> Self {
        Self {
            patch: Vec::new(),
            warnings: Vec::new(),
            decision,
        }
    }
}
