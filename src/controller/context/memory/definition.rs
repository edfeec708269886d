//! What is remembered of the cluster's definition of Canaries.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// As long as the Canaries of one take-over may come one after the other: a look for each would be a look for nothing.
const FRESH: Duration = Duration::from_secs(5);

/// When it was last seen to have every field of ours.
#[derive(Debug, Default)]
pub struct Definition(Mutex<Option<Instant>>);

impl Definition {
    /// It has them all.
    pub fn note_sound(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Whether that was a moment ago.
    pub fn is_sound(&self) -> bool {
        self.0.lock().is_some_and(|seen| seen.elapsed() < FRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_is_good_for_a_moment() {
        let definition = Definition::default();
        assert!(!definition.is_sound());
        definition.note_sound();
        assert!(definition.is_sound());
        tokio::time::advance(FRESH).await;
        assert!(!definition.is_sound());
    }
}
