//! How far the release of the template is that is stored, and who asked for it: marks on the target, made in the write that
//! brings the template and carried over by every other.
//!
//! Whoever waits for a release looks at the target, which is stored with its mark, so nothing has to be written elsewhere
//! first.

use super::{CoarseStage, Enrolment, TargetFacts};
use crate::admission::review::Request;
use crate::api::labels::{self, ReleaseState, TargetState};
use crate::api::policy::Announce;
use crate::api::requested_by::RequestedBy;
use crate::object::{annotation, label};

/// The annotations that say who brought the stored template, and how its Canary is told.
pub(super) const ANNOTATIONS: [&str; 2] = [labels::REQUESTED_BY, labels::ANNOUNCE];

/// What a write does with [`ANNOTATIONS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Signature {
    /// They go: the target is nobody's half.
    #[default]
    Off,
    /// They stay as they are stored, whatever was sent.
    Keep,
    /// This request brings the template.
    New,
}

/// What the label says of the template of `revision` that is brought, given what it `was`; nothing for one that rolls out
/// by itself because its pair cannot be built.
pub(super) fn of(
    state: TargetState,
    was: Option<ReleaseState>,
    revision: &str,
    facts: &TargetFacts,
) -> Option<ReleaseState> {
    if state == TargetState::Hot && facts.unbuilt().is_some() {
        return None;
    }
    let Enrolment::Canary(canary) = &facts.enrolment else {
        return Some(ReleaseState::Pending);
    };
    // The controller may be at work on what was sent before: it says how that ends.
    let open =
        was.is_some_and(ReleaseState::is_open) || !matches!(canary.stage, CoarseStage::Rest | CoarseStage::Failed);
    // Nor is it known here whether the configs that it reads are those of then.
    let open = open || canary.reads_configs;
    let is = |known: &Option<String>| !open && known.as_deref() == Some(revision);
    Some(if is(&canary.failed) {
        ReleaseState::Failed
    } else if is(&canary.promoted) {
        ReleaseState::Succeeded
    } else {
        ReleaseState::Pending
    })
}

/// What becomes of [`ANNOTATIONS`] by `request`. Only of a revision that is on its way there, which is marked `pending`, is
/// there something to tell.
pub(super) fn annotations(
    signature: Signature,
    is_pending: bool,
    request: &Request,
    facts: &TargetFacts,
) -> Vec<(String, Option<String>)> {
    let stored = |key| annotation(&request.old_object, key).map(str::to_owned);
    let told = is_pending && facts.announce != Announce::Deployment;
    let [by, announce] = match signature {
        Signature::Off => [None, None],
        Signature::Keep => ANNOTATIONS.map(stored),
        Signature::New => [
            Some(sender(request).to_string()),
            told.then(|| facts.announce.as_str().to_owned()),
        ],
    };
    let [by_key, announce_key] = ANNOTATIONS.map(str::to_owned);
    vec![(by_key, by), (announce_key, announce)]
}

fn sender(request: &Request) -> RequestedBy {
    let manager = request
        .options
        .as_ref()
        .and_then(|options| options.field_manager.clone());
    RequestedBy {
        user: request.user_info.username.clone(),
        manager: manager.filter(|name| !name.is_empty()),
    }
}

/// How the Canary of an admitted target is to be told of the template that `request` brings; nothing when it is not.
pub(in crate::admission) fn to_announce(request: &Request) -> Option<Announce> {
    let release = label(&request.object, labels::RELEASE).and_then(ReleaseState::parse);
    let announce = annotation(&request.object, labels::ANNOUNCE).and_then(Announce::parse);
    announce.filter(|_| request.brings_template() && release == Some(ReleaseState::Pending))
}

#[cfg(test)]
mod tests;
