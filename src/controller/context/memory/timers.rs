//! When a stage's desired state was first observed, and when its first check is due; in memory, to save status writes.
//!
//! A record of each such instant would be a third of a release's writes. What a restart forgets is taken when it is seen
//! again: a wait that is short (`StepOutcome::timed`) becomes longer by itself at most.

use crate::{
    analysis::{Stage, State},
    api::canary::{CanaryStatus, RunStatus},
};
use jiff::Timestamp;

/// The timers of a Canary.
#[derive(Debug, Default)]
pub struct Timers {
    kept: Option<Kept>,
    // Since when a pair that is being built lacks pods.
    lacking: Option<Timestamp>,
}

/// Timers that need not be recorded.
#[derive(Debug)]
pub struct Kept {
    /// The record they go with; with any other one they mean nothing.
    of: RunStatus,
    moved_at: Option<Timestamp>,
    traffic_since: Option<Timestamp>,
    due: Option<Timestamp>,
}

impl Kept {
    /// Those of `state`, where its record, `next`, says nothing but timers that `recorded` does not. Those of an outcome
    /// that is `timed` are always recorded.
    pub fn of(state: &State, timed: bool, recorded: &CanaryStatus, next: &CanaryStatus) -> Option<Self> {
        let (Some(of), Some(run), false) = (&recorded.run, &next.run, timed) else {
            return None;
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
        only_timers.then(|| Self {
            of: of.clone(),
            moved_at: state.moved_at,
            traffic_since: state.traffic_since,
            due: state.due,
        })
    }
}

impl Timers {
    /// Puts the timers that go with what is recorded into `state`, which was read from it.
    pub fn resume(&self, recorded: Option<&CanaryStatus>, state: &mut State) {
        if state.stage == Stage::Building {
            state.stalled = self.lacking;
        }
        let run = recorded.and_then(|status| status.run.as_ref());
        if let Some(kept) = self.kept.as_ref().filter(|kept| Some(&kept.of) == run) {
            state.moved_at = kept.moved_at;
            state.traffic_since = kept.traffic_since;
            state.due = kept.due;
        }
    }

    /// Keeps these in place of a record.
    pub fn keep(&mut self, timers: Kept) {
        self.kept = Some(timers);
    }

    /// Keeps since when a pair that is being built lacks pods; a restart counts anew.
    pub fn note_lack(&mut self, state: &State) {
        self.lacking = state.stalled.filter(|_| state.stage == Stage::Building);
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
        let timers = &mut Timers::default();
        let [before, after, next] =
            [("Settling", None), ("Settling", Some(5)), ("Analysing", None)].map(|(stage, moved)| record(stage, moved));
        let resumed = |timers: &Timers, recorded: &CanaryStatus| {
            let mut state = seen(None);
            timers.resume(Some(recorded), &mut state);
            state.moved_at
        };
        assert!(Kept::of(&seen(Some(5)), true, &before, &after).is_none(), "a long wait");
        assert!(
            Kept::of(&seen(Some(5)), false, &before, &next).is_none(),
            "more than timers"
        );
        assert_eq!(resumed(timers, &before), None);
        timers.keep(Kept::of(&seen(Some(5)), false, &before, &after).unwrap());
        assert_eq!(resumed(timers, &before), Some(at(5)));
        assert_eq!(resumed(timers, &next), None, "of another record");
        // Not in place any more.
        timers.keep(Kept::of(&seen(None), false, &before, &before).unwrap());
        assert_eq!(resumed(timers, &before), None);
    }
}
