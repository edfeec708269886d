//! A Deployment that a policy would enrol, before it is stored: whoever may not make a Canary gets none by way of it, so it stays
//! a plain one. So does one whose pair could not be made beside what is there.
//!
//! Asked in the mutating phase, where it still decides what is stored; a label tells the controller, which would
//! otherwise find the Deployment and enrol it by itself. A later write by somebody who may takes the label off.

use super::Effects;
use crate::admission::effects::generate::{BUDGET, LOOK};
use crate::admission::facts::{Beside, RequestFacts, pointing_at};
use crate::admission::mutate::deployments::{self, Enrolment, TargetFacts};
use crate::admission::review::Response;
use crate::api::labels;
use crate::plan::enrolment::{NotEnrolled, pairing};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Most that looking takes altogether: the API server waits three seconds for the answer, and goes on without one after that.
const PATIENCE: Duration = Duration::from_millis(2200);

/// Why nothing is held for a pair that is planned.
pub(super) enum Apart {
    /// It cannot be made, for this reason.
    Refused(String),
    /// Whether it can is not known: this could not be looked at in time.
    Unseen(&'static str),
    /// A NetworkPolicy of another namespace forbids it, perhaps one that is ignored: the controller looks into that.
    ByOthers(String),
}

impl Apart {
    fn told(&self, name: &str) -> String {
        match self {
            Self::Refused(why) => format!("coalmine: {name}: {why}"),
            Self::Unseen(what) => {
                format!("coalmine: {name}: {what} could not be looked at in time; the controller looks again")
            }
            Self::ByOthers(why) => {
                format!("coalmine: {name}: serves by itself until the controller has checked this: {why}")
            }
        }
    }
}

impl Effects {
    /// The answer to a write by which the policy would enrol the Deployment, or one that the caches do not know yet.
    pub(super) async fn enrol(&self, mut facts: RequestFacts<'_>) -> Response {
        let (request, until) = (facts.request(), Instant::now() + PATIENCE);
        if facts.policy().is_none() || facts.misnamed().is_some() {
            facts = self.caught_up(&facts, BUDGET).await;
        }
        if !is_enrolled(&facts) {
            return deployments::mutate(request, facts.deployment()).into_response();
        }
        let may = self.rights.may_create_canaries(&request.user_info, &request.namespace);
        let caught_up = self.caught_up(&facts, LOOK);
        let (may, beside, facts) = tokio::join!(may, self.beside(&facts), caught_up);
        let mut target = facts.deployment().clone();
        let told = match is_enrolled(&facts) {
            true => self.decide(&facts, (may, beside), &mut target, until).await,
            false => None,
        };
        deployments::mutate(request, &target)
            .into_response()
            .with_warnings(told)
    }

    /// What is known once the caches know what governs the Deployment as it is now, or `within` is over.
    pub(super) async fn caught_up<'a>(&self, facts: &RequestFacts<'a>, within: Duration) -> RequestFacts<'a> {
        let (view, request) = (facts.view(), facts.request());
        self.generator.caught_up(view, request, within).await;
        facts.again()
    }

    /// Whether it is held for its pair, which `target` says afterwards; returns what its sender should know besides.
    async fn decide(
        &self,
        facts: &RequestFacts<'_>,
        (may, beside): (Result<bool, String>, Option<Beside>),
        target: &mut TargetFacts,
        until: Instant,
    ) -> Option<String> {
        let request = facts.request();
        let (user, namespace) = (&request.user_info.username, request.namespace.as_str());
        match may {
            Ok(true) => {}
            Ok(false) => {
                let why = format!("{user:?} may not create canaries.flagger.app in {namespace}");
                target.enrolment = Enrolment::Denied(why);
                return None;
            }
            // Nobody is to get more by way of a busy API server: who may has his Canary made once that is known.
            Err(error) => {
                tracing::warn!(%error, "cannot ask for the requester's rights");
                target.enrolment = Enrolment::Unasked(format!(
                    "whether {user:?} may create canaries.flagger.app in {namespace} could not be asked in time; asked \
                     again for a minute, and when the label {} is taken off",
                    labels::DENIED
                ));
                return None;
            }
        }
        let pairable = timeout_at(until, self.pairable(facts, beside)).await;
        match pairable.unwrap_or(Err(Apart::Unseen("what stands beside it"))) {
            Ok(()) => None,
            Err(Apart::Refused(why)) => {
                target.enrolment = Enrolment::Refused(why);
                None
            }
            // It serves as if no controller were there, until that has looked: nothing is held for a pair that may never be.
            Err(apart) => {
                target.controller_alive = false;
                Some(apart.told(request.object_name()))
            }
        }
    }

    /// Whether the pair that the policy would make of the Deployment can be made `beside` what is there; looked for when it is
    /// first planned, before anything is held.
    pub(super) async fn pairable(&self, facts: &RequestFacts<'_>, beside: Option<Beside>) -> Result<(), Apart> {
        let beside = beside.ok_or(Apart::Unseen("Services and workloads of the namespace"))?;
        let plan = facts.generated(&beside).map_err(Apart::Refused)?;
        let (target, pair) = (facts.target(), &plan.blueprint);
        let known = facts.view().surroundings(&facts.request().namespace, pair);
        let around = self.generator.surroundings(target, pair, known).await;
        let around = around.map_err(Apart::Unseen)?;
        let paired = pairing::check(target, &plan.selector, pair, &around);
        paired.map_err(|why| match why {
            NotEnrolled::CutOffByOthers(_) => Apart::ByOthers(why.to_string()),
            why => Apart::Refused(why.to_string()),
        })
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

/// Whether the policy enrols the Deployment, by what is known.
pub(super) fn is_enrolled(facts: &RequestFacts<'_>) -> bool {
    matches!(facts.deployment().enrolment, Enrolment::Policy(_))
}
