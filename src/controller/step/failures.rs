//! What goes wrong again and again: said once, tried less and less often, and remembered while it lasts, so that conditions
//! say it and nothing is held for what does not come.

use crate::controller::{apply::write::Write, queue::Key};
use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// The first pause after an error that no event will follow.
const FIRST: Duration = Duration::from_secs(2);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);
/// What changed since it was looked at is looked at again so many times at once. Who calls everything stale is waited for
/// like any other error.
const STALE: u32 = 25;

/// The errors of steps, by Canary, since one last went well.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<Key, Failure>>);

#[derive(Debug, Default)]
struct Failure {
    message: String,
    pause: Duration,
    stale: u32,
    refusal: Option<String>,
    write: Option<Write>,
    until: Option<Instant>,
}

impl Failures {
    /// Notes an error: when to try again, and whether it is another one than last time.
    pub fn note(&self, key: &Key, message: &str) -> (Duration, bool) {
        let mut all = self.0.lock();
        let failure = all.entry(key.clone()).or_default();
        let new = failure.message != message;
        failure.pause = if failure.pause.is_zero() {
            FIRST
        } else {
            (failure.pause * 2).min(LONGEST)
        };
        message.clone_into(&mut failure.message);
        failure.until = Some(Instant::now() + failure.pause);
        (failure.pause, new)
    }

    /// The same of what the API server refuses for good, of which `words` are what people are told.
    pub fn note_refusal(&self, key: &Key, message: &str, words: &str) -> (Duration, bool) {
        let noted = self.note(key, message);
        if let Some(failure) = self.0.lock().get_mut(key) {
            failure.refusal = Some(words.to_owned());
        }
        noted
    }

    /// Whether what is stale is to be looked at again at once.
    pub fn is_stale(&self, key: &Key) -> bool {
        let mut all = self.0.lock();
        let failure = all.entry(key.clone()).or_default();
        failure.stale = failure.stale.saturating_add(1);
        failure.stale <= STALE
    }

    /// Remembers which write failed.
    pub fn blame(&self, key: &Key, write: &Write) {
        self.0.lock().entry(key.clone()).or_default().write = Some(write.clone());
    }

    /// Whether the write that failed is one of those that are asked for.
    pub fn blames(&self, key: &Key, which: impl Fn(&Write) -> bool) -> bool {
        let all = self.0.lock();
        all.get(key)
            .and_then(|failure| failure.write.as_ref())
            .is_some_and(which)
    }

    /// How long a write that was refused waits before it is tried again. One that asks for something else does not.
    pub fn rest(&self, key: &Key, write: &Write) -> Option<Duration> {
        let all = self.0.lock();
        let failure = all.get(key).filter(|failure| failure.refusal.is_some())?;
        failure.write.as_ref().filter(|failed| failed.asks_the_same(write))?;
        failure.until?.checked_duration_since(Instant::now())
    }

    /// The same, where that write is one of those that `counts`.
    pub fn refusal_of(&self, key: &Key, counts: impl Fn(&Write) -> bool) -> Option<String> {
        let all = self.0.lock();
        let failure = all
            .get(key)
            .filter(|failure| failure.write.as_ref().is_none_or(counts))?;
        failure.refusal.clone()
    }

    /// What the API server refuses, in its words.
    pub fn refusal(&self, key: &Key) -> Option<String> {
        self.0.lock().get(key)?.refusal.clone()
    }

    /// A step went well, or there is nothing to step any more. Answers whether people were told that something did not.
    pub fn forget(&self, key: &Key) -> bool {
        self.0
            .lock()
            .remove(key)
            .is_some_and(|failure| failure.refusal.is_some())
    }

    /// Forgets those of these keys.
    pub fn forget_if(&self, gone: impl Fn(&Key) -> bool) {
        self.0.lock().retain(|key, _| !gone(key));
    }

    /// Whether what failed lately is not to be tried yet.
    pub fn rests(&self, key: &Key) -> bool {
        let until = self.0.lock().get(key).and_then(|failure| failure.until);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::watch::cache::Kind;
    use serde_json::json;

    fn key() -> Key {
        (String::from("shop"), String::from("web"))
    }

    #[test]
    fn the_same_error_is_new_once_and_waited_for_longer_each_time() {
        let failures = Failures::default();
        let key = key();
        let told: Vec<_> = (0..7).map(|_| failures.note(&key, "full")).collect();
        let seconds: Vec<_> = told.iter().map(|(pause, _)| pause.as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(told.iter().filter(|(_, new)| *new).count(), 1);
        assert!(failures.note(&key, "forbidden").1);
        failures.forget(&key);
        assert_eq!(failures.note(&key, "forbidden"), (FIRST, true));
    }

    #[test]
    fn whoever_calls_everything_stale_is_not_asked_for_ever_at_once() {
        let failures = Failures::default();
        let at_once = (0..100).filter(|_| failures.is_stale(&key())).count();
        assert_eq!(at_once, STALE as usize);
        assert!(!failures.forget(&key()), "nobody was told anything");
    }

    #[test]
    fn a_write_that_was_refused_rests_until_it_asks_for_something_else() {
        let failures = Failures::default();
        let create = |image: &str| Write::Create {
            kind: Kind::Deployment,
            object: json!({"metadata": {"name": "web-primary", "namespace": "shop"}, "spec": {"image": image}}),
        };
        failures.blame(&key(), &create("a"));
        failures.note(&key(), "connection reset");
        assert_eq!(failures.rest(&key(), &create("a")), None, "it may go by itself");
        failures.note_refusal(&key(), "422: no primaries here", "no primaries here");
        assert!(failures.rest(&key(), &create("a")).is_some());
        assert_eq!(failures.rest(&key(), &create("b")), None, "its author changed it");
        assert_eq!(failures.refusal(&key()).as_deref(), Some("no primaries here"));
        failures.note(&key(), "connection reset");
        assert!(failures.refusal(&key()).is_some(), "it is not known to be taken by now");
        assert!(failures.refusal_of(&key(), |write| *write == create("a")).is_some());
        assert!(failures.blames(&key(), |write| *write == create("a")));
        assert_eq!(
            failures.refusal_of(&key(), |_| false),
            None,
            "it keeps no pair from being made"
        );
        assert!(failures.forget(&key()));
        assert_eq!(failures.refusal(&key()), None);
    }
}
