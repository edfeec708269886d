//! What a policy means once defaults are applied.

use super::{Announce, CanaryPolicySpec, FreezeWindow, GuardRails, OnNewRevision, OptOut};
use crate::duration::GoDuration;
use crate::number::Number;
use std::time::Duration;

/// Name of the policy used where no `coalmine.dev/policy` names another.
pub const DEFAULT_POLICY: &str = "default";

impl CanaryPolicySpec {
    /// Whether Deployments already there are enrolled; default true.
    pub fn adopts_existing(&self) -> bool {
        self.adopt_existing.unwrap_or(true)
    }

    /// Whether a Deployment may leave itself out; default false.
    pub fn allows_opt_out(&self) -> bool {
        self.opt_out.unwrap_or_default() == OptOut::Allowed
    }

    /// What a second revision does during a run; default Restart.
    pub fn on_new_revision(&self) -> OnNewRevision {
        self.on_new_revision.unwrap_or_default()
    }

    /// When a Canary's conditions stop answering for the template before; default Deployment.
    pub fn announce(&self) -> Announce {
        self.announce.unwrap_or_default()
    }

    /// Most runs at once; `None` means no bound.
    pub fn max_concurrent(&self) -> Option<usize> {
        self.max_concurrent
            .and_then(|n| usize::try_from(n.int()).ok())
            .filter(|n| *n > 0)
    }

    /// Time until a data plane uses a change; `None` means the provider's default.
    pub fn settle(&self) -> Option<Duration> {
        self.settle_seconds.and_then(seconds)
    }

    /// Time between the end of traffic and the stop of pods; `None` means the provider's default.
    pub fn drain(&self) -> Option<Duration> {
        self.drain_seconds.and_then(seconds)
    }

    /// How long a generated pair outlives its Deployment; default 30 s.
    pub fn deletion_grace(&self) -> Duration {
        self.deletion_grace_seconds
            .and_then(seconds)
            .unwrap_or(Duration::from_secs(30))
    }
}

/// Seconds, fractions allowed; `None` when negative or beyond all measure.
fn seconds(number: Number) -> Option<Duration> {
    Duration::try_from_secs_f64(number.value()).ok()
}

impl GuardRails {
    /// Least spacing of checks; `None` when not bounded or unreadable.
    pub fn min_interval(&self) -> Option<Duration> {
        self.min_interval
            .as_deref()
            .and_then(|text| GoDuration::parse(text).ok())
            .map(GoDuration::to_std)
    }
}

impl FreezeWindow {
    /// Length of the window; `None` when unreadable or not positive.
    pub fn duration(&self) -> Option<Duration> {
        GoDuration::parse(&self.duration)
            .ok()
            .map(GoDuration::to_std)
            .filter(|d| !d.is_zero())
    }

    /// Time zone of the schedule; default UTC.
    pub fn time_zone(&self) -> &str {
        self.time_zone
            .as_deref()
            .filter(|zone| !zone.is_empty())
            .unwrap_or("UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_policy_has_the_documented_defaults() {
        let policy = CanaryPolicySpec::default();
        assert!(policy.adopts_existing() && !policy.allows_opt_out());
        assert_eq!(policy.on_new_revision(), OnNewRevision::Restart);
        assert_eq!(policy.announce(), Announce::Deployment);
        assert_eq!(
            (policy.max_concurrent(), policy.settle(), policy.drain()),
            (None, None, None)
        );
        assert_eq!(policy.deletion_grace(), Duration::from_secs(30));
    }

    #[test]
    fn seconds_may_have_fractions_and_never_panic() {
        assert_eq!(seconds(Number(2.5)), Some(Duration::from_millis(2500)));
        assert_eq!(seconds(Number(-1.0)), None);
        assert_eq!(seconds(Number(f64::INFINITY)), None);
    }
}
