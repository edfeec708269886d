//! What to do about a lease: a pure function.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Most that two clocks of a cluster differ. Only spares waiting: a lease whose renewal time is this much
/// longer ago than it lasts has run out, even if we see it for the first time.
pub const MAX_SKEW: Duration = Duration::from_secs(5);

/// A lease as somebody read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseState {
    /// Identity of the holder; empty when it was released.
    pub holder: String,
    /// How long it holds after a renewal.
    pub duration: Duration,
    /// The last renewal by the holder's clock; `None` when it was never held.
    pub renewed: Option<Timestamp>,
    /// When the reader first saw this renewal, by the reader's clock.
    pub seen: Timestamp,
    /// How often the holder changed.
    pub transitions: i32,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// There is no lease: create it, held by us.
    Create,
    /// Nobody holds it (any more): write us in, with this many transitions.
    Acquire {
        /// The new `leaseTransitions`.
        transitions: i32,
    },
    /// It is ours: renew it.
    Renew,
    /// Somebody else's. It cannot be ours before this instant, by our clock, unless it is released.
    Wait {
        /// When it runs out, if nobody renews it.
        until: Timestamp,
    },
}

/// What `me` should do about `lease` at `now`, by the clock of `me`.
///
/// `predecessor` is the host part of our identity when nobody else can have it: a container that was
/// restarted in its pod need not wait for the death of itself.
pub fn decide(lease: Option<&LeaseState>, me: &str, predecessor: Option<&str>, now: Timestamp) -> Action {
    let Some(lease) = lease else {
        return Action::Create;
    };
    if lease.holder == me {
        return Action::Renew;
    }
    let until = runs_out(lease);
    let ours = predecessor.is_some_and(|host| host_of(&lease.holder) == Some(host));
    if lease.holder.is_empty() || ours || until <= now {
        return Action::Acquire {
            transitions: lease.transitions.saturating_add(1),
        };
    }
    Action::Wait { until }
}

/// When `lease` runs out by the reader's clock. Two instants are safe; the earlier one counts.
fn runs_out(lease: &LeaseState) -> Timestamp {
    let observed = later(lease.seen, lease.duration);
    match lease.renewed {
        Some(renewed) => observed.min(later(renewed, lease.duration + MAX_SKEW)),
        None => Timestamp::MIN,
    }
}

fn host_of(identity: &str) -> Option<&str> {
    identity.rsplit_once('_').map(|(host, _)| host)
}

fn later(instant: Timestamp, duration: Duration) -> Timestamp {
    let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    instant.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
