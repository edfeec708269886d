//! The running totals of a load, for those who watch it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::{Outcome, Record};

/// Answers of one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All answers.
    pub answers: u64,
    /// Those that were server errors.
    pub errors: u64,
}

/// A load as it stands.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Since the first request.
    pub elapsed: Duration,
    /// Requests whose fate is known.
    pub requests: u64,
    /// Those that were lost.
    pub lost: u64,
    /// Answers per version since the start.
    pub versions: BTreeMap<String, Tally>,
    /// Answers per version within the last second.
    pub last_second: BTreeMap<String, Tally>,
}

impl Live {
    fn add(&mut self, record: &Record) {
        self.requests += 1;
        match &record.outcome {
            Outcome::Lost { .. } => self.lost += 1,
            Outcome::Answered { version, .. } => {
                for tallies in [&mut self.versions, &mut self.last_second] {
                    let tally = tallies.entry(version.to_string()).or_default();
                    tally.answers += 1;
                    tally.errors += u64::from(record.is_error());
                }
            }
        }
    }

    /// The share of the last second's answers, in percent, that `version` gave.
    pub fn share_of(&self, version: &str) -> f64 {
        let all: u64 = self.last_second.values().map(|tally| tally.answers).sum();
        let own = self.last_second.get(version).map_or(0, |tally| tally.answers);
        percent(own, all)
    }

    /// The share of the last second's answers, in percent, that were no server error.
    pub fn success_rate(&self) -> f64 {
        let all: u64 = self.last_second.values().map(|tally| tally.answers).sum();
        let errors: u64 = self.last_second.values().map(|tally| tally.errors).sum();
        percent(all - errors, all)
    }
}

fn percent(part: u64, all: u64) -> f64 {
    if all == 0 {
        0.0
    } else {
        part as f64 * 100.0 / all as f64
    }
}

/// Collects records until the last sender is gone, publishing the totals once a second.
pub async fn record(
    began: Instant,
    mut received: mpsc::UnboundedReceiver<Record>,
    published: watch::Sender<Live>,
) -> Vec<Record> {
    let mut records = Vec::new();
    let mut live = Live::default();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.tick().await;
    loop {
        tokio::select! {
            record = received.recv() => match record {
                Some(record) => {
                    live.add(&record);
                    records.push(record);
                }
                None => break,
            },
            _ = second.tick() => {
                live.elapsed = began.elapsed();
                published.send_replace(live.clone());
                live.last_second.clear();
            }
        }
    }
    live.elapsed = began.elapsed();
    published.send_replace(live);
    records
}
