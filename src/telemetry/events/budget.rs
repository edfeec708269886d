//! How many new Events an object may have. Pure.

use jiff::{SignedDuration, Timestamp};

/// New Events at once: more than the longest release by steps of 2 % has.
const MOST: u32 = 64;
/// After this time there may be one more.
const ONE_MORE: SignedDuration = SignedDuration::from_mins(1);

/// A bucket of tokens.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    since: Timestamp,
}

impl Budget {
    /// The whole budget.
    pub fn new(now: Timestamp) -> Self {
        Self { left: MOST, since: now }
    }

    /// Takes one; whether there was one.
    pub fn spend(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        let had = self.left > 0;
        self.left = self.left.saturating_sub(1);
        had
    }

    /// What was taken was not needed.
    pub fn give_back(&mut self) {
        self.left = MOST.min(self.left.saturating_add(1));
    }

    /// Whether it is as new.
    pub fn is_whole(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        self.left == MOST
    }

    // A clock that was set back refills nothing, and begins anew.
    fn refill(&mut self, now: Timestamp) {
        let minutes = now.duration_since(self.since).as_secs() / ONE_MORE.as_secs();
        if minutes == 0 && now >= self.since {
            return;
        }
        self.left = MOST.min(self.left.saturating_add(u32::try_from(minutes).unwrap_or(0)));
        let rest = now.duration_since(self.since).as_secs() % ONE_MORE.as_secs();
        let rest = SignedDuration::from_secs(rest.max(0));
        self.since = now.checked_sub(rest).unwrap_or(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    #[test]
    fn it_is_spent_at_once_and_comes_back_by_the_minute() {
        let mut budget = Budget::new(at(0));
        let mut spent = |second| (0..1000).filter(|_| budget.spend(at(second))).count();
        assert_eq!(spent(0), MOST as usize);
        assert_eq!(spent(59), 0);
        assert_eq!(spent(61), 1);
        assert_eq!(spent(121), 1, "the second that was left over counts");
        assert_eq!(spent(100_000), MOST as usize);
        assert_eq!(spent(0), 0, "a clock that was set back");
        assert_eq!(spent(60), 1);
    }
}
