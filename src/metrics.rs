//! What a Canary measures: the providers that answer queries, the built-in queries, Go templates, and
//! the verdict on each value.
//!
//! Nothing here decides what a verdict means for a release; that is the pure analysis. The rules and the
//! words are Flagger's, so that its users' queries, thresholds and log searches go on working.

pub mod builtin;
pub mod check;
pub mod evaluate;
pub mod number;
pub mod prometheus;
pub mod provider;
pub mod scope;
pub mod template;

pub use check::{Context, Resolver, check};
pub use evaluate::{Measurement, Severity, Verdict};
pub use provider::{Provider, QueryError};
pub use scope::Scope;
pub use template::Variables;
