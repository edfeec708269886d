//! Leader election by a Lease, of Flagger's name and form (`flagger-leader-election`, identity `HOST_UUID`). It keeps out a
//! Flagger that elects its leader in the same namespace, and no other: by default Flagger holds no lease at all, so whoever
//! switches stops it first.
//!
//! [`decide`] is pure; [`Elector`] reads, decides and writes in a loop. A write names the
//! `resourceVersion` that was read, so of several candidates one succeeds. Safety does not rest on the
//! clocks being equal: an observer waits a whole lease after the last renewal *it saw*, and a holder that
//! could not renew stops believing in itself before anybody else may. A process that was stopped meanwhile comes to itself
//! in the middle of anything, so whoever leads writes by a client that looks at the clock before each write ([`fenced`]).
//!
//! The admission webhook takes a lease that was renewed more than 15 s ago for a dead controller. With the
//! default timing a live holder's renewal is at most 5 s old, and at most 10 s old when it must be retried.

mod decide;
mod elector;
mod fence;

pub use decide::{Action, LeaseState, MAX_SKEW, decide};
pub use elector::{ElectionSettings, Elector};
pub use fence::{Belief, fenced};

use std::time::Duration;
use uuid::Uuid;

/// The name of Flagger's lease.
pub const NAME: &str = "flagger-leader-election";

/// How long things take. `renew` + `retry` + one request must stay below [`Timing::belief`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a lease holds after its last renewal. Flagger: 60 s.
    pub lease: Duration,
    /// Time between renewals. Flagger: 15 s.
    pub renew: Duration,
    /// Time between attempts after a failure, and of those who wait. Flagger: 5 s.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            renew: Duration::from_secs(5),
            retry: Duration::from_secs(2),
        }
    }
}

impl Timing {
    /// How long a holder believes in itself after the last renewal it *began*: two thirds of the lease,
    /// so that it has stopped when the lease runs out.
    pub fn belief(&self) -> Duration {
        self.lease * 2 / 3
    }
}

/// Who we are: `HOST_UUID`, as Flagger writes it. The host is the pod's name.
pub fn identity(host: &str) -> String {
    format!("{host}_{}", Uuid::new_v4())
}
