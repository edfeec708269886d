//! What a Canary measures: the stores that answer queries, the built-in metrics, Go templates, and the verdict on each value.
//!
//! A check ([`mod@check`]) takes each metric to its store: the [`registry`] knows the stores, a [`store`] says how it is asked,
//! the [`sender`] asks, and [`judge`] compares. Nothing here decides what a verdict means for a release; that is the pure
//! analysis. The rules and the words are Flagger's, so that its users' queries, thresholds and log searches go on working.

pub mod builtin;
pub mod check;
pub mod judge;
pub mod measurement;
pub mod number;
pub mod prometheus;
pub mod registry;
pub mod scope;
pub mod sender;
pub mod store;

pub use crate::messages::Severity;
pub use check::{Context, Resolver, check};
pub use coalmine_core::template;
pub use measurement::{Measurement, Verdict};
pub use scope::Scope;
pub use store::{QueryError, Store};
pub use template::Variables;
