//! What goes wrong again and again: said once, and tried less and less often.

use super::queue::Key;
use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};

/// The first pause after an error that no event will follow.
const FIRST: Duration = Duration::from_secs(2);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);

/// The errors of steps, by Canary, since one last went well.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<Key, Failure>>);

#[derive(Debug)]
struct Failure {
    message: String,
    pause: Duration,
}

impl Failures {
    /// Notes an error: when to try again, and whether it is another one than last time.
    pub fn note(&self, key: &Key, message: &str) -> (Duration, bool) {
        let mut all = self.0.lock();
        let before = all.get(key);
        let new = before.is_none_or(|failure| failure.message != message);
        let pause = before.map_or(FIRST, |failure| (failure.pause * 2).min(LONGEST));
        let message = message.to_owned();
        all.insert(key.clone(), Failure { message, pause });
        (pause, new)
    }

    /// A step went well, or there is nothing to step any more.
    pub fn forget(&self, key: &Key) {
        self.0.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_error_is_new_once_and_waited_for_longer_each_time() {
        let failures = Failures::default();
        let key = (String::from("shop"), String::from("web"));
        let told: Vec<_> = (0..7).map(|_| failures.note(&key, "full")).collect();
        let seconds: Vec<_> = told.iter().map(|(pause, _)| pause.as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(told.iter().filter(|(_, new)| *new).count(), 1);
        assert!(failures.note(&key, "forbidden").1);
        failures.forget(&key);
        assert_eq!(failures.note(&key, "forbidden"), (FIRST, true));
    }
}
