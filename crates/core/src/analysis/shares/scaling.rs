//! How many pods the halves run where primary has an autoscaler of its own, which this program must not fight.
//!
//! Primary's replicas are its autoscaler's: nothing here lowers them, and they are raised only while primary is idle and
//! traffic is about to come back. While a run lasts, primary's autoscaler has as its minimum what primary ran when the run
//! started: the load that a canary takes over must not shrink the half that everybody falls back to.

use crate::analysis::{DesiredState, Observation, Stage, State, Target};
use crate::api::labels::TargetState;

impl State {
    /// The target's size at the start of a run.
    pub(in crate::analysis) fn run_size(&self, target: &Target, seen: &Observation) -> u32 {
        let size = if seen.scaler.is_some() {
            self.min_replicas
        } else {
            target.wanted
        };
        size.max(1)
    }

    // Recorded when a run starts and, since primary may have grown in it, when it is about to be promoted.
    pub(in crate::analysis) fn remember_size(&mut self, seen: &Observation) {
        let primary = seen.primary.as_ref().map_or(0, |p| p.replicas);
        self.min_replicas = if seen.scaler.is_some() {
            self.min_replicas.max(primary)
        } else {
            0
        };
    }
}

/// What primary is to run before traffic comes back to it: as many pods as carry it now, where an autoscaler decides.
pub(in crate::analysis) fn returning_size(seen: &Observation) -> u32 {
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

impl DesiredState {
    /// Adds what the stage wants of the autoscalers.
    pub(in crate::analysis) fn with_scalers(self, state: &State, seen: &Observation) -> Self {
        let hot = self.target_state == Some(TargetState::Hot);
        let carried = seen.target.as_ref().map_or(0, |t| t.replicas);
        let (min_replicas, paused) = match state.stage {
            // The target serves, by its own autoscaler; an idle primary would only be shrunk.
            Stage::Building | Stage::Switching if hot => (None, None),
            Stage::Building | Stage::Switching | Stage::Rest | Stage::Waiting => (Some(0), Some(true)),
            Stage::Emptying => (Some(state.min_replicas), Some(true)),
            Stage::Cutover | Stage::Replacing | Stage::Returning | Stage::Draining => {
                (Some(state.min_replicas.max(carried)), Some(false))
            }
            Stage::LeavingScale | Stage::LeavingSwitch => (None, Some(false)),
            Stage::Left => (None, None),
            Stage::Scaling
            | Stage::Settling
            | Stage::Analysing
            | Stage::Faltering
            | Stage::Restarting
            | Stage::Carrying
            | Stage::RollingBack
            | Stage::Cancelling => (Some(state.min_replicas), Some(false)),
        };
        Self {
            autoscaler_min_replicas: min_replicas,
            target_scaler_paused: paused,
            ..self
        }
    }
}
