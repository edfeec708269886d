//! What has to be there before the first request: certificates, the secret paths, the webhook configurations. It is kept so
//! for as long as the webhook is open; [`server`](super::server) then takes the requests.

pub mod certificates;
pub mod configurations;
pub mod paths;
pub(super) mod secret;
pub(super) mod watching;
