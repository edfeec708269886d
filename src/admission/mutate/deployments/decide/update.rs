//! A changed Deployment.

use super::change::{Change, another_revision};
use super::warnings;
use crate::admission::mutate::deployments::desired::DesiredFields;
use crate::admission::mutate::deployments::target::{Target, intent};
use crate::admission::mutate::deployments::{CanarySummary, CoarseStage, Enrolment, TargetFacts};
use crate::admission::review::Decision;
use crate::api::labels;

/// What becomes of a changed target; `None` leaves it alone.
pub fn decide(old: Target<'_>, new: Target<'_>, facts: &TargetFacts) -> Option<DesiredFields> {
    match &facts.enrolment {
        Enrolment::No => strip(old, new, None),
        Enrolment::Refused(reason) => strip(old, new, Some(reason)),
        Enrolment::Denied(reason) => Some(unenrolled(old, new, reason).denied(labels::TRUE)),
        Enrolment::Unasked(reason) => Some(unenrolled(old, new, reason).denied(labels::UNASKED)),
        // Once the controller has taken its labels off on the way out, the target is not taken in again.
        Enrolment::Canary(CanarySummary {
            stage: CoarseStage::Leaving,
            ..
        }) if !old.managed() => strip(old, new, None),
        Enrolment::Policy(_) | Enrolment::Canary(_) => Some(managed(old, new, facts)),
    }
}

/// The target as one half of a pair.
fn managed(old: Target<'_>, new: Target<'_>, facts: &TargetFacts) -> DesiredFields {
    let change = Change::of(old, new, facts);
    let desired = intent::on_update(old, new);
    let (paused, ours) = change.pause();
    let mut fields = DesiredFields::new(Decision::Managed(change.state));
    fields.replicas = Some(change.replicas(desired));
    fields.paused = Some(paused);
    change.bring(&mut fields, facts);
    change.label(&mut fields, desired, ours);
    change.carry(&mut fields);
    fields.warnings.extend(warnings::line(&change, facts, desired, ours));
    fields
}

/// Whoever sends it may not make a Canary, as far as is known: the target is a plain Deployment.
fn unenrolled(old: Target<'_>, new: Target<'_>, reason: &str) -> DesiredFields {
    let mut fields = strip(old, new, Some(reason)).unwrap_or_else(|| DesiredFields::new(Decision::Unauthorized));
    if fields.warnings.is_empty() && another_revision(old, new).is_some() {
        fields.warnings.push(plain(new, reason));
    }
    fields
}

fn plain(new: Target<'_>, why: &str) -> String {
    format!("deployment/{} is not released as a canary: {why}", new.name())
}

/// No Canary is for the target: our labels go, and so does a pause of ours, which nobody else would end.
fn strip(old: Target<'_>, new: Target<'_>, reason: Option<&str>) -> Option<DesiredFields> {
    if !labels::OF_TARGETS
        .iter()
        .any(|label| new.label(label).is_some() || old.label(label).is_some())
    {
        let changed = another_revision(old, new).is_some();
        return reason.filter(|_| changed).map(|why| DesiredFields {
            warnings: vec![plain(new, why)],
            ..DesiredFields::new(Decision::Unmanaged)
        });
    }
    let mut fields = DesiredFields::new(Decision::Stripped);
    labels::OF_TARGETS.iter().for_each(|label| fields.unset(label));
    // Our own output coming round again: what was held of it is what its author sent.
    if !old.managed() && new.managed() {
        fields.replicas = Some(intent::on_update(old, new));
    }
    if new.is_held() || (old.is_held() && new.paused()) {
        fields.paused = Some(false);
    }
    Some(fields)
}
