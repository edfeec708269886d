//! What a load saw, and the questions tests ask about it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Outcome, Record, Tally};

/// What a failure says when requests were lost.
pub const LOST: &str = "requests were lost";

/// Every request of a load in the order they were sent.
#[derive(Clone, Debug)]
pub struct Report {
    records: Vec<Record>,
}

impl Report {
    /// Sums up the records, which may come in any order.
    pub fn new(mut records: Vec<Record>) -> Self {
        records.sort_by_key(|record| record.sent);
        Self { records }
    }

    /// The requests themselves.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How many were sent.
    pub fn requests(&self) -> usize {
        self.records.len()
    }

    /// How many nobody answered for the application.
    pub fn lost(&self) -> usize {
        self.records.iter().filter(|record| record.is_lost()).count()
    }

    /// Why requests were lost, with how many each.
    pub fn losses(&self) -> BTreeMap<String, usize> {
        let mut losses = BTreeMap::new();
        for record in &self.records {
            if let Outcome::Lost { why } = &record.outcome {
                *losses.entry(why.to_string()).or_default() += 1;
            }
        }
        losses
    }

    /// Fails unless every request was answered by the app, with the reasons and the wall-clock times of the losses, by
    /// which they can be found in logs and events.
    pub fn nothing_lost(&self) -> anyhow::Result<()> {
        let mut lost = self.records.iter().filter(|record| record.is_lost());
        let Some(first) = lost.next() else {
            return Ok(());
        };
        let last = lost.next_back().unwrap_or(first);
        anyhow::bail!(
            "{} of {} {LOST}, the first sent at {}, the last at {}: {:?}",
            self.lost(),
            self.requests(),
            wall_clock(first.sent),
            wall_clock(last.sent),
            self.losses()
        )
    }

    /// What was sent from `from` on.
    pub fn since(&self, from: Instant) -> Self {
        let begin = self.records.partition_point(|record| record.sent < from);
        Self {
            records: self.records.get(begin..).unwrap_or_default().to_vec(),
        }
    }

    /// What was sent before `until`.
    pub fn before(&self, until: Instant) -> Self {
        let end = self.records.partition_point(|record| record.sent < until);
        Self {
            records: self.records.get(..end).unwrap_or_default().to_vec(),
        }
    }

    /// Answers and errors per version.
    pub fn versions(&self) -> BTreeMap<String, Tally> {
        let mut versions: BTreeMap<String, Tally> = BTreeMap::new();
        for record in &self.records {
            if let Some(version) = record.version() {
                let tally = versions.entry(version.to_owned()).or_default();
                tally.answers += 1;
                tally.errors += u64::from(record.is_error());
            }
        }
        versions
    }

    /// The `Set-Cookie` lines of all answers as they came, attributes and all, with how many each.
    pub fn set_cookies(&self) -> BTreeMap<String, usize> {
        let mut lines = BTreeMap::new();
        for line in self.records.iter().flat_map(|record| &record.set_cookies) {
            *lines.entry(line.to_string()).or_default() += 1;
        }
        lines
    }

    /// For each user of the load the versions it saw, in order, each change once: `["v1", "v2"]` went over and stayed.
    pub fn by_user(&self) -> BTreeMap<u32, Vec<&str>> {
        let mut seen: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for record in &self.records {
            if let (Some(user), Some(version)) = (record.user, record.version()) {
                let versions = seen.entry(user).or_default();
                if versions.last() != Some(&version) {
                    versions.push(version);
                }
            }
        }
        seen
    }

    /// Server errors that `version` itself answered.
    pub fn errors_of(&self, version: &str) -> u64 {
        self.versions().get(version).map_or(0, |tally| tally.errors)
    }

    /// The share in percent of the requests sent from `from` to `to` that `version` answered.
    pub fn share_of(&self, version: &str, from: Instant, to: Instant) -> f64 {
        let within = |record: &&Record| record.sent >= from && record.sent < to;
        let all = self.records.iter().filter(within).count();
        let own = self
            .records
            .iter()
            .filter(within)
            .filter(|record| record.version() == Some(version))
            .count();
        if all == 0 { 0.0 } else { own as f64 * 100.0 / all as f64 }
    }

    /// When the last request that `version` answered was sent.
    pub fn last_seen(&self, version: &str) -> Option<Instant> {
        self.of(version).next_back().map(|record| record.sent)
    }

    /// When the first request that `version` answered was sent.
    pub fn first_seen(&self, version: &str) -> Option<Instant> {
        self.of(version).next().map(|record| record.sent)
    }

    /// From when on every request was answered by `version`; `None` if the last one was not.
    pub fn first_all_on(&self, version: &str) -> Option<Instant> {
        self.records
            .iter()
            .rev()
            .take_while(|record| record.version() == Some(version))
            .last()
            .map(|record| record.sent)
    }

    /// From when on, in what was sent until `until`, every request was answered by `version`.
    pub fn all_on_before(&self, version: &str, until: Instant) -> Option<Instant> {
        self.before(until).first_all_on(version)
    }

    /// The time within which `percent` of the answered requests were answered.
    pub fn latency(&self, percent: f64) -> Duration {
        let mut took: Vec<Duration> = self
            .records
            .iter()
            .filter(|record| !record.is_lost())
            .map(|record| record.took)
            .collect();
        took.sort();
        let rank = (took.len() as f64 * percent / 100.0).ceil() as usize;
        took.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    fn of(&self, version: &str) -> impl DoubleEndedIterator<Item = &Record> {
        self.records
            .iter()
            .filter(move |record| record.version() == Some(version))
    }
}

/// What a clock on the wall showed at `instant`.
fn wall_clock(instant: Instant) -> jiff::Timestamp {
    let ago = jiff::SignedDuration::try_from(instant.elapsed()).unwrap_or_default();
    jiff::Timestamp::now() - ago
}
