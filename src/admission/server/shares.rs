//! Something of which there is so much for everybody, and so much at most for any one address.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Addresses that are remembered before those that hold nothing are forgotten.
const REMEMBERED: usize = 1024;

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// For everybody together.
    pub all: u32,
    /// For one address at most, so that one never leaves nothing for the others.
    pub each: u32,
}

/// Turns, or bytes, that are shared.
#[derive(Debug)]
pub(in crate::admission) struct Shares {
    amount: Amount,
    all: Arc<Semaphore>,
    peers: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

/// What one address holds until this is dropped.
#[derive(Debug)]
pub(in crate::admission) struct Share {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Shares {
    /// All of it is free.
    pub fn new(amount: Amount) -> Self {
        let amount = Amount {
            all: amount.all.max(1),
            each: amount.each.clamp(1, amount.all.max(1)),
        };
        Self {
            all: Arc::new(Semaphore::new(widened(amount.all))),
            peers: Mutex::default(),
            amount,
        }
    }

    /// Takes `wanted` for `peer`, or as much as one address may hold if that is less. Those who wait for their own share
    /// are in nobody else's way.
    pub async fn take(&self, peer: IpAddr, wanted: u32) -> Option<Share> {
        let wanted = wanted.min(self.amount.each);
        let own = self.own(peer).acquire_many_owned(wanted).await.ok()?;
        let of_all = Arc::clone(&self.all).acquire_many_owned(wanted).await.ok()?;
        Some(Share {
            _own: own,
            _of_all: of_all,
        })
    }

    /// One for `peer`, at once or not at all.
    pub fn take_now(&self, peer: IpAddr) -> Option<Share> {
        let own = self.own(peer).try_acquire_owned().ok()?;
        let of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Share {
            _own: own,
            _of_all: of_all,
        })
    }

    /// Takes as much as [`take`](Self::take) does; nothing when that takes longer than `limit`.
    pub async fn take_within(&self, limit: Duration, peer: IpAddr, wanted: u32) -> Option<Share> {
        tokio::time::timeout(limit, self.take(peer, wanted))
            .await
            .ok()
            .flatten()
    }

    /// How much is free.
    #[cfg(test)]
    pub fn free(&self) -> usize {
        self.all.available_permits()
    }

    fn own(&self, peer: IpAddr) -> Arc<Semaphore> {
        let mut peers = self.peers.lock();
        if let Some(own) = peers.get(&peer).and_then(Weak::upgrade) {
            return own;
        }
        if peers.len() >= REMEMBERED {
            peers.retain(|_, own| own.strong_count() > 0);
        }
        let own = Arc::new(Semaphore::new(widened(self.amount.each)));
        peers.insert(peer, Arc::downgrade(&own));
        own
    }
}

fn widened(amount: u32) -> usize {
    usize::try_from(amount)
        .unwrap_or(usize::MAX)
        .min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_leaves_the_rest_to_others() {
        let shares = Shares::new(Amount { all: 10, each: 6 });
        let soon = Duration::from_millis(20);
        let greedy = shares.take(peer(1), 100).await.unwrap();
        assert_eq!(shares.free(), 4);
        assert!(shares.take_within(soon, peer(1), 1).await.is_none());
        let other = shares.take_within(soon, peer(2), 4).await.unwrap();
        assert!(shares.take_within(soon, peer(3), 1).await.is_none());
        drop(greedy);
        assert!(shares.take_within(soon, peer(1), 6).await.is_some());
        drop(other);
        assert_eq!(shares.free(), 10);
        let now: Vec<_> = (0..8).filter_map(|_| shares.take_now(peer(1))).collect();
        assert_eq!((now.len(), shares.free()), (6, 4));
        assert!(shares.take_now(peer(2)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_hold_nothing_are_forgotten() {
        let shares = Shares::new(Amount { all: 10, each: 6 });
        let kept = shares.take(peer(1), 6).await.unwrap();
        for number in 0..5000_u32 {
            drop(shares.take(IpAddr::from(number.to_be_bytes()), 1).await);
        }
        assert!(shares.peers.lock().len() <= REMEMBERED);
        assert!(
            shares
                .take_within(Duration::from_millis(20), peer(1), 1)
                .await
                .is_none()
        );
        drop(kept);
    }
}
