//! The webhook's certificates: a CA of our own and one leaf, kept in a Secret that all replicas share.
//!
//! One replica creates the Secret, the others read it; whoever first finds a renewal due writes it, and the
//! resourceVersion lets exactly one win. Every replica watches the Secret, so a new leaf is served within a watch's lag
//! and without a restart. A Secret without our record of validity is somebody else's (cert-manager's): it is served as
//! it is and never written.

mod authority;
mod keeper;
mod material;
mod rotation;
mod served;

pub use authority::{AuthorityError, CA_LIFETIME, LEAF_LIFETIME};
pub use keeper::{Keeper, KeeperError};
pub use material::{Material, Origin, Validity};
pub use rotation::{Action, CA_SETTLE, State, rotate};
pub use served::{Served, TlsError};

/// Seconds since 1970, from the wall clock: a monotonic clock sleeps through a suspended machine.
pub fn now() -> i64 {
    let elapsed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
