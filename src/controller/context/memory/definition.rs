//! What is remembered of the cluster's definition of Canaries.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// As long as the Canaries of one take-over may come one after the other: a look for each would be a look for nothing. And much
/// longer than an API server goes on hiding what it hid by a definition that has been replaced.
const FRESH: Duration = Duration::from_secs(5);

/// When it was last seen to have every field of ours, and when to lack one.
#[derive(Debug, Default)]
pub struct Definition(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    sound: Option<Instant>,
    amiss: Option<Instant>,
}

impl Definition {
    /// It has them all.
    pub fn note_sound(&self) {
        self.0.lock().sound = Some(Instant::now());
    }

    /// It lacks one.
    pub fn note_amiss(&self) {
        *self.0.lock() = Seen {
            sound: None,
            amiss: Some(Instant::now()),
        };
    }

    /// Whether it had them all a moment ago.
    pub fn is_sound(&self) -> bool {
        self.0.lock().sound.is_some_and(is_fresh)
    }

    /// Whether it lacked one a moment ago: what is read may still be without it, whatever the definition is by now.
    pub fn was_amiss(&self) -> bool {
        self.0.lock().amiss.is_some_and(is_fresh)
    }
}

fn is_fresh(seen: Instant) -> bool {
    seen.elapsed() < FRESH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_is_good_for_a_moment() {
        let definition = Definition::default();
        assert!(!definition.is_sound() && !definition.was_amiss());
        definition.note_sound();
        assert!(definition.is_sound());
        tokio::time::advance(FRESH).await;
        assert!(!definition.is_sound());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_mended_just_now_was_amiss_a_moment_ago() {
        let definition = Definition::default();
        definition.note_sound();
        definition.note_amiss();
        assert!(!definition.is_sound() && definition.was_amiss());
        definition.note_sound();
        assert!(definition.is_sound() && definition.was_amiss());
        tokio::time::advance(FRESH).await;
        assert!(!definition.was_amiss());
    }
}
