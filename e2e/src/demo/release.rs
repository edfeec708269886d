//! One release of the demo, timed from its apply.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::load::Report;
use crate::scene::{App, Scene, wait_for};

/// How long a release of the demo may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// How a release ought to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Every user on the new version.
    Promoted,
    /// Every user back on the old one.
    RolledBack,
}

/// A release that came to its end.
#[derive(Clone, Debug)]
pub struct DemoRelease {
    /// The version that served before.
    pub from: String,
    /// The version released.
    pub to: String,
    /// How it ought to end.
    pub wanted: Wanted,
    /// The phase it ended in.
    pub phase: String,
    /// When the apply began.
    pub applied: Instant,
    /// When the phase was seen.
    pub finished: Instant,
}

impl DemoRelease {
    /// Applies `next` over `now` and waits for the end, whichever it is.
    pub async fn make(scene: &Scene, now: &App, next: &App, wanted: Wanted) -> Result<Self> {
        let applied = Instant::now();
        super::apply(scene, next).await?;
        let name = next.name();
        let objects = scene.objects();
        wait_for("the release to begin", Duration::from_secs(30), async || {
            let seen = objects.canary(name).await?;
            Ok(seen.filter(|seen| !is_at_rest(seen.phase())))
        })
        .await?;
        let ended = wait_for("the release to end", PATIENCE, async || {
            let seen = objects.canary(name).await?;
            Ok(seen.filter(|seen| is_at_rest(seen.phase())))
        })
        .await?;
        Ok(Self {
            from: now.version().to_owned(),
            to: next.version().to_owned(),
            wanted,
            phase: ended.phase().to_owned(),
            applied,
            finished: Instant::now(),
        })
    }

    /// The version everybody should be on at the end.
    pub fn survivor(&self) -> &str {
        match self.wanted {
            Wanted::Promoted => &self.to,
            Wanted::RolledBack => &self.from,
        }
    }

    /// Seconds from the apply until every user was on the surviving version for good; `until` bounds the view to
    /// before the next release.
    pub fn all_users(&self, report: &Report, until: Instant) -> Option<Duration> {
        let since = report.all_on_before(self.survivor(), until)?;
        Some(since.saturating_duration_since(self.applied))
    }

    /// Fails unless it ended as it should.
    pub fn held(&self) -> Result<()> {
        let phase = match self.wanted {
            Wanted::Promoted => "Succeeded",
            Wanted::RolledBack => "Failed",
        };
        ensure!(
            self.phase == phase,
            "the release of {} ended {}, not {phase}",
            self.to,
            self.phase
        );
        Ok(())
    }
}

fn is_at_rest(phase: &str) -> bool {
    matches!(phase, "Initialized" | "Succeeded" | "Failed")
}
