//! What the validating entries answer: refusals and warnings, after every mutation ([`mutate`](super::mutate)). The rules of
//! our own kinds are pure and lie in [`coalmine_core::validation`]; what is to follow a verdict is in
//! [`effects`](super::effects).

pub mod kinds;
pub(super) mod opt_in;
pub(super) mod primaries;
