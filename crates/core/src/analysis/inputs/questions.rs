//! A question to hooks, and what comes of it: values, which are seen and recorded before and after the gates that ask.

use crate::api::canary::HookType;
use jiff::Timestamp;

/// One question to the hooks of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Type of the hooks that are asked.
    pub kind: HookType,
    /// What it is about: the instant the gate was reached, or the check after which it is asked again.
    pub at: Timestamp,
    /// The edition of the Canary it was asked for; empty where a change of the Canary changes nothing.
    pub edition: String,
}

/// An answer, to be given to the step that asked; to any other it is stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The question that is answered.
    pub question: Question,
    /// When it came.
    pub at: Timestamp,
    /// The hooks that agreed, in their order.
    pub agreed: Vec<String>,
    /// The hook that did not, and its text.
    pub refused: Option<Refusal>,
}

/// A hook that did not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Name of the hook.
    pub hook: String,
    /// What it said.
    pub error: String,
    /// `muteAlert`: nobody is to be alarmed.
    pub muted: bool,
}

/// A gate the Canary stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Whose answer is awaited.
    pub kind: HookType,
    /// When the Canary came to the gate.
    pub since: Timestamp,
    /// The question's instant; `None` when it is to be asked again after the next passed check.
    pub at: Option<Timestamp>,
    /// The hook that keeps it closed, once it was heard.
    pub hook: Option<String>,
}
