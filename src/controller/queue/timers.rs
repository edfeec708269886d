//! When the desired state of a stage was first seen in place, and when its first check is due: kept in memory until something else
//! has to be recorded.
//!
//! A record of each such instant would be a third of a release's writes. What a restart forgets is taken when it is seen
//! again: a wait that is short (`Decision::timed`) becomes longer by itself at most.

use super::Key;
use crate::{
    analysis::{Stage, State},
    api::canary::{CanaryStatus, RunStatus},
};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::HashMap;

/// The timers of all Canaries.
#[derive(Debug, Default)]
pub struct Timers(Mutex<HashMap<Key, Entry>>, Mutex<HashMap<Key, Timestamp>>);

#[derive(Debug)]
struct Entry {
    /// The record they go with; with any other one they mean nothing.
    of: RunStatus,
    moved_at: Option<Timestamp>,
    traffic_since: Option<Timestamp>,
    due: Option<Timestamp>,
}

impl Timers {
    /// Puts the timers that go with what is recorded into `state`, which was read from it.
    pub fn resume(&self, key: &Key, recorded: Option<&CanaryStatus>, state: &mut State) {
        if state.stage == Stage::Building {
            state.stalled = self.1.lock().get(key).copied();
        }
        let run = recorded.and_then(|status| status.run.as_ref());
        let all = self.0.lock();
        if let Some(entry) = all.get(key).filter(|entry| Some(&entry.of) == run) {
            state.moved_at = entry.moved_at;
            state.traffic_since = entry.traffic_since;
            state.due = entry.due;
        }
    }

    /// Whether `next`, the record of `state`, says nothing but timers that `recorded` does not; they are kept then, and need
    /// not be recorded. Those of a decision that is `timed` always are.
    pub fn keep(&self, key: &Key, state: &State, timed: bool, recorded: &CanaryStatus, next: &CanaryStatus) -> bool {
        let (Some(of), Some(run), false) = (&recorded.run, &next.run, timed) else {
            return false;
        };
        let same = CanaryStatus {
            run: Some(RunStatus {
                moved_at: of.moved_at.clone(),
                traffic_since: of.traffic_since.clone(),
                due: of.due.clone(),
                ..run.clone()
            }),
            ..next.clone()
        };
        let only_timers = same == *recorded && (of.due.is_none() || of.due == run.due);
        if only_timers {
            let entry = Entry {
                of: of.clone(),
                moved_at: state.moved_at,
                traffic_since: state.traffic_since,
                due: state.due,
            };
            self.0.lock().insert(key.clone(), entry);
        }
        only_timers
    }

    /// Keeps since when a pair that is being built lacks pods; a restart counts anew.
    pub fn note_lack(&self, key: &Key, state: &State) {
        let mut lacking = self.1.lock();
        match state.stalled.filter(|_| state.stage == Stage::Building) {
            Some(since) => drop(lacking.insert(key.clone(), since)),
            None => drop(lacking.remove(key)),
        }
    }

    /// Forgets a Canary that is gone.
    pub fn forget(&self, key: &Key) {
        self.0.lock().remove(key);
        self.1.lock().remove(key);
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty() && self.1.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn record(stage: &str, moved_at: Option<i64>) -> CanaryStatus {
        CanaryStatus {
            run: Some(RunStatus {
                stage: stage.to_owned(),
                moved_at: moved_at.map(|second| MicroTime(at(second))),
                ..RunStatus::default()
            }),
            ..CanaryStatus::default()
        }
    }

    fn seen(moved_at: Option<i64>) -> State {
        State {
            moved_at: moved_at.map(at),
            ..State::new(at(0))
        }
    }

    #[test]
    fn timers_alone_are_kept_and_go_with_their_record() {
        let (timers, key) = (Timers::default(), ("web".to_owned(), "shop".to_owned()));
        let [before, after, next] =
            [("Settling", None), ("Settling", Some(5)), ("Analysing", None)].map(|(stage, moved)| record(stage, moved));
        let resumed = |recorded: &CanaryStatus| {
            let mut state = seen(None);
            timers.resume(&key, Some(recorded), &mut state);
            state.moved_at
        };
        assert!(!timers.keep(&key, &seen(Some(5)), true, &before, &after), "a long wait");
        assert!(
            !timers.keep(&key, &seen(Some(5)), false, &before, &next),
            "more than timers"
        );
        assert_eq!(resumed(&before), None);
        assert!(timers.keep(&key, &seen(Some(5)), false, &before, &after));
        assert_eq!(resumed(&before), Some(at(5)));
        assert_eq!(resumed(&next), None, "of another record");
        assert!(
            timers.keep(&key, &seen(None), false, &before, &before),
            "not in place any more"
        );
        assert_eq!(resumed(&before), None);
        timers.keep(&key, &seen(Some(5)), false, &before, &after);
        timers.forget(&key);
        assert_eq!(resumed(&before), None);
    }
}
