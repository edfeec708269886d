//! How far the release of the template is that the target has.

use crate::analysis::{Stage, State};
use crate::api::{canary::Phase, labels::ReleaseState};

/// What the label `coalmine.dev/release` says of a target of `revision` in `state`; `None` where the pair is being built or
/// taken apart, and where nothing is known of how that revision came to be.
pub(super) fn of(state: &State, revision: &str) -> Option<ReleaseState> {
    let is = |known: &Option<String>| known.as_deref() == Some(revision);
    let (applied, promoted) = (is(&state.last_applied), is(&state.last_promoted));
    match state.stage {
        Stage::Building | Stage::Switching | Stage::LeavingScale | Stage::LeavingSwitch | Stage::Left => None,
        Stage::Rest if applied && state.phase == Phase::Failed => Some(ReleaseState::Failed),
        Stage::Rest if promoted => Some(ReleaseState::Succeeded),
        // A dry run has passed, and promotes nothing. What else Flagger left so is nobody's release.
        Stage::Rest if applied => (state.phase == Phase::Waiting).then_some(ReleaseState::Pending),
        Stage::Rest | Stage::Waiting => Some(ReleaseState::Pending),
        // What is applied again in mid-run calls the run off.
        _ if applied || promoted => Some(ReleaseState::Running),
        _ => Some(ReleaseState::Pending),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_target_says_how_far_its_own_template_is() {
        for (stage, phase, revision, expected) in [
            (Stage::Rest, Phase::Initialized, "v1-old", Some(ReleaseState::Succeeded)),
            (Stage::Rest, Phase::Succeeded, "v1-next", Some(ReleaseState::Pending)),
            (Stage::Waiting, Phase::Waiting, "v1-new", Some(ReleaseState::Pending)),
            (
                Stage::Analysing,
                Phase::Progressing,
                "v1-new",
                Some(ReleaseState::Running),
            ),
            (
                Stage::Draining,
                Phase::Finalising,
                "v1-new",
                Some(ReleaseState::Running),
            ),
            // What comes in mid-run is not what runs; what was promoted calls the run off.
            (
                Stage::Analysing,
                Phase::Progressing,
                "v1-next",
                Some(ReleaseState::Pending),
            ),
            (
                Stage::Cancelling,
                Phase::Progressing,
                "v1-old",
                Some(ReleaseState::Running),
            ),
            (Stage::Rest, Phase::Failed, "v1-new", Some(ReleaseState::Failed)),
            (Stage::Rest, Phase::Failed, "v1-old", Some(ReleaseState::Succeeded)),
            // A dry run that has passed; what Flagger left.
            (Stage::Rest, Phase::Waiting, "v1-new", Some(ReleaseState::Pending)),
            (Stage::Rest, Phase::Initialized, "v1-new", None),
            (Stage::Building, Phase::Initializing, "v1-new", None),
            (Stage::Left, Phase::Terminated, "v1-old", None),
        ] {
            let state = State {
                stage,
                phase,
                last_applied: Some("v1-new".to_owned()),
                last_promoted: Some("v1-old".to_owned()),
                ..State::new(Timestamp::UNIX_EPOCH)
            };
            assert_eq!(of(&state, revision), expected, "{stage:?} {phase:?} {revision}");
        }
    }
}
