//! The demo's closing table and its verdict.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::release::{DemoRelease, Wanted};
use crate::load::Report;

/// One line per release, then the sums.
pub fn render(releases: &[DemoRelease], report: &Report) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<14}{:<14}{:>22}{:>16}{:>14}",
        "release", "result", "all users settled", "finished", "user errors"
    );
    for (release, until) in releases.iter().zip(ends(releases)) {
        let settled = release
            .all_users(report, until)
            .map_or_else(|| "never".to_owned(), in_seconds);
        let _ = writeln!(
            text,
            "{:<14}{:<14}{:>22}{:>16}{:>14}",
            format!("{} to {}", release.from, release.to),
            match release.phase.as_str() {
                "Succeeded" => "promoted",
                "Failed" => "rolled back",
                other => other,
            },
            format!("{settled} on {}", release.survivor()),
            in_seconds(release.finished.duration_since(release.applied)),
            report.errors_of(&release.to),
        );
    }
    let _ = writeln!(
        text,
        "\n{} requests, {} lost; half answered within {:.1} ms, 99 of 100 within {:.1} ms",
        report.requests(),
        report.lost(),
        report.latency(50.0).as_secs_f64() * 1000.0,
        report.latency(99.0).as_secs_f64() * 1000.0,
    );
    for (why, count) in report.losses() {
        let _ = writeln!(text, "  lost {count}: {why}");
    }
    text
}

/// Fails with one sentence unless everything held.
pub fn verdict(releases: &[DemoRelease], report: &Report) -> Result<()> {
    for (release, until) in releases.iter().zip(ends(releases)) {
        release.held()?;
        ensure!(
            release.all_users(report, until).is_some(),
            "not every user was on {} after the release of {}",
            release.survivor(),
            release.to
        );
        if release.wanted == Wanted::Promoted {
            let errors = report.errors_of(&release.to);
            ensure!(errors == 0, "the good {} answered {errors} errors", release.to);
        }
    }
    ensure!(
        report.lost() == 0,
        "{} of {} requests were lost",
        report.lost(),
        report.requests()
    );
    Ok(())
}

/// Until when each release is judged: the apply of the next one.
fn ends(releases: &[DemoRelease]) -> impl Iterator<Item = Instant> {
    let next = releases.iter().skip(1).map(|release| release.applied);
    let last = releases
        .last()
        .map(|release| release.finished + Duration::from_secs(3600));
    next.chain(last)
}

fn in_seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::load::{Outcome, Record};

    fn record(sent: Instant, status: u16, version: &str) -> Record {
        Record {
            sent,
            took: Duration::from_millis(1),
            outcome: Outcome::Answered {
                status,
                version: Arc::from(version),
            },
            user: None,
            set_cookies: Vec::new(),
        }
    }

    fn release(applied: Instant, from: &str, to: &str, wanted: Wanted, phase: &str) -> DemoRelease {
        DemoRelease {
            from: from.to_owned(),
            to: to.to_owned(),
            wanted,
            phase: phase.to_owned(),
            applied,
            finished: applied + Duration::from_secs(8),
        }
    }

    #[test]
    fn a_good_and_a_bad_release_that_went_well_hold_and_read_well() {
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        let releases = [
            release(at(1), "v1", "v2", Wanted::Promoted, "Succeeded"),
            release(at(11), "v2", "v3", Wanted::RolledBack, "Failed"),
        ];
        let report = Report::new(vec![
            record(at(0), 200, "v1"),
            record(at(5), 200, "v2"),
            record(at(12), 200, "v2"),
            record(at(13), 500, "v3"),
            record(at(20), 200, "v2"),
        ]);
        verdict(&releases, &report).unwrap();
        let text = render(&releases, &report);
        assert!(text.contains("promoted") && text.contains("4.0 s on v2"), "{text}");
        assert!(text.contains("rolled back") && text.contains("9.0 s on v2"), "{text}");
        assert!(text.contains("5 requests, 0 lost"), "{text}");
    }

    #[test]
    fn a_bad_release_that_was_promoted_does_not_hold() {
        let begin = Instant::now();
        let releases = [release(begin, "v2", "v3", Wanted::RolledBack, "Succeeded")];
        let report = Report::new(vec![record(begin, 200, "v2")]);
        let said = verdict(&releases, &report).unwrap_err().to_string();
        assert_eq!(said, "the release of v3 ended Succeeded, not Failed");
    }
}
