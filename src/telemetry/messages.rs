//! Every text of an Event, verbatim Flagger's (flagger.md 10): people search for them.
//!
//! `canary` is the name of the Canary and `target` that of its target; some texts name one, some the
//! other, as in Flagger. Texts of our own stand in [`ours`].

mod checks;
mod gates;
mod ours;
mod release;

pub use checks::*;
pub use gates::*;
pub use ours::*;
pub use release::*;

#[cfg(test)]
mod tests;
