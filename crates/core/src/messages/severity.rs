//! How grave what is said is.

/// How grave a message is: Kubernetes knows Normal and Warning, the log also knows error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing to see.
    Normal,
    /// The release halts.
    Warning,
    /// Somebody has to repair something.
    Error,
}
