//! What the mutating entries make of a request: pure functions of the request and of [`facts`](super::facts) to a patch. The
//! stored object is then looked at by the validating entries ([`validate`](super::validate)).

pub mod canaries;
pub mod daemonsets;
pub mod deployments;
pub mod fields;
mod mutation;
pub(super) mod released;
pub mod routes;
pub mod scale;
pub mod services;

pub use mutation::Mutation;
