//! What validation answers.

use std::fmt;

/// Most causes in one answer.
pub const MAX_CAUSES: usize = 20;
/// Most warnings in one answer.
pub const MAX_WARNINGS: usize = 10;
/// Longest warning, in characters; kubectl and the API server cut or drop longer ones.
pub const MAX_WARNING_CHARS: usize = 120;

/// Kind of a mistake, in the API server's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CauseReason {
    /// The value is wrong.
    Invalid,
    /// A value is missing.
    Required,
    /// The value is none of those supported.
    NotSupported,
    /// The value may not be set here, or not by this user.
    Forbidden,
    /// The value is taken.
    Duplicate,
    /// The value is too long.
    TooLong,
    /// The value has too many entries.
    TooMany,
}

impl CauseReason {
    /// As in `StatusCause.reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::Required => "FieldValueRequired",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::Duplicate => "FieldValueDuplicate",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
        }
    }
}

impl fmt::Display for CauseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One mistake; the parts of a `StatusCause`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cause {
    /// What kind of mistake it is.
    pub reason: CauseReason,
    /// JSON path, such as `spec.analysis.stepWeights[2]`.
    pub field: String,
    /// apimachinery's value shape, then why it hurts and how to fix it.
    pub message: String,
}

/// The answer: refused when there are causes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// At most [`MAX_CAUSES`].
    pub causes: Vec<Cause>,
    /// At most [`MAX_WARNINGS`], each `field: text` of at most [`MAX_WARNING_CHARS`] without control characters.
    pub warnings: Vec<String>,
}

impl Findings {
    /// Whether the object may be stored.
    pub fn allowed(&self) -> bool {
        self.causes.is_empty()
    }
}
