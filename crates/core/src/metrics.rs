//! What a Canary measures: the stores that answer queries, the built-in metrics, and the verdict on each value.
//!
//! The [`registry`] knows the stores. A [`store`] says which request asks it and reads the answer; who sends the one and gets
//! the other is the program. [`judge`] compares. Nothing here decides what a verdict means for a release; that is the
//! [`analysis`](crate::analysis). The rules and the words are Flagger's, so that its users' queries, thresholds and log
//! searches go on working.

pub mod builtin;
pub mod judge;
pub mod measurement;
mod number;
pub mod prometheus;
pub mod registry;
pub mod scope;
pub mod store;

pub use measurement::{Measurement, Verdict};
pub use scope::Scope;
pub use store::{QueryError, Store};
