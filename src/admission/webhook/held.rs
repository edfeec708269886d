//! What points at the pods of a pair, at the webhook.

use super::{AdmissionWebhook, Effects};
use crate::admission::facts::{Beside, pointing_at, stage};
use crate::admission::mutate::deployments::Stage;
use crate::admission::mutate::{released, services};
use crate::admission::review::{Operation, Request, Response};
use crate::api::Canary;
use crate::plan::{
    Workload,
    services::{
        pointing::{self, Labels},
        ports::{DECLARED_PORTS, Declared},
    },
};
use crate::routing::Names;
use kube::ResourceExt;
use serde_json::Value;

impl AdmissionWebhook {
    /// `pods` are the labels of the pods of the target, where it was looked up.
    pub(super) fn hold_service(&self, request: &Request, pods: Option<&Labels>) -> Response {
        if request.operation == Operation::Create {
            let patch = released::made(request, self.view.is_ours(request));
            let response = Response {
                patch,
                ..Response::default()
            };
            return response.with_audit("decision", "made");
        }
        let holder = self.view.holder(request);
        let stage = match &holder {
            Some(canary) => stage(canary),
            // Before the caches are filled, the marks on the Service itself say whether it is held.
            None if self.filled().is_err() => Stage::Building,
            None => match self.unheld(request) {
                Some(response) => return response,
                None => Stage::Building,
            },
        };
        let declared = self.declared(request, holder.as_deref(), stage);
        let apex = services::Apex {
            ours: self.view.is_ours(request),
            stage,
            declared: declared.as_ref(),
            pods,
        };
        answer(services::mutate(request, apex))
    }

    /// The answer to a write of a Service that no Canary has; nothing where one may have it all the same. Where our note is
    /// on it (it was restored alone, or its Canary lost its finalizer), its author's word is all there is.
    fn unheld(&self, request: &Request) -> Option<Response> {
        let plain = || Response::allow().with_audit("decision", "plain");
        // We move it for the first time.
        if self.view.is_ours(request) {
            return None;
        }
        if pointing::recorded(&request.old_object).is_none() {
            return Some(plain());
        }
        // Of a pair without Services of its own nothing tells whose it is.
        let canaries = self.view.canaries(&request.namespace);
        if canaries.iter().any(|canary| canary.spec.service.is_none()) {
            return None;
        }
        Some(services::forsaken(request).map_or_else(plain, answer))
    }

    /// A Service that is pointed somewhere new is looked at together with the pods of its pair, or of another one.
    pub(super) async fn point_service(&self, request: &Request, response: Response) -> Response {
        let aim = services::points_anew(request).filter(|_| !self.view.is_ours(request));
        let (Some(effects), Some(aim)) = (&self.effects, aim) else {
            return response;
        };
        let holder = self.view.holder(request);
        if let Some(canary) = &holder {
            let pods = effects.pods(request, canary).await;
            if pods.as_ref().is_none_or(|pods| pointing::matches(&aim, pods)) {
                return self.hold_service(request, pods.as_ref());
            }
        }
        let Some((canary, primary)) = self.view.joined(request, &aim) else {
            return match &holder {
                Some(_) => self.hold_service(request, Some(&Labels::new())),
                None => response,
            };
        };
        let pods = effects.pods(request, &canary).await;
        if !pods.is_some_and(|pods| pointing::is_users(&request.object) && pointing::matches(&aim, &pods)) {
            return response;
        }
        answer(services::joined(request, aim, &primary, canary.target_name()))
    }

    /// What the pods of production declare, as `-primary` has it. While a revision is being promoted, every port stays;
    /// before anybody is served, what we guessed yields to what the author says.
    fn declared(&self, request: &Request, holder: Option<&Canary>, stage: Stage) -> Option<Declared> {
        if stage == Stage::Building {
            return None;
        }
        let own = Names::new(&request.name).primary;
        let apexs = holder.map(Canary::primary_service_name).unwrap_or_default();
        let noted = |name: &str| self.view.caches.service(&request.namespace, name);
        let noted = noted(&own).or_else(|| noted(&apexs))?;
        let noted = noted.annotations().get(DECLARED_PORTS).map(String::as_str);
        Some(
            noted
                .filter(|_| stage != Stage::Promoting)
                .map(Declared::parse)
                .unwrap_or_default(),
        )
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

    /// The Services of the namespace of `request`, and who else may stand behind one that points at the pods of its Deployment,
    /// looked up only where there is such a Service; nothing when that could not be done in time.
    pub(in crate::admission) async fn beside(&self, request: &Request) -> Option<Beside> {
        let Some(effects) = &self.effects else {
            return Some(Beside::default());
        };
        let namespace = &request.namespace;
        let services = effects.generator.services(namespace).await?;
        let known = || self.view.caches.services(namespace);
        let pointing = pointing_at(services.clone().unwrap_or_else(known), &request.object);
        let workloads = match pointing.is_empty() {
            true => Vec::new(),
            false => effects.generator.workloads(namespace).await?,
        };
        Some(Beside { services, workloads })
    }
}

fn answer(held: services::Held) -> Response {
    let response = Response {
        patch: held.patch,
        ..Response::default()
    };
    response
        .with_warnings(held.warnings)
        .with_audit("decision", held.decision)
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
