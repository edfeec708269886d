//! A second revision while one is being released: what the policy makes of it.

use crate::admission::mutate::deployments::target::Target;
use crate::admission::mutate::deployments::{CanarySummary, CoarseStage, Enrolment, TargetFacts};
use crate::admission::review::{Cause, CauseReason, Denial, Operation, Request};
use crate::api::policy::OnNewRevision;

/// The refusal of a template that would end the run in progress, where the policy says Refuse. The revision that serves
/// may always be applied: it takes the other one back.
pub fn refused(request: &Request, facts: &TargetFacts) -> Option<Denial> {
    let Enrolment::Canary(canary) = &facts.enrolment else {
        return None;
    };
    let (old, new) = (Target(&request.old_object), Target(&request.object));
    let asked = request.operation == Operation::Update && facts.on_new_revision == OnNewRevision::Refuse;
    if !asked || !under_way(canary, old) {
        return None;
    }
    let revision = new.revision();
    if revision == old.revision() || canary.promoted.as_deref() == Some(revision.as_str()) {
        return None;
    }
    let message = format!(
        "Forbidden: canary/{} is releasing a revision and its CanaryPolicy refuses another one meanwhile \
         (onNewRevision: Refuse); apply it again when that has ended, or the revision that serves to end it now",
        canary.name
    );
    let cause = Cause {
        reason: CauseReason::Forbidden,
        field: "spec.template".to_owned(),
        message,
    };
    Some(Denial::invalid(request, vec![cause]))
}

// Also between the write of a revision and the controller's first look at it.
fn under_way(canary: &CanarySummary, old: Target<'_>) -> bool {
    match canary.stage {
        CoarseStage::Waiting | CoarseStage::Running | CoarseStage::Promoting => true,
        CoarseStage::Rest | CoarseStage::Failed => {
            let stored = old.revision();
            let known = [&canary.promoted, &canary.failed];
            canary.promoted.is_some() && !known.contains(&&Some(stored))
        }
        CoarseStage::Building | CoarseStage::Leaving => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::mutate::deployments::tests::{managed, with_canary};
    use serde_json::Value;

    fn ask(stage: CoarseStage, stored: &Value, sent: &Value, policy: OnNewRevision) -> Option<Denial> {
        let request = Request {
            name: "shop".into(),
            operation: Operation::Update,
            object: sent.clone(),
            old_object: stored.clone(),
            ..Request::default()
        };
        let facts = TargetFacts {
            on_new_revision: policy,
            ..with_canary(stage)
        };
        refused(&request, &facts)
    }

    #[test]
    fn another_revision_is_refused_in_a_run_and_nothing_else_is() {
        let (v1, v2, v3) = (
            managed("rest", 0, "3", "v1"),
            managed("serving", 3, "3", "v2"),
            managed("serving", 3, "3", "v3"),
        );
        let refuse = OnNewRevision::Refuse;
        for stage in [CoarseStage::Waiting, CoarseStage::Promoting] {
            assert!(ask(stage, &v2, &v3, refuse).is_some(), "{stage:?}");
        }
        let denial = ask(CoarseStage::Running, &v2, &v3, refuse).unwrap();
        assert_eq!((denial.code, denial.reason), (422, "Invalid"));
        assert_eq!(denial.causes[0].field, "spec.template");
        assert_eq!(denial.causes[0].reason, CauseReason::Forbidden);

        let mut scaled = v2.clone();
        scaled["spec"]["replicas"] = 5.into();
        for (stage, stored, sent) in [
            (CoarseStage::Running, &v2, &v2),
            (CoarseStage::Running, &v2, &v1),
            (CoarseStage::Running, &v2, &scaled),
            (CoarseStage::Rest, &v1, &v3),
            (CoarseStage::Building, &v1, &v3),
            (CoarseStage::Leaving, &v2, &v3),
        ] {
            assert_eq!(ask(stage, stored, sent, refuse), None, "{stage:?}");
        }
        assert!(
            ask(CoarseStage::Rest, &v2, &v3, refuse).is_some(),
            "stored, its run about to start"
        );
        for other in [OnNewRevision::Restart, OnNewRevision::Queue] {
            assert_eq!(ask(CoarseStage::Running, &v2, &v3, other), None);
        }
    }
}
