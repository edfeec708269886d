//! Asking the metrics stores. What is asked, how an answer is read and what it is worth is pure and stands in
//! [`coalmine_core::metrics`].
//!
//! A check ([`mod@check`]) takes each metric of a Canary to its store, and the [`sender`] asks.

pub mod check;
pub mod sender;

pub use check::{CheckContext, Resolver, check};
