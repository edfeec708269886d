//! What is wanted of a target that serves while its pair is built beside it.

use super::{DesiredState, Dismantle, PrimaryTemplate};
use crate::analysis::{Observation, State, Target};
use crate::api::labels::TargetState;
use crate::plan::ApexSide;

impl DesiredState {
    /// The target serves by itself and nothing of its traffic is touched before primary can take it. Where primary cannot
    /// be built, what was held of the target, and what was already turned to a primary without pods, is given back.
    pub(super) fn beside(target: &Target, state: &State, seen: &Observation) -> Self {
        let (hot, free) = (target.is_hot(), state.is_unbuilt());
        let replicas = target.replicas.max(target.wanted);
        let revision = if hot {
            target.active.clone()
        } else {
            Some(target.revision.clone())
        };
        let turned = seen.apex == Some(ApexSide::Primary) || seen.led;
        Self {
            target_state: Some(TargetState::Hot),
            target_replicas: (free && !hot).then_some(replicas),
            unpause: free && target.held,
            primary: revision.map(PrimaryTemplate::Revision),
            primary_replicas: Some(replicas),
            named: true,
            dismantle: if free && turned && !seen.primary_has_pods() {
                Dismantle::Traffic
            } else {
                Dismantle::No
            },
            ..Self::untouched()
        }
    }
}
