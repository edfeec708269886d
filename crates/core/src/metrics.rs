//! What a Canary measures: the stores that answer queries, the built-in metrics, and the verdict on each value.
//!
//! A [`source`] is where the value of a metric comes from, and [`under_test`] what a query can name. The [`registry`] knows
//! the stores, each by what it says of its type ([`built`], [`requirements`]). A [`store`] says which request asks it and
//! reads the answer; who sends the one and gets the other is the program. [`judge`] compares. Nothing here decides what a
//! verdict means for a release; that is the [`analysis`](crate::analysis). The rules and the words are Flagger's, so that its
//! users' queries, thresholds and log searches go on working.

pub mod built;
pub mod builtin;
pub mod judge;
pub mod measurement;
mod number;
pub mod prometheus;
pub mod registry;
pub mod requirements;
pub mod scope;
pub mod source;
pub mod store;
pub mod under_test;

pub use measurement::{Measurement, Verdict};
pub use scope::Scope;
pub use source::Source;
pub use store::{QueryError, Store};
pub use under_test::UnderTest;
