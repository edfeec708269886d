//! A Deployment or DaemonSet before it is stored.

use super::{AdmissionWebhook, Effects, is_managed, is_whole};
use crate::admission::facts::RequestFacts;
use crate::admission::mutate::deployments::{self, Enrolment, TargetFacts};
use crate::admission::mutate::{Mutation, daemonsets};
use crate::admission::review::{Decision, Request, Response};
use crate::admission::server::{Internal, Reply};
use crate::admission::validate::primaries;
use crate::api::Canary;
use crate::plan::{Workload, enrolment::pairing};

impl AdmissionWebhook {
    /// Holds it by what the caches know, or without them by what it says of itself. What a policy would enrol is looked at
    /// first.
    ///
    /// # Errors
    /// When the caches would have to be asked and are not filled yet.
    pub(super) fn hold_workload<'a>(&'a self, request: &'a Request) -> Result<Reply<'a>, Internal> {
        let facts = self.facts(request);
        if let Err(error) = self.filled() {
            let outcome = hold_blindly(request, &self.view.ours).ok_or(error)?;
            return Ok(self.beside_primary(&facts, outcome.into_response()));
        }
        if let Some(refusal) = refused(&facts) {
            return Ok(Reply::Given(refusal));
        }
        match &self.effects {
            Some(effects) if enrols(&facts) => Ok(Reply::after(effects.enrol(facts))),
            _ => {
                let outcome = hold(request, facts.deployment());
                Ok(self.beside_primary(&facts, outcome.into_response()))
            }
        }
    }

    /// `response`, together with why a revision of a pair that a policy made is not released: its pods may not run beside
    /// primary's.
    fn beside_primary<'a>(&'a self, facts: &RequestFacts<'a>, response: Response) -> Reply<'a> {
        let request = facts.request();
        let brings = is_whole(request) && is_managed(&request.old_object) && request.brings_template();
        let looks = brings && !facts.is_ours() && facts.canary().is_some_and(Canary::was_generated);
        match &self.effects {
            Some(effects) if looks => {
                Reply::after(async move { response.with_warnings(effects.unreleased(request).await) })
            }
            _ => Reply::Given(response),
        }
    }
}

impl Effects {
    async fn unreleased(&self, request: &Request) -> Option<String> {
        let claims = self.generator.claims(&request.namespace, &request.object).await;
        let why = pairing::beside_primary(&request.object, &claims).err()?;
        Some(format!(
            "coalmine: {}: this revision is not released: {why}",
            request.object_name()
        ))
    }
}

/// The refusal of a change of a workload, if it may not be. Given in the mutating phase, which sees every change: so the entry
/// that acts on a change is not also the one that may fail closed.
pub(super) fn refused(facts: &RequestFacts<'_>) -> Option<Response> {
    if facts.is_ours() {
        return None;
    }
    let request = facts.request();
    let deny = |denial, decision| Response::deny(denial).with_decision(decision);
    primaries::refused(request, facts.canaries())
        .map(|denial| deny(denial, Decision::PrimaryProtected))
        .or_else(|| {
            deployments::refused(request, facts.deployment()).map(|denial| deny(denial, Decision::SecondRevision))
        })
        .or_else(|| {
            let known = primaries::rescales(request).then(|| facts.scaled())?;
            primaries::starved(request, known).map(|denial| deny(denial, Decision::PrimaryProtected))
        })
}

/// Whether the write would have a policy enrol the Deployment, or one that the caches do not know yet.
fn enrols(facts: &RequestFacts<'_>) -> bool {
    let request = facts.request();
    let plain = is_whole(request) && !is_managed(&request.old_object) && !facts.is_ours();
    plain
        && match facts.deployment().enrolment {
            Enrolment::Policy(_) => true,
            Enrolment::Refused(_) => facts.policy().is_none() || facts.misnamed().is_some(),
            Enrolment::No | Enrolment::Denied(_) | Enrolment::Unasked(_) | Enrolment::Canary(_) => false,
        }
}

fn is_daemon_set(request: &Request) -> bool {
    request.kind.kind == Workload::DaemonSet.kind()
}

fn hold(request: &Request, facts: &TargetFacts) -> Mutation {
    match is_daemon_set(request) {
        true => daemonsets::mutate(request, facts),
        false => deployments::mutate(request, facts),
    }
}

fn hold_blindly(request: &Request, ours: &[String]) -> Option<Mutation> {
    match is_daemon_set(request) {
        true => daemonsets::mutate_blindly(request, ours),
        false => deployments::mutate_blindly(request, ours),
    }
}
