//! One field's fault, in the API server's own words.

use serde::{Deserialize, Serialize};

/// Why a field is refused; the values of `metav1.CauseType` that admission uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CauseReason {
    /// The value makes no sense.
    FieldValueInvalid,
    /// A value is missing.
    FieldValueRequired,
    /// Not one of the supported values.
    FieldValueNotSupported,
    /// Not allowed here or now.
    FieldValueForbidden,
    /// Taken already.
    FieldValueDuplicate,
    /// Over a limit of length.
    FieldValueTooLong,
}

/// A `metav1.StatusCause`: kubectl prints one line `* field: message` for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The kind of fault.
    pub reason: CauseReason,
    /// JSON path such as `spec.analysis.stepWeights[2]`.
    pub field: String,
    /// What is wrong, why it hurts, how to fix it.
    pub message: String,
}

impl Cause {
    /// A fault of `reason` in `field`.
    pub fn new(reason: CauseReason, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason,
            field: field.into(),
            message: message.into(),
        }
    }
}
