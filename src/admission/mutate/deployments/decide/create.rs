//! A new Deployment.

use super::warnings;
use crate::admission::mutate::deployments::desired::DesiredFields;
use crate::admission::mutate::deployments::overrides::Overrides;
use crate::admission::mutate::deployments::release::{self, Signature};
use crate::admission::mutate::deployments::target::{Target, intent};
use crate::admission::mutate::deployments::{CanarySummary, CoarseStage, Enrolment, TargetFacts};
use crate::admission::review::Decision;
use crate::api::labels::{self, TargetState};

/// What becomes of a new target; `None` leaves it alone.
///
/// While no pair serves, the target's replicas are held at 0 only if a controller is there to build primary at once;
/// otherwise the target serves as if we were not here, until one comes.
pub fn decide(new: Target<'_>, facts: &TargetFacts) -> Option<DesiredFields> {
    let state = match &facts.enrolment {
        Enrolment::No => return stray(new, None),
        Enrolment::Refused(reason) => return stray(new, Some(reason)),
        Enrolment::Denied(reason) => return stray(new, Some(reason)).map(|fields| fields.denied(labels::TRUE)),
        Enrolment::Unasked(reason) => return stray(new, Some(reason)).map(|fields| fields.denied(labels::UNASKED)),
        Enrolment::Canary(CanarySummary {
            stage: CoarseStage::Leaving,
            ..
        }) => return stray(new, None),
        Enrolment::Policy(_) => bootstrap(facts, false),
        Enrolment::Canary(CanarySummary {
            stage: CoarseStage::Building,
            suspended,
            unbuilt,
            ..
        }) => bootstrap(facts, *suspended || unbuilt.is_some()),
        Enrolment::Canary(_) => TargetState::Rest,
    };
    Some(managed(new, state, facts))
}

/// The target as one half of a pair, in `state`.
fn managed(new: Target<'_>, state: TargetState, facts: &TargetFacts) -> DesiredFields {
    let desired = intent::on_create(new);
    let mut fields = DesiredFields::new(Decision::Managed(state));
    fields.set(labels::MANAGED, "true");
    fields.set(labels::DESIRED_REPLICAS, desired.to_string());
    fields.set(labels::STATE, state.as_str());
    let revision = new.revision();
    fields.mark(release::of(state, None, &revision, facts));
    fields.signature = Signature::New;
    fields.set(labels::REVISION, revision);
    for label in [labels::HELD, labels::GENERATED, labels::DENIED] {
        fields.unset(label);
    }
    fields.replicas = Some(if state == TargetState::Hot { desired } else { 0 });
    fields.overrides = match state {
        TargetState::Hot => Overrides::Off,
        _ => Overrides::Current,
    };
    fields.warnings.push(line(new, facts, state));
    if desired == 0 {
        fields.warnings.push(format!(
            "coalmine: {} sleeps, since 0 replicas are wanted: no pod starts until it is given some",
            new.name()
        ));
    }
    fields
}

fn bootstrap(facts: &TargetFacts, waits: bool) -> TargetState {
    if facts.controller_alive && !waits {
        TargetState::Cold
    } else {
        TargetState::Hot
    }
}

/// A Deployment that is nobody's half carries none of our labels (it may be a copy of one that is), and starts with the
/// replicas that the copy's labels say were wanted.
fn stray(new: Target<'_>, reason: Option<&String>) -> Option<DesiredFields> {
    let mut fields = DesiredFields::new(Decision::Unmanaged);
    fields
        .warnings
        .extend(reason.map(|why| format!("deployment/{} is not released as a canary: {why}", new.name())));
    if labels::OF_TARGETS.iter().any(|label| new.label(label).is_some()) {
        labels::OF_TARGETS.iter().for_each(|label| fields.unset(label));
        fields.replicas = Some(intent::on_create(new));
    }
    Some(fields)
}

fn line(new: Target<'_>, facts: &TargetFacts, state: TargetState) -> String {
    let name = new.name();
    match state {
        TargetState::Cold => {
            format!("coalmine: {name} starts as {name}-primary; later revisions are released as canaries")
        }
        TargetState::Hot if facts.unbuilt().is_some() => warnings::unbuilt(name, facts),
        TargetState::Hot => format!("coalmine: {name} serves as it is until the controller has built {name}-primary"),
        TargetState::Serving | TargetState::Rest => {
            let promoted = match &facts.enrolment {
                Enrolment::Canary(canary) => canary.promoted.as_deref(),
                _ => None,
            };
            if promoted == Some(new.revision().as_str()) {
                format!("coalmine: {name}-primary already serves this revision; nothing to analyse")
            } else {
                format!("coalmine: {name}-primary goes on serving; analysis of this revision will start")
            }
        }
    }
}
