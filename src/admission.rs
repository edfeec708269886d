//! The door: what happens to a change before it is stored.
//!
//! One HTTPS server with seven entries ([`server::Entry`]). Verdicts are pure functions of the request and of caches;
//! what follows from them (the inert objects) has a budget of its own and never changes a verdict.

pub mod announce;
mod authorize;
pub mod canaries;
pub mod certificates;
pub mod configurations;
pub mod context;
pub mod daemonsets;
pub mod deployments;
pub mod door;
pub mod fields;
pub mod generate;
pub mod kinds;
pub mod metrics;
mod opt_in;
pub mod paths;
mod primaries;
mod released;
pub mod review;
pub mod routes;
mod run;
pub mod scale;
mod secret;
pub mod server;
pub mod services;
pub mod validation;
mod watching;

pub use metrics::Metrics;
pub use run::{Args, Error, Readiness, ResolvedArgs, run};

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
