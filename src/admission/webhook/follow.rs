//! After a Deployment was allowed: the plan on a dry run, the inert objects otherwise, and whom to tell of the revision.

use super::enrol::is_enrolled;
use super::workloads::refused;
use super::{AdmissionWebhook, Effects, is_managed, is_whole};
use crate::admission::effects::announce;
use crate::admission::effects::generate::{BUDGET, ScalersAndPolicies, preview};
use crate::admission::facts::{Plan, RequestFacts};
use crate::admission::mutate::deployments::{self, CoarseStage, Enrolment};
use crate::admission::review::{Decision, Operation, Request, Response};
use crate::admission::server::{Internal, Reply};
use crate::admission::validate::primaries;
use crate::api::Canary;
use crate::api::labels::{self, TargetState};
use crate::api::policy::Announce;
use crate::object::label;
use crate::plan::{Autoscaler, workload::template};
use kube::ResourceExt;
use std::sync::Arc;

impl AdmissionWebhook {
    /// What follows from an admitted workload.
    ///
    /// # Errors
    /// When the caches are not filled yet.
    pub(super) fn follow<'a>(self: &'a Arc<Self>, request: &'a Request) -> Result<Reply<'a>, Internal> {
        self.filled()?;
        let response = Response::allow().with_decision(Decision::Followed);
        let facts = self.facts(request);
        // Refused by another entry, which may be asked at the same time.
        if !is_whole(request) || facts.is_ours() || refused(&facts).is_some() {
            return Ok(Reply::Given(response));
        }
        if let Some(denied) = label(&request.object, labels::DENIED) {
            if denied == labels::UNASKED && !request.is_dry_run() {
                self.ask_later(request);
            }
            return Ok(Reply::Given(response));
        }
        if primaries::rescales(request) {
            return Ok(Reply::after(self.rescaled(facts, response)));
        }
        Ok(Reply::after(self.followed(facts, response)))
    }

    async fn followed(&self, facts: RequestFacts<'_>, response: Response) -> Response {
        match &facts.deployment().enrolment {
            // What the mutating phase left alone is not paired.
            Enrolment::Policy(_) if !is_managed(&facts.request().object) => response,
            Enrolment::Policy(_) => self.first(&facts, response).await,
            Enrolment::Canary(canary) => self.next(&facts, canary.stage, response).await,
            Enrolment::No | Enrolment::Refused(_) | Enrolment::Denied(_) | Enrolment::Unasked(_) => response,
        }
    }

    /// No Canary yet: a policy makes one.
    async fn first(&self, facts: &RequestFacts<'_>, response: Response) -> Response {
        let request = facts.request();
        let facts = &match &self.effects {
            Some(effects) => effects.caught_up(facts, BUDGET).await,
            None => facts.again(),
        };
        // Its Canary, or that it gets none, has come to be known meanwhile.
        if !is_enrolled(facts) {
            return response;
        }
        if request.is_dry_run() {
            return response.with_warnings(self.dry_run(facts).await);
        }
        let Some(effects) = &self.effects else { return response };
        // A new one that serves by itself although there is a controller was not looked at in time: that comes first.
        let hot = TargetState::of(&request.object) == Some(TargetState::Hot);
        if hot && request.operation == Operation::Create && facts.controller_alive() {
            return response;
        }
        effects.generate(facts, response).await
    }

    /// What a dry run shows of a Deployment that would be enrolled.
    async fn dry_run(&self, facts: &RequestFacts<'_>) -> Vec<String> {
        let planned = match &self.effects {
            Some(effects) => effects.planned(facts).await,
            None => facts
                .planned()
                .map(|plan| (plan.clone(), ScalersAndPolicies::default())),
        };
        // The mutating phase has said why.
        let Some((mut plan, around)) = planned else {
            return Vec::new();
        };
        plan.blueprint.autoscaler = Autoscaler::of(&plan.canary);
        let settings = facts.run_settings(&plan.canary);
        let mut lines = preview(&plan, &settings, true);
        lines.extend(advice(facts, &plan, &around));
        lines
    }

