//! What a Canary says together with its policy, resolved: what of it is in effect, what its pair is made of and by which
//! rules its runs go.

pub mod effective;
pub mod requests;
pub(super) mod resolve;
pub(super) mod strategy;
