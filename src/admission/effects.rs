//! What follows from a verdict, the only part of the webhook that calls the API server while a request waits: whether the sender
//! may, the inert objects, the conditions of the Canary. It comes after [`validate`](super::validate), or after
//! [`mutate`](super::mutate) where the sender's rights decide, and never changes a verdict otherwise.

pub mod announce;
pub mod generate;
