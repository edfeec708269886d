//! How many pods: of a half, and out of all that there are.
//!
//! Where primary has an autoscaler of its own, its replicas are that one's, which this program must not fight: nothing lowers
//! them, and they are raised only while primary is idle and traffic is about to come back. While a run lasts, primary's
//! autoscaler has as its minimum what primary ran when the run started: the load that a canary takes over must not shrink the
//! half that everybody falls back to.

use super::{Observation, State, Target};

/// How many of `all` pods are enough by a threshold in percent: at least one, where any is asked for.
pub(super) fn enough(all: u32, threshold: u32) -> u32 {
    let part = u64::from(all) * u64::from(threshold.min(100)) / 100;
    u32::try_from(part).unwrap_or(all).max(1).min(all)
}

/// How many of `all` pods carry a share of `weight` percent.
pub(super) fn share_of(all: u32, weight: u8) -> u32 {
    let part = (u64::from(all) * u64::from(weight.min(100))).div_ceil(100);
    u32::try_from(part).unwrap_or(all)
}

impl State {
    /// The target's size at the start of a run.
    pub(super) fn run_size(&self, target: &Target, seen: &Observation) -> u32 {
        let size = if seen.scaler.is_some() {
            self.min_replicas
        } else {
            target.wanted
        };
        size.max(1)
    }

    // Recorded when a run starts and, since primary may have grown in it, when it is about to be promoted.
    pub(super) fn remember_size(&mut self, seen: &Observation) {
        let primary = seen.primary.as_ref().map_or(0, |p| p.replicas);
        self.min_replicas = if seen.scaler.is_some() {
            self.min_replicas.max(primary)
        } else {
            0
        };
    }
}

/// What primary is to run before traffic comes back to it: as many pods as carry it now, where an autoscaler decides.
pub(super) fn returning_size(seen: &Observation) -> u32 {
    let primary = seen.primary.as_ref().map(|p| p.replicas);
    let Some(target) = &seen.target else {
        return primary.unwrap_or(1);
    };
    match seen.scaler {
        // It goes to sleep once traffic is back.
        None if target.wanted == 0 => target.replicas,
        None => target.wanted,
        Some(scaler) => target.wanted.max(target.replicas.min(scaler.max)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_and_shares_count_whole_pods() {
        for (all, threshold, pods) in [
            (2, 50, 1),
            (2, 100, 2),
            (3, 50, 1),
            (10, 80, 8),
            (1, 0, 1),
            (0, 100, 0),
            (4, 250, 4),
        ] {
            assert_eq!(enough(all, threshold), pods, "{threshold} % of {all}");
        }
        for (all, weight, pods) in [
            (4, 50, 2),
            (4, 80, 4),
            (1, 1, 1),
            (10, 15, 2),
            (3, 0, 0),
            (u32::MAX, 100, u32::MAX),
        ] {
            assert_eq!(share_of(all, weight), pods, "{weight} % of {all}");
        }
    }
}
