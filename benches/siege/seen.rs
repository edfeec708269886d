//! What the honest client saw, and how it is told.

use std::time::Duration;

/// How much longer an attack may make the slowest of a hundred, as a share of that without it.
pub const MOST: f64 = 0.2;

/// What the honest client saw.
pub struct Seen {
    /// Of the kept connection, sorted.
    pub took: Vec<Duration>,
    /// The slowest on a connection of its own, with the handshake.
    pub slowest_new: Duration,
    /// Reviews that were not answered with 200.
    pub lost: usize,
    /// Memory of the whole process at the end, attackers included, in MiB.
    pub memory: u64,
}

impl Seen {
    /// What that share, in thousandths, took at most, in milliseconds.
    fn at(&self, share: usize) -> f64 {
        let index = (self.took.len() * share / 1000).min(self.took.len().saturating_sub(1));
        self.took
            .get(index)
            .map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
    }

    /// Both together.
    pub fn and(mut self, other: Self) -> Self {
        self.took.extend(other.took);
        self.took.sort_unstable();
        Self {
            took: self.took,
            slowest_new: self.slowest_new.max(other.slowest_new),
            lost: self.lost + other.lost,
            memory: self.memory.max(other.memory),
        }
    }
}

/// What came of an attack.
pub struct Siege {
    pub seen: Seen,
    /// What attackers got.
    pub got: String,
    /// The share of a core that they computed.
    pub busy: f64,
    /// Without it.
    pub alone: Seen,
}

impl Siege {
    /// The head of the table.
    pub const HEAD: &str = "| Attack | p50 | p99 | p99 without (more by) | Slowest on a new connection | Without | Lost | Memory of all | \
        Attackers' share of a core | What they got |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

    /// How much more the slowest of a hundred took, as a share of that without the attack.
    pub fn more(&self) -> f64 {
        self.seen.at(990) / self.alone.at(990) - 1.0
    }

    /// As a row of the table.
    pub fn row(&self, name: &str) -> String {
        let (seen, alone) = (&self.seen, &self.alone);
        format!(
            "| {name} | {:.2} ms | {:.2} ms | {:.2} ms ({:+.0} %) | {:.0} ms | {:.0} ms | {} of {} | {} MiB | {:.0} % | {} |",
            seen.at(500),
            seen.at(990),
            alone.at(990),
            self.more() * 100.0,
            seen.slowest_new.as_secs_f64() * 1000.0,
            alone.slowest_new.as_secs_f64() * 1000.0,
            seen.lost + alone.lost,
            seen.took.len() + alone.took.len() + seen.lost + alone.lost,
            seen.memory,
            self.busy * 100.0,
            self.got,
        )
    }
}
