//! Only the API server is heard: each entry has a path that nobody else knows, `/ENTRY/TOKEN`.
//!
//! The API server is told of it in the webhook configurations, which cluster admins alone may read. The tokens are kept
//! in a Secret of their own that all replicas share and follow (the Secret with the certificates may be somebody else's,
//! such as cert-manager's, and is never written then). There are three generations of them: configurations carry the
//! current one, and the next and the previous one are accepted too. So every replica knows a path long before an API
//! server is told of it, and knows it for as long as an API server may lag.

mod installed;
mod keeper;
mod known;
mod ring;
mod token;

pub use keeper::{Keeper, KeeperError, KeeperSettings};
pub use known::KnownPaths;
pub use ring::{AGE, PREVIOUS_LIFE, Ring};
pub use token::{NoRandomness, Paths, Token};

#[cfg(test)]
mod tests;
