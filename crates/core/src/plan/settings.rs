//! What a Canary says together with its policy, resolved: what of it is in effect, and what its pair is made of. The settings of
//! its runs are made of the same beside the state machine, see [`crate::analysis::RunSettings`].

pub mod alien_hosts;
pub mod effective;
pub mod exposure;
pub(super) mod hostname;
pub mod rails;
pub mod requests;
pub(super) mod resolve;
