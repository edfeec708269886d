//! What is wrong with an app at rest, or on its way out.

use crate::analysis::{Observation, Rollout, Stage, State};
use crate::api::canary::Phase;
use crate::api::canary::status::conditions::Trouble;
use crate::api::{Canary, labels};
use jiff::Timestamp;
use std::time::Duration;

/// How long an app at rest may not serve before its Canary says so: pods may be starting.
const STARTS: Duration = Duration::from_secs(10);

/// What a Canary on its way out says to people when it waits.
pub(super) fn leaving(canary: &Canary, state: &State, seen: &Observation) -> Option<Trouble> {
    let leaves = matches!(state.stage, Stage::LeavingScale | Stage::LeavingSwitch);
    if !leaves || state.reason.is_none() {
        return None;
    }
    let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
    let object = seen.target.as_ref()?;
    let why = match (&object.trouble, &object.rollout, &seen.route_trouble) {
        (Some(trouble), ..) => trouble.clone(),
        (None, Rollout::Waiting(why) | Rollout::Failed(why), _) => why.clone(),
        (None, Rollout::Ready, Some(why)) => why.clone(),
        (None, Rollout::Ready, None) => String::from("its traffic is not where it is to be yet"),
    };
    Some(Trouble {
        reason: "LeavingWaits",
        message: format!("{kind} {target} must serve in place of {target}-primary before the Canary is removed: {why}"),
        stalled: true,
    })
}

/// What a target that is left alone says to people: Flagger left it different from what primary serves.
pub(super) fn left_alone(canary: &Canary, state: &State) -> Option<Trouble> {
    let passed = matches!(state.phase, Phase::Initialized | Phase::Succeeded);
    if state.stage != Stage::Rest || !passed || state.dry_run || state.last_applied == state.last_promoted {
        return None;
    }
    let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
    Some(Trouble {
        reason: "NotStarted",
        message: format!(
            "{kind} {target} differs from what {target}-primary serves since before Coalmine took over from Flagger, and \
             is not released by itself; change {kind} {target}, or annotate the Canary with {}=true to release it as it is",
            labels::RESET
        ),
        stalled: true,
    })
}

/// What an app at rest says that answers nobody, once that has lasted longer than pods that start do.
pub(super) fn silent(canary: &Canary, state: &State, seen: &Observation, now: Timestamp) -> Option<Trouble> {
    let lasts = |since: Timestamp| now.duration_since(since).as_secs() >= STARTS.as_secs().cast_signed();
    if state.stage != Stage::Rest || !state.stalled.is_some_and(lasts) {
        return None;
    }
    let target = canary.target_name();
    let message = match (
        &seen.route_trouble,
        seen.primary.as_ref().map(|primary| &primary.rollout),
    ) {
        (Some(why), _) => format!("Traffic of {target} does not arrive as asked: {why}"),
        (None, Some(Rollout::Waiting(why) | Rollout::Failed(why))) => {
            format!("{target}-primary has no ready pod, so nobody is answered: {why}")
        }
        (None, _) => format!("{target}-primary has no ready pod, so nobody is answered"),
    };
    Some(Trouble {
        reason: "NotServing",
        message,
        stalled: false,
    })
}

/// What a Canary that stays behind says to people when its app was given back by order.
pub(super) fn given_back(canary: &Canary, state: &State) -> Option<Trouble> {
    if state.stage != Stage::Left || canary.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let (kind, target) = (&canary.spec.target_ref.kind, canary.target_name());
    Some(Trouble {
        reason: "GivenBack",
        message: format!(
            "Coalmine was told to leave: {kind} {target} serves by itself and is not released as a canary any more. It is taken \
             up again when that order is taken back (coalmine leave --cancel) or Coalmine is installed anew"
        ),
        stalled: true,
    })
}
