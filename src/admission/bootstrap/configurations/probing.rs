//! When the API server is asked whether it reaches the webhook. Pure.
//!
//! At rest nobody is asked anything. So after a probe that succeeded the next one waits until something makes it doubtful, and
//! however much does, ten seconds lie between the two.

use std::time::Duration;
use tokio::time::Instant;

/// Between two probes of which none succeeded, at first and at most.
const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(30);
/// Least time from a probe that succeeded to the next one.
const AGAIN: Duration = Duration::from_secs(10);

/// When the next probe is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probing {
    due: Option<Instant>,
    pause: Duration,
    earliest: Instant,
}

impl Probing {
    /// Nothing is known yet.
    pub fn new(now: Instant) -> Self {
        Self {
            due: Some(now),
            pause: FIRST,
            earliest: now,
        }
    }

    /// When to probe next; never while nothing is doubtful.
    pub fn due(self) -> Option<Instant> {
        self.due
    }

    /// The instant of the next probe, where the configurations were looked after at `now`: API servers know of what was written
    /// to them a moment later.
    pub fn soonest(self, now: Instant) -> Instant {
        let known = now + FIRST;
        self.due.map_or(known, |due| due.max(known))
    }

    /// The API server reached the webhook.
    pub fn reached(&mut self, now: Instant) {
        *self = Self {
            due: None,
            pause: FIRST,
            earliest: now + AGAIN,
        };
    }

    /// It did not, or could not be asked.
    pub fn missed(&mut self, now: Instant) {
        self.pause = (self.pause * 2).min(LAST);
        self.due = Some(now + self.pause);
    }

    /// Something happened after which it may not any more.
    pub fn doubt(&mut self, now: Instant) {
        self.due = self.due.or(Some(self.earliest.max(now)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_ever_more_seldom_until_it_reaches_us_and_then_not_at_all() {
        let start = Instant::now();
        let mut probing = Probing::new(start);
        assert_eq!(probing.soonest(start), start + FIRST);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            probing.missed(start);
            pauses.push(probing.due().unwrap() - start);
        }
        assert_eq!(pauses[..3], [500, 1000, 2000].map(Duration::from_millis));
        assert_eq!(pauses[7..], [LAST, LAST]);
        probing.reached(start);
        assert_eq!(probing.due(), None);
    }

    #[test]
    fn doubts_are_followed_some_time_after_a_success_and_at_once_later() {
        let start = Instant::now();
        let mut probing = Probing::new(start);
        probing.reached(start);
        probing.doubt(start + Duration::from_secs(1));
        probing.doubt(start + Duration::from_secs(2));
        assert_eq!(probing.due(), Some(start + AGAIN));
        probing.reached(start + AGAIN);
        let later = start + 10 * AGAIN;
        probing.doubt(later);
        assert_eq!(probing.due(), Some(later));
        assert_eq!(probing.soonest(later), later + FIRST);
        // A doubt hurries nothing that is due anyway.
        probing.missed(later);
        let due = probing.due();
        probing.doubt(later);
        assert_eq!(probing.due(), due);
    }
}
