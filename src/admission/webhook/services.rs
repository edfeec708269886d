//! What points at the pods of a pair, at the webhook.

use super::{AdmissionWebhook, Effects};
use crate::admission::facts::{RequestFacts, stage};
use crate::admission::mutate::deployments::CoarseStage;
use crate::admission::mutate::{Mutation, released, services};
use crate::admission::review::{Decision, Operation, Request, Response};
use crate::admission::server::Reply;
use crate::api::Canary;
use crate::plan::Workload;
use crate::plan::services::pointing::{self, Labels};
use crate::plan::services::ports::{DECLARED_PORTS, Declared};
use crate::routing::Names;
use kube::ResourceExt;
use serde_json::Value;

impl AdmissionWebhook {
    /// A Service, before it is stored. One that is pointed somewhere new is looked at together with the pods of its pair, or
    /// of another one.
    pub(super) fn hold_service<'a>(&'a self, request: &'a Request) -> Reply<'a> {
        let facts = self.facts(request);
        let aim = services::points_anew(request).filter(|_| !facts.is_ours());
        match (&self.effects, aim) {
            (Some(effects), Some(aim)) => Reply::after(self.pointed(facts, effects, aim)),
            _ => Reply::Given(self.held(&facts, None)),
        }
    }

    async fn pointed(&self, facts: RequestFacts<'_>, effects: &Effects, aim: Labels) -> Response {
        let request = facts.request();
        let holder = facts.holder();
        if let Some(canary) = holder {
            let pods = effects.pods(request, canary).await;
            if pods.as_ref().is_none_or(|pods| pointing::matches(&aim, pods)) {
                return self.held(&facts, pods.as_ref());
            }
        }
        let Some((canary, primary)) = facts.joined(&aim) else {
            let others = Labels::new();
            return self.held(&facts, holder.map(|_| &others));
        };
        // The pods of the Canary that holds it were compared already.
        let pods = match holder.is_some_and(|holder| std::ptr::eq(holder, canary)) {
            true => None,
            false => effects.pods(request, canary).await,
        };
        if !pods.is_some_and(|pods| pointing::is_users(&request.object) && pointing::matches(&aim, &pods)) {
            return self.held(&facts, None);
        }
        services::joined(request, aim, &primary, canary.target_name()).into_response()
    }

    /// What becomes of it; `pods` are the labels of the pods of the target, where it was looked up.
    fn held(&self, facts: &RequestFacts<'_>, pods: Option<&Labels>) -> Response {
        let (request, ours) = (facts.request(), facts.is_ours());
        if request.operation == Operation::Create {
            let response = Response {
                patch: released::made(request, ours),
                ..Response::default()
            };
            return response.with_decision(Decision::ServiceCreated);
        }
        let holder = facts.holder();
        let stage = match holder {
            Some(canary) => stage(canary),
            // Before the caches are filled, the marks on the Service itself say whether it is held.
            None if self.filled().is_err() => CoarseStage::Building,
            None => match unheld(facts) {
                Some(response) => return response,
                None => CoarseStage::Building,
            },
        };
        let declared = declared(facts, holder, stage);
        let apex = services::Apex {
            ours,
            stage,
            declared: declared.as_ref(),
            pods,
        };
        services::mutate(request, apex).into_response()
    }

    /// Why the target of a Canary that has no pair yet cannot have one: it shares a Service.
    pub(super) async fn shared(&self, request: &Request, target: &Value) -> Option<String> {
        let known = request
            .old_object
            .pointer("/status/phase")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let effects = self.effects.as_ref().filter(|_| matches!(known, "" | "Initializing"))?;
        let services = self.view.pointing_at(&request.namespace, target);
        if services.is_empty() {
            return None;
        }
        // What could not be looked at in time, the controller looks at.
        let workloads = effects
            .generator
            .workloads(&request.namespace)
            .await
            .unwrap_or_default();
        pointing::shared(target, &services, &workloads).map(|shared| shared.to_string())
    }
}

/// The answer to a write of a Service that no Canary has; nothing where one may have it all the same. Where our note is
/// on it (it was restored alone, or its Canary lost its finalizer), its author's word is all there is.
fn unheld(facts: &RequestFacts<'_>) -> Option<Response> {
    let plain = || Response::allow().with_decision(Decision::Unmanaged);
    // We move it for the first time.
    if facts.is_ours() {
        return None;
    }
    let request = facts.request();
    if pointing::recorded(&request.old_object).is_none() {
        return Some(plain());
    }
    // Of a pair without Services of its own nothing tells whose it is.
    if facts.canaries().iter().any(|canary| canary.spec.service.is_none()) {
        return None;
    }
    Some(services::forsaken(request).map_or_else(plain, Mutation::into_response))
}

/// What the pods of production declare, as `-primary` has it. While a revision is being promoted, every port stays;
/// before anybody is served, what we guessed yields to what the author says.
fn declared(facts: &RequestFacts<'_>, holder: Option<&Canary>, stage: CoarseStage) -> Option<Declared> {
    if stage == CoarseStage::Building {
        return None;
    }
    let own = Names::new(&facts.request().name).primary;
    let apexs = holder.map(Canary::primary_service_name).unwrap_or_default();
    let noted = facts.service(&own).or_else(|| facts.service(&apexs))?;
    let noted = noted.annotations().get(DECLARED_PORTS).map(String::as_str);
    Some(
        noted
            .filter(|_| stage != CoarseStage::Promoting)
            .map(Declared::parse)
            .unwrap_or_default(),
    )
}

impl Effects {
    /// The labels of the pods of a Canary's target, as the API server has it now.
    async fn pods(&self, request: &Request, canary: &Canary) -> Option<Labels> {
        let target = &canary.spec.target_ref;
        let kind = Workload::parse(&target.kind)?;
        let found = self.generator.workload(kind, &request.namespace, &target.name).await;
        found.found().and_then(pointing::pods).cloned()
    }
}
