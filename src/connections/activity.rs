//! When was the last request, and is one in progress?

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Requests in progress and the instant of the last change; shared, without a lock.
#[derive(Debug)]
pub(crate) struct Activity {
    born: Instant,
    in_flight: AtomicUsize,
    last_millis: AtomicU64,
}

impl Activity {
    pub fn new() -> Self {
        Self {
            born: Instant::now(),
            in_flight: AtomicUsize::new(0),
            last_millis: AtomicU64::new(0),
        }
    }

    /// Counts a request from now until the guard is dropped.
    pub fn begin(&self) -> Guard<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.touch();
        Guard(self)
    }

    /// Time since the last request began or ended; zero while one is in progress.
    pub fn quiet_for(&self) -> Duration {
        if self.is_busy() {
            return Duration::ZERO;
        }
        self.still_for()
    }

    /// Whether a request is in progress.
    pub fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Time since the last request began or ended.
    pub fn still_for(&self) -> Duration {
        let last = Duration::from_millis(self.last_millis.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(last)
    }

    fn touch(&self) {
        let millis = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_millis.store(millis, Ordering::Relaxed);
    }
}

/// One request in progress.
pub(crate) struct Guard<'a>(&'a Activity);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.touch();
    }
}
