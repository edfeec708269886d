//! What goes wrong again and again: said once, tried less and less often, and remembered while it lasts, so that conditions
//! say it and nothing is held for what does not come.

use super::passing::Passing;
use crate::controller::difference::write::Write;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause after an error that no event will follow.
const FIRST: Duration = Duration::from_secs(2);
/// The longest pause after such an error.
const LONGEST: Duration = Duration::from_secs(60);
/// What changed since it was looked at is looked at again so many times at once. Who calls everything stale is waited for
/// like any other error.
const STALE: u32 = 25;

/// What went wrong since a step, or a pass, last went well.
#[derive(Debug, Default)]
pub struct Failures {
    message: String,
    pause: Duration,
    stale: u32,
    refusal: Option<String>,
    write: Option<Write>,
    until: Option<Instant>,
    doing: Option<String>,
    recorded: bool,
    /// What may go by itself, and how long it has not.
    pub passing: Passing,
}

impl Failures {
    /// A step begins, of which nothing is recorded yet.
    pub fn begin(&mut self) {
        self.recorded = false;
    }

    /// The step got as far as its record, which says what is to be said.
    pub fn was_recorded(&mut self) {
        self.recorded = true;
    }

    /// Whether the step that goes on, or has just ended, got as far as that.
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// Notes an error: when to try again, and whether it is another one than last time.
    pub fn note(&mut self, message: &str) -> (Duration, bool) {
        let new = self.message != message;
        self.pause = if self.pause.is_zero() {
            FIRST
        } else {
            (self.pause * 2).min(LONGEST)
        };
        message.clone_into(&mut self.message);
        self.until = Some(Instant::now() + self.pause);
        (self.pause, new)
    }

    /// The same of what the API server refuses for good, of which `words` are what people are told.
    pub fn note_refusal(&mut self, message: &str, words: &str) -> (Duration, bool) {
        self.refusal = Some(words.to_owned());
        self.note(message)
    }

    /// Whether what is stale is to be looked at again at once.
    pub fn is_stale(&mut self) -> bool {
        self.stale = self.stale.saturating_add(1);
        self.stale <= STALE
    }

    /// Remembers which write failed.
    pub fn blame(&mut self, write: &Write) {
        self.write = Some(write.clone());
        self.was_doing(write.what());
    }

    /// Remembers what it was that failed, as what follows "to".
    pub fn was_doing(&mut self, what: String) {
        self.doing = Some(what);
    }

    /// What it was that has just failed, where that is known; of the next error it says nothing.
    pub fn take_doing(&mut self) -> Option<String> {
        self.doing.take()
    }

    /// Whether the write that failed is one of those that are asked for.
    pub fn blames(&self, which: impl Fn(&Write) -> bool) -> bool {
        self.write.as_ref().is_some_and(which)
    }

    /// How long a write that was refused waits before it is tried again. One that asks for something else does not.
    pub fn rest(&self, write: &Write) -> Option<Duration> {
        self.refusal.as_ref()?;
        self.write.as_ref().filter(|failed| failed.asks_the_same(write))?;
        self.until?.checked_duration_since(Instant::now())
    }

    /// What the API server refuses, in its words, where that write is one of those that `counts`.
    pub fn refusal_of(&self, counts: impl Fn(&Write) -> bool) -> Option<String> {
        self.write
            .as_ref()
            .is_none_or(counts)
            .then(|| self.refusal.clone())
            .flatten()
    }

    /// What the API server refuses, in its words.
    pub fn refusal(&self) -> Option<String> {
        self.refusal.clone()
    }

    /// A step went well. Answers whether conditions say that something did not.
    pub fn forget(&mut self) -> bool {
        let before = std::mem::take(self);
        before.refusal.is_some() || before.passing.is_shown()
    }

    /// Whether what failed lately is not to be tried yet.
    pub fn rests(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether nothing has failed.
    pub fn is_none(&self) -> bool {
        self.until.is_none() && self.write.is_none() && self.stale == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::watch::informers::cache::Kind;
    use serde_json::json;

    #[test]
    fn the_same_error_is_new_once_and_waited_for_longer_each_time() {
        let mut failures = Failures::default();
        let told: Vec<_> = (0..7).map(|_| failures.note("full")).collect();
        let seconds: Vec<_> = told.iter().map(|(pause, _)| pause.as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(told.iter().filter(|(_, new)| *new).count(), 1);
        assert!(failures.note("forbidden").1 && !failures.is_none());
        failures.forget();
        assert!(failures.is_none());
        assert_eq!(failures.note("forbidden"), (FIRST, true));
    }

    #[test]
    fn whoever_calls_everything_stale_is_not_asked_for_ever_at_once() {
        let mut failures = Failures::default();
        let at_once = (0..100).filter(|_| failures.is_stale()).count();
        assert_eq!(at_once, STALE as usize);
        assert!(!failures.forget(), "nobody was told anything");
    }

    #[test]
    fn a_write_that_was_refused_rests_until_it_asks_for_something_else() {
        let mut failures = Failures::default();
        let create = |image: &str| Write::Create {
            kind: Kind::Deployment,
            object: json!({"metadata": {"name": "web-primary", "namespace": "shop"}, "spec": {"image": image}}),
        };
        failures.blame(&create("a"));
        failures.note("connection reset");
        assert_eq!(failures.rest(&create("a")), None, "it may go by itself");
        failures.note_refusal("422: no primaries here", "no primaries here");
        assert!(failures.rest(&create("a")).is_some());
        assert_eq!(failures.rest(&create("b")), None, "its author changed it");
        assert_eq!(failures.refusal().as_deref(), Some("no primaries here"));
        failures.note("connection reset");
        assert!(failures.refusal().is_some(), "it is not known to be taken by now");
        assert!(failures.refusal_of(|write| *write == create("a")).is_some());
        assert!(failures.blames(|write| *write == create("a")));
        assert_eq!(failures.refusal_of(|_| false), None, "it keeps no pair from being made");
        assert!(failures.forget());
        assert_eq!(failures.refusal(), None);
    }
}
