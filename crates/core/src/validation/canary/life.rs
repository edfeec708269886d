//! What may not change, and what surprises at the beginning.

use crate::api::Canary;
use crate::api::canary::Phase;
use crate::validation::report::Report;

pub(super) fn check(report: &mut Report, new: &Canary, old: Option<&Canary>) {
    match old {
        Some(old) => changed(report, new, old),
        None => created(report, new),
    }
}

fn changed(report: &mut Report, new: &Canary, old: &Canary) {
    let phase = old.status.as_ref().map(|status| status.phase).unwrap_or_default();
    if new.spec.target_ref != old.spec.target_ref && (phase.in_run() || phase == Phase::Waiting) {
        let why = format!("immutable while the phase is {phase}; wait for the end of the run or abort it first");
        report.forbidden("spec.targetRef", why);
    }
    let busy = phase.in_run() || matches!(phase, Phase::Waiting | Phase::Terminating);
    if busy && new.provider("") != old.provider("") {
        let why = format!(
            "immutable while the phase is {phase}: the run's weights are in the objects of {:?}; wait for the end of the run \
             or abort it first",
            old.provider("")
        );
        report.forbidden("spec.provider", why);
    }
    let built = !matches!(phase, Phase::Unset | Phase::Initializing);
    if built && new.spec.target_ref == old.spec.target_ref && new.service_name() != old.service_name() {
        let why = format!(
            "immutable once {:?} serves: the old Services and routes would stay and conflict; delete and recreate the Canary",
            old.service_name()
        );
        report.forbidden("spec.service.name", why);
    }
    if old.reverts_on_deletion() && !new.reverts_on_deletion() {
        reverting(report, new);
    }
}

fn created(report: &mut Report, new: &Canary) {
    if !new.reverts_on_deletion() {
        reverting(report, new);
    }
    if new.suspended() {
        report.warn("spec.suspend", "nothing is created until it is false");
    }
}

fn reverting(report: &mut Report, new: &Canary) {
    let text = format!(
        "deleting this Canary removes {} while {} rests at 0",
        new.primary_name(),
        new.target_name()
    );
    report.warn("spec.revertOnDeletion", text);
}
