//! The controller: what happens after a change is stored.
//!
//! In the order in which a change goes through it: [`watch`] fills the caches; every change asks for a step of the Canaries
//! it concerns, which [`queue`] begins; a [`step`] looks ([`observe`]), decides ([`crate::analysis`]), finds the [`difference`]
//! between what is and what the decision wants, records both in the Canary's [`status`], and has its [`effects`]: the
//! difference is written (`apply`), what it needs to hear is asked of others (`ask`), and what happened is told (`notify`).
//! [`replay`] does such steps without a cluster.
//! Beside all that [`lifecycle`] is how Canaries come and go, and [`lease`] which of several controllers works. [`run`] wires
//! them; [`context`] is what they share, and the memory of each Canary. Nothing polls: at rest no step runs, and no request is made.

mod context;
mod difference;
mod effects;
pub mod lease;
mod lifecycle;
mod observe;
mod queue;
pub mod replay;
mod run;
mod status;
mod step;
mod watch;

pub use context::AlertSettings;
pub use run::{ControllerSettings, run};
