//! A Deployment that a policy would enrol, before it is stored: whoever may not make a Canary gets none by way of it, so it stays
//! a plain one. So does one whose pair could not be made beside what is there.
//!
//! Asked in the mutating phase, where it still decides what is stored; a label tells the controller, which would
//! otherwise find the Deployment and enrol it by itself. A later write by somebody who may takes the label off.

use super::Effects;
use crate::admission::facts::{Beside, RequestFacts, pointing_at};
use crate::admission::mutate::deployments::{self, Enrolment};
use crate::admission::review::Response;
use crate::plan::enrolment::pairing;

/// Why nothing is held for a pair that is planned.
enum Apart {
    /// It cannot be made, for this reason.
    Refused(String),
    /// Whether it can is not known: this could not be looked at in time.
    Unseen(&'static str),
}

impl Effects {
    /// The answer to a write by which the policy would enrol the Deployment.
    pub(super) async fn enrol(&self, facts: RequestFacts<'_>) -> Response {
        let request = facts.request();
        let (user, namespace) = (&request.user_info, request.namespace.as_str());
        let may = self.rights.may_create_canaries(user, namespace);
        let (may, pairable) = tokio::join!(may, self.pairable(&facts));
        let mut target = facts.deployment().clone();
        let mut told = None;
        match (may, pairable) {
            (Ok(false), _) => {
                let why = format!("{:?} may not create canaries.flagger.app in {namespace}", user.username);
                target.enrolment = Enrolment::Denied(why);
            }
            (_, Err(Apart::Refused(why))) => target.enrolment = Enrolment::Refused(why),
            // It serves as if no controller were there, until that has looked: nothing is held for a pair that may never be.
            (_, Err(Apart::Unseen(what))) => {
                target.controller_alive = false;
                let name = request.object_name();
                told = Some(format!(
                    "coalmine: {name}: {what} could not be looked at in time; the controller looks again"
                ));
            }
            (Ok(true), Ok(())) => {}
            // The controller, which acts for the namespace, enrols it.
            (Err(error), Ok(())) => tracing::warn!(%error, "cannot ask for the requester's rights"),
        }
        deployments::mutate(request, &target)
            .into_response()
            .with_warnings(told)
    }

    /// Whether the pair that the policy would make of the Deployment can be made beside what is there; looked for when it is
    /// first planned, before anything is held.
    async fn pairable(&self, facts: &RequestFacts<'_>) -> Result<(), Apart> {
        let beside = self.beside(facts).await;
        let beside = beside.ok_or(Apart::Unseen("Services and workloads of the namespace"))?;
        let plan = facts.generated(&beside).map_err(Apart::Refused)?;
        let (target, pair) = (facts.target(), &plan.blueprint);
        let known = facts.view().surroundings(&facts.request().namespace, pair);
        let around = self.generator.surroundings(target, pair, known).await;
        let around = around.map_err(Apart::Unseen)?;
        pairing::check(target, &plan.selector, pair, &around).map_err(|why| Apart::Refused(why.to_string()))
    }

    /// The Services of the namespace of the request, and who else may stand behind one that points at the pods of its
    /// Deployment, looked up only where there is such a Service; nothing when that could not be done in time.
    pub(super) async fn beside(&self, facts: &RequestFacts<'_>) -> Option<Beside> {
        let request = facts.request();
        let services = self.generator.services(&request.namespace).await?;
        let known = services.as_deref().unwrap_or_else(|| facts.services());
        let is_pointed_at = !pointing_at(known, &request.object).is_empty();
        let workloads = match is_pointed_at {
            true => self.generator.workloads(&request.namespace).await?,
            false => Vec::new(),
        };
        Some(Beside { services, workloads })
    }
}
