//! One line for the person who applied: what happens next.

use super::change::Change;
use crate::admission::mutate::deployments::{CanarySummary, CoarseStage, Enrolment, TargetFacts};
use crate::api::labels::TargetState;
use crate::api::policy::OnNewRevision;

/// The line for an UPDATE; nothing when nothing of interest changes, so that a GitOps tool's re-apply stays silent.
pub(super) fn line(change: &Change<'_>, facts: &TargetFacts, desired: i64, held: bool) -> Option<String> {
    let name = change.new.name();
    let building = CanarySummary::default();
    let canary = match &facts.enrolment {
        Enrolment::Canary(canary) => canary,
        _ => &building,
    };
    let Some(revision) = &change.template else {
        return rescaled(change, desired).map(|text| format!("coalmine: {name}: no template change; {text}"));
    };
    let text = match (canary.suspended, change.state) {
        _ if canary.stage == CoarseStage::Leaving => "held while the pair is taken apart".to_owned(),
        (false, TargetState::Serving | TargetState::Rest) if desired == 0 => asleep(canary, revision),
        (false, TargetState::Serving | TargetState::Rest) if change.new.paused() && !held => {
            "recorded under your pause; analysed when it ends (kubectl rollout resume)".to_owned()
        }
        (true, _) => "recorded while suspended; released when the Canary is resumed".to_owned(),
        (_, TargetState::Cold) => format!("{name}-primary is built from this revision; no analysis"),
        (_, TargetState::Hot) if !change.waits => return Some(unbuilt(name, facts)),
        (_, TargetState::Hot) => format!("held while {name}-primary is built from the running revision; then analysed"),
        (_, TargetState::Serving | TargetState::Rest) => released(canary, facts.on_new_revision, revision, held),
    };
    Some(format!("coalmine: {name}: {text}"))
}

/// The line while the pair cannot be built.
pub(super) fn unbuilt(name: &str, facts: &TargetFacts) -> String {
    let why = facts.unbuilt().unwrap_or_default();
    format!("coalmine: {name}: not analysed, it rolls out by itself: {why}")
}

// No pods are wanted of the app, so none of another revision starts.
fn asleep(canary: &CanarySummary, revision: &str) -> String {
    if canary.promoted.as_deref() == Some(revision) {
        return "equals the promoted revision; nothing to analyse".to_owned();
    }
    "the app sleeps (0 replicas); this revision is analysed when it wakes".to_owned()
}

fn released(canary: &CanarySummary, second: OnNewRevision, revision: &str, held: bool) -> String {
    let promoted = canary.promoted.as_deref() == Some(revision);
    if canary.stage == CoarseStage::Failed && canary.failed.as_deref() == Some(revision) {
        return "this revision failed before and is not tried again; change it to retry".to_owned();
    }
    if canary.stage == CoarseStage::Promoting {
        return "released when the promotion under way has ended".to_owned();
    }
    let running = matches!(canary.stage, CoarseStage::Waiting | CoarseStage::Running);
    if running && second == OnNewRevision::Queue && !promoted {
        return "queued; analysed when the run in progress has ended".to_owned();
    }
    let text = match (promoted, running) {
        (true, true) => "equals the promoted revision; the rollout is cancelled",
        (true, _) => "equals the promoted revision; nothing to analyse",
        (false, true) => "analysis restarts with this revision",
        (false, _) => "analysis will start",
    };
    if held && !promoted {
        return format!("{text} once traffic has left the pods that serve now");
    }
    text.to_owned()
}

/// A new number of replicas, and who follows it when.
fn rescaled(change: &Change<'_>, desired: i64) -> Option<String> {
    let before = change.old.desired().unwrap_or(change.old.replicas());
    if desired == before {
        return None;
    }
    let name = change.new.name();
    Some(match change.state {
        TargetState::Rest | TargetState::Cold if desired == 0 => {
            format!("the app sleeps (0 replicas), {name}-primary too, until it is given replicas again")
        }
        TargetState::Serving | TargetState::Hot if desired == 0 => {
            "the app sleeps (0 replicas) as soon as no request is lost by it; a release under way waits until it wakes"
                .to_owned()
        }
        TargetState::Rest | TargetState::Cold => format!("{name}-primary is scaled to {desired}"),
        TargetState::Serving | TargetState::Hot => format!("{desired} replicas are recorded for {name}-primary"),
    })
}
