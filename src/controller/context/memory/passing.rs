//! How long the steps of a Canary have failed by what may go by itself, and what people are told of it meanwhile.
//!
//! Such an error may say something else each time (a port, an address), and a status that follows it would be written each
//! time. So what conditions say is fixed until people are told again.

use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// What lasts this long is said in the conditions.
const LONG: Duration = Duration::from_secs(60);
/// How often people are told while it lasts: an Event that nobody repeats is gone after an hour.
const AGAIN: Duration = Duration::from_secs(600);

/// Errors that may go by themselves, since a step last went well.
#[derive(Debug, Default)]
pub struct Passing(Option<Series>);

#[derive(Debug)]
struct Series {
    since: Timestamp,
    began: Instant,
    // What the last one said.
    words: String,
    // What conditions say.
    shown: Option<String>,
    // Whether people were told when it began.
    told: bool,
    told_again: Option<Instant>,
}

/// What has lasted for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasting {
    /// When it went wrong for the first time.
    pub since: Timestamp,
    /// What the error said.
    pub words: String,
}

/// When people hear of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    /// Never by an Event of its own, which would be one more request to an API server that has too many.
    Never,
    /// When it has lasted.
    Late,
    /// When it is the first one, and when it has lasted.
    AtOnce,
}

/// What people are to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// There is nothing to tell.
    None,
    /// That something went wrong.
    First,
    /// That it lasts.
    Lasting(Lasting),
}

impl Passing {
    /// Notes an error at `now`. Answers what is to be said of it.
    pub fn note(&mut self, words: &str, heard: Heard, now: Timestamp) -> News {
        let series = self.0.get_or_insert_with(|| Series {
            since: now,
            began: Instant::now(),
            words: String::new(),
            shown: None,
            told: false,
            told_again: None,
        });
        words.clone_into(&mut series.words);
        if series.is_long() {
            return series.lasts(heard);
        }
        if heard < Heard::AtOnce || std::mem::replace(&mut series.told, true) {
            return News::None;
        }
        News::First
    }

    /// What has lasted for long, if anything has.
    pub fn lasting(&mut self) -> Option<Lasting> {
        let series = self.0.as_mut().filter(|series| series.is_long())?;
        let words = series.shown.get_or_insert_with(|| series.words.clone()).clone();
        let since = series.since;
        Some(Lasting { since, words })
    }

    /// Whether conditions may say that it lasts.
    pub fn is_shown(&self) -> bool {
        self.0.as_ref().is_some_and(|series| series.shown.is_some())
    }
}

impl Series {
    fn is_long(&self) -> bool {
        self.began.elapsed() >= LONG
    }

    fn lasts(&mut self, heard: Heard) -> News {
        let was_told = self.told_again.is_some_and(|at| at.elapsed() < AGAIN);
        if heard == Heard::Never || was_told {
            return News::None;
        }
        // The first time, the step has said it in the conditions already.
        if self.told_again.replace(Instant::now()).is_some() || self.shown.is_none() {
            self.shown = Some(self.words.clone());
        }
        News::Lasting(Lasting {
            since: self.since,
            words: self.shown.clone().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn lasting(words: &str) -> Lasting {
        Lasting {
            since: NOW,
            words: words.to_owned(),
        }
    }

    async fn seconds(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_shown_in_the_same_words_until_people_are_told_again() {
        let mut passing = Passing::default();
        let note = |passing: &mut Passing, words: &str| passing.note(words, Heard::AtOnce, Timestamp::now());
        assert_eq!(passing.note("port 1", Heard::AtOnce, NOW), News::First);
        seconds(30).await;
        assert_eq!(note(&mut passing, "port 2"), News::None);
        assert_eq!(passing.lasting(), None);
        assert!(!passing.is_shown());
        seconds(30).await;
        assert_eq!(
            passing.lasting(),
            Some(lasting("port 2")),
            "before the step fails once more"
        );
        assert!(passing.is_shown());
        assert_eq!(note(&mut passing, "port 3"), News::Lasting(lasting("port 2")));
        for _ in 0..9 {
            seconds(60).await;
            assert_eq!(note(&mut passing, "port 4"), News::None);
            assert_eq!(passing.lasting(), Some(lasting("port 2")));
        }
        seconds(60).await;
        assert_eq!(note(&mut passing, "port 5"), News::Lasting(lasting("port 5")));
        assert_eq!(passing.lasting(), Some(lasting("port 5")));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_hears_of_an_api_server_that_is_busy_but_by_the_conditions() {
        let mut passing = Passing::default();
        for _ in 0..20 {
            assert_eq!(passing.note("too many requests", Heard::Never, NOW), News::None);
            seconds(60).await;
        }
        assert_eq!(passing.lasting(), Some(lasting("too many requests")));
        // One that does not answer is heard of when that lasts.
        assert_eq!(
            passing.note("no answer", Heard::Late, NOW),
            News::Lasting(lasting("too many requests"))
        );
        let mut passing = Passing::default();
        assert_eq!(passing.note("no answer", Heard::Late, NOW), News::None);
        assert_eq!(passing.note("failed calling webhook", Heard::AtOnce, NOW), News::First);
    }
}
