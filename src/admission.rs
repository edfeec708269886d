//! The webhook: what happens to a change before it is stored.
//!
//! One HTTPS server with ten entries ([`Entry`](crate::api::entry::Entry)). Verdicts are pure functions of the request and of caches;
//! what follows from them (a Canary, its Services and route) has a budget of its own and never changes a verdict.
//!
//! In the order in which a request goes through it: [`server`] takes it, [`review`] reads it, the [`webhook`] asks the caches once
//! for the [`facts`], the mutating entries make a patch of both ([`mutate`]) or the validating ones an answer ([`validate`], by
//! the rules of [`coalmine_core::validation`]), [`effects`] do what follows, and [`review`] writes the answer. [`bootstrap`] is
//! what has to be there before.

pub mod bootstrap;
pub mod effects;
pub mod facts;
pub mod metrics;
pub mod mutate;
mod readiness;
pub mod review;
mod run;
pub mod server;
pub mod validate;
pub mod webhook;

pub use metrics::Metrics;
pub use readiness::Readiness;
pub use run::{Args, Error, ResolvedArgs, run};

#[cfg(test)]
mod tests;
