//! How long each scene played, for the end of `make test`: a suite that grows slow says where.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::log::Log;

const LOG: Log = Log("scenes.log");

/// How many of the slowest are told.
const TOLD: usize = 15;

/// Forgets what was played before.
pub fn forget() -> Result<()> {
    LOG.forget()
}

/// A scene of that name ended.
pub(super) fn note(scene: &str, took: Duration) -> Result<()> {
    LOG.add(&format!("{:.1} {scene}", took.as_secs_f64()))
}

/// The slowest of those that were played, a line each, and the sum of all.
pub fn slowest() -> Result<String> {
    let path = LOG.path()?;
    let noted = LOG
        .read()?
        .with_context(|| format!("{} is not there", path.display()))?;
    Ok(table(&noted, &path))
}

fn table(noted: &str, path: &Path) -> String {
    let mut played: Vec<(f64, &str)> = noted
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(took, name)| Some((took.parse().ok()?, name)))
        .collect();
    played.sort_by(|a, b| b.0.total_cmp(&a.0));
    let sum: f64 = played.iter().map(|(took, _)| took).sum();
    let slowest = played
        .iter()
        .take(TOLD)
        .map(|(took, name)| format!("{took:>8.1} s  {name}\n"));
    let slowest: String = slowest.collect();
    format!("{slowest}{sum:>8.1} s  all {}, in {}\n", played.len(), path.display())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_slowest_come_first_and_all_are_summed() {
        let noted = "3.0 short\n70.5 long\n";
        assert_eq!(
            super::table(noted, "log".as_ref()),
            "    70.5 s  long\n     3.0 s  short\n    73.5 s  all 2, in log\n"
        );
    }
}
