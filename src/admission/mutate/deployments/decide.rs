//! What is wanted of a target, by what is sent and what is known.

mod change;
mod create;
mod second_revision;
mod update;
mod warnings;

pub(super) use create::decide as create;
pub use second_revision::refused;
pub(super) use update::decide as update;
