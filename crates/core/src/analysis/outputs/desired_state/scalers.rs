//! What a stage wants of the autoscalers, see [`crate::analysis::sizes`].

use super::DesiredState;
use crate::analysis::{Observation, Stage, State};
use crate::api::labels::TargetState;

impl DesiredState {
    /// Adds what the stage wants of the autoscalers.
    pub(super) fn with_scalers(self, state: &State, seen: &Observation) -> Self {
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
