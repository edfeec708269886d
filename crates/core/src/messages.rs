//! The texts of checks and gates, verbatim Flagger's: people search for them. Those of the release itself are
//! [`crate::analysis::ReleaseEvent`]'s.
//!
//! `canary` is the name of the Canary and `target` that of its target; some texts name one, some the other, as in
//! Flagger.

mod checks;
mod gates;
mod severity;

pub use checks::*;
pub use gates::*;
pub use severity::Severity;

#[cfg(test)]
mod tests;