    /// A Canary exists: its Services and route are made with a new Deployment.
    async fn next(&self, facts: &RequestFacts<'_>, stage: CoarseStage, response: Response) -> Response {
        let request = facts.request();
        let Some(stored) = facts.canary() else { return response };
        let plan = || facts.view().plan(facts.target(), stored.clone());
        if request.is_dry_run() {
            let Some(plan) = request.brings_template().then(plan).and_then(Result::ok) else {
                return response;
            };
            let settings = facts.run_settings(&plan.canary);
            return response.with_warnings(preview(&plan, &settings, stage == CoarseStage::Building));
        }
        let Some(effects) = &self.effects else { return response };
        let building = stage == CoarseStage::Building && request.operation == Operation::Create;
        let generated = async {
            let plan = building.then(plan)?.ok()?;
            effects.generator.generate(request, plan).await
        };
        let (generated, announced) = futures::join!(generated, effects.announce(request, stored));
        response.with_warnings(generated.into_iter().chain(announced))
    }
}

impl Effects {
    /// What the policy makes of the Deployment by what the API server has now, and what else its namespace holds; what could
    /// not be looked at in time is taken as the caches have it. Nothing where no pair can be made.
    pub(super) async fn planned(&self, facts: &RequestFacts<'_>) -> Option<(Plan, ScalersAndPolicies)> {
        let around = self.generator.around(&facts.request().namespace);
        let (around, beside) = tokio::join!(around, self.beside(facts));
        let mut plan = match beside {
            Some(beside) => facts.generated(&beside).ok()?,
            None => facts.planned()?.clone(),
        };
        plan.canary.spec.autoscaler_ref = around.autoscaler(facts.request().object_name());
        Some((plan, around))
    }

    /// Makes the objects of a new app, if its sender may.
    async fn generate(&self, facts: &RequestFacts<'_>, response: Response) -> Response {
        let request = facts.request();
        let may = self.rights.may_create_canaries(&request.user_info, &request.namespace);
        let (may, planned) = tokio::join!(may, self.planned(facts));
        // The mutating phase has said why.
        let Some((plan, around)) = planned else { return response };
        let response = response.with_warnings(advice(facts, &plan, &around));
        match may {
            Ok(true) => {
                let told = self.generator.generate(request, plan).await;
                response.with_warnings(told).with_audit("generated", "true")
            }
            // The mutating phase has said so, and it is stored as a plain Deployment.
            Ok(false) => response,
            Err(error) => {
                tracing::warn!(%error, "cannot ask for the requester's rights");
                let name = request.object_name();
                response.with_warnings([format!("coalmine: {name}: the controller makes the Canary")])
            }
        }
    }

    /// Tells `canary` of the revision that `request` brings, where its policy wants that; returns what the requester should
    /// know.
    async fn announce(&self, request: &Request, canary: &Canary) -> Option<String> {
        let announce = deployments::to_announce(request)?;
        let revision = template::revision(&request.object)?;
        if announce == Announce::Early {
            self.generator.announce_meanwhile(canary, revision);
            return None;
        }
        let reason = self.generator.announce(canary, revision).await.err()?;
        announce::not_announced(canary, &reason);
        let name = canary.name_any();
        Some(format!(
            "coalmine: canary/{name}: its conditions follow in a moment, until then they are of the revision before"
        ))
    }
}

/// What else the requester should look at: what the policy leaves out, and what of the namespace would miss primary's pods.
fn advice(facts: &RequestFacts<'_>, plan: &Plan, around: &ScalersAndPolicies) -> Vec<String> {
    let name = facts.request().object_name();
    let missed = around.missed(facts.target(), &plan.selector);
    let missed = missed.into_iter().map(|line| format!("coalmine: {name}: {line}"));
    facts.advice(plan).into_iter().chain(missed).collect()
}
