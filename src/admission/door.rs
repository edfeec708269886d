//! The door itself: which entry asks what, of which caches, with which effects.

use super::authorize::authorize;
use super::context::{Plan, View, located, target_canary};
use super::deployments::{self, Enrolment, Stage};
use super::generate::{Around, Generator, Rights, preview};
use super::metrics::Metrics;
use super::review::{Operation, Request, Response};
use super::server::{Entry, Internal, Observed, Reviewer};
use super::validation::Lookup;
use super::{announce, canaries, daemonsets, kinds, primaries, routes, scale, services};
use crate::api::Canary;
use crate::api::labels::{self, TargetState};
use crate::plan::ports::{DECLARED_PORTS, Declared};
use crate::plan::{Autoscaler, Workload};
use crate::routing::{Names, Traffic};
use futures::FutureExt;
use futures::future::BoxFuture;
use kube::ResourceExt;
use std::sync::Arc;

/// Everything the entries need.
pub struct Door {
    /// What is known.
    pub view: View,
    /// Side effects; without one (in tests) there are none.
    pub effects: Option<Effects>,
    /// Counters.
    pub metrics: Metrics,
}

/// What may be asked of the API server after a verdict.
pub struct Effects {
    /// Makes the inert objects.
    pub generator: Generator,
    /// Asks whether the requester may.
    pub rights: Rights,
}

impl Effects {
    /// Announces the revision of `request`, if it brings one; returns what the requester should know.
    async fn announce(
        &self,
        request: &Request,
        canary: &deployments::Canary,
        stored: &crate::api::Canary,
    ) -> Option<String> {
        let announced = stored.status.as_ref().is_some_and(|status| status.announced.is_some());
        let revision = announce::revision(request, canary, announced)?;
        let reason = self.generator.announce(request, stored, revision).await.err()?;
        let name = &canary.name;
        tracing::warn!(
            namespace = request.namespace,
            name,
            reason,
            "a revision was not announced"
        );
        Some(format!(
            "coalmine: canary/{name}: its conditions follow in a moment, until then they are of the revision before"
        ))
    }
}

impl Reviewer for Arc<Door> {
    fn review(&self, entry: Entry, request: &Request) -> Result<Response, Internal> {
        // No entry asks for deletions; they would be let through all the same.
        if request.operation == Operation::Delete {
            return Ok(Response::allow().with_audit("decision", "delete"));
        }
        match entry {
            Entry::MutateDeployments => self.hold(request),
            Entry::ValidateDeployments => self.validate_deployment(request),
            // Judged in `complete`, which may look for the target.
            Entry::ValidateCanaries => self.filled().map(|()| Response::allow()),
            Entry::MutateCanaries => Ok(Response {
                patch: canaries::mutate(request, self.view.is_ours(request)),
                ..Response::default()
            }),
            Entry::HoldServices => Ok(self.hold_service(request)),
            Entry::HoldRoutes => self.hold_route(request),
        }
    }

    fn complete<'a>(
        &'a self,
        entry: Entry,
        request: &'a Request,
        response: Response,
    ) -> BoxFuture<'a, Result<Response, Internal>> {
        match entry {
            Entry::MutateDeployments if is_whole(request) => authorize(self, request, response).map(Ok).boxed(),
            Entry::ValidateDeployments if is_whole(request) => self.follow(request, response).map(Ok).boxed(),
            Entry::ValidateCanaries => self.validate_kind(request).boxed(),
            _ => futures::future::ready(Ok(response)).boxed(),
        }
    }

    fn ready(&self) -> Result<(), String> {
        self.filled().map_err(|error| error.to_string())
    }

    fn observe(&self, entry: Entry, request: Option<&Request>, outcome: &Observed<'_>) {
        self.metrics.observe(entry, request, outcome);
        let Some(request) = request else { return };
        // Never objects, patches or headers: they may hold secrets.
        tracing::debug!(
            entry = entry.as_str(),
            op = request.operation.as_str(),
            kind = request.kind.kind,
            namespace = request.namespace,
            name = request.name,
            user = request.user_info.username,
            uid = request.uid,
            dry_run = request.is_dry_run(),
            allowed = outcome.response.is_some_and(Response::allowed),
            decision = outcome
                .response
                .and_then(|response| response.audit.get("decision").cloned())
                .unwrap_or_default(),
            micros = outcome.elapsed.as_micros(),
            "reviewed"
        );
    }
}

type Hold = fn(&Request, &deployments::Context) -> deployments::Outcome;
type BlindHold = fn(&Request, &[String]) -> Option<deployments::Outcome>;

/// A request about a whole object, not about a part of it such as its scale.
fn is_whole(request: &Request) -> bool {
    request.sub_resource.as_deref().is_none_or(str::is_empty)
}

impl Door {
    /// Whether the caches can be asked at all. A verdict without them would be a guess: better none.
    fn filled(&self) -> Result<(), Internal> {
        match self.view.caches.waiting() {
            0 => Ok(()),
            left => Err(Internal(format!("{left} caches are still being filled"))),
        }
    }

    fn hold(&self, request: &Request) -> Result<Response, Internal> {
        let daemon_set = request.kind.kind == Workload::DaemonSet.kind();
        let (knowing, blindly): (Hold, BlindHold) = if daemon_set {
            (daemonsets::mutate, daemonsets::mutate_blindly)
        } else {
            (deployments::mutate, deployments::mutate_blindly)
        };
        let outcome = match self.filled() {
            Ok(()) => knowing(request, &self.view.deployment(request, super::certificates::now())),
            Err(error) => blindly(request, &self.view.ours).ok_or(error)?,
        };
        Ok(outcome.into_response())
    }

    /// One of our own kinds. The target is looked for where that is allowed; a look that takes too long saw nothing.
    async fn validate_kind(&self, request: &Request) -> Result<Response, Internal> {
        let (target, around) = match (&self.effects, kinds::target_of(request)) {
            (Some(effects), Some((kind, name))) if !self.view.is_ours(request) => match Workload::parse(kind) {
                Some(kind) if kind != Workload::Service => {
                    let target = effects.generator.workload(kind, &request.namespace, name);
                    tokio::join!(target, self.around(request))
                }
                _ => (Lookup::Unknown, Around::default()),
            },
            _ => (Lookup::Unknown, Around::default()),
        };
        kinds::validate(request, &self.view, target, &around)
    }

    fn validate_deployment(&self, request: &Request) -> Result<Response, Internal> {
        if self.view.is_ours(request) {
            return Ok(Response::allow().with_audit("decision", "own"));
        }
        self.filled()?;
        if is_whole(request) {
            if let Some(denial) = primaries::refused(request, &self.view.canaries(&request.namespace)) {
                return Ok(Response::deny(denial).with_audit("decision", "primary"));
            }
            let context = self.view.deployment(request, super::certificates::now());
            let refused = deployments::refused(request, &context);
            return Ok(match refused {
                None => Response::allow().with_audit("decision", "follow"),
                Some(denial) => Response::deny(denial).with_audit("decision", "second"),
            });
        }
        let state = self.view.target_label(&request.namespace, &request.name, labels::STATE);
        let canaries = self.view.canaries(&request.namespace);
        let canary = target_canary(&canaries, Workload::Deployment.kind(), &request.name);
        let known = scale::Known {
            state: state.as_deref().and_then(TargetState::parse),
            stage: canary.map(super::context::stage),
            floor: canary.map_or(0, floor),
        };
        Ok(scale::validate(request, known))
    }

    fn hold_service(&self, request: &Request) -> Response {
        let canaries = self.view.canaries(&request.namespace);
        // A Service that is itself the target is its author's alone.
        let paired = |canary: &&Arc<Canary>| canary.spec.target_ref.kind != Workload::Service.kind();
        let mut canaries = canaries.iter().filter(paired);
        let canary = canaries.find(|canary| canary.service_name() == request.name);
        let stage = match canary {
            Some(canary) => super::context::stage(canary),
            // Before the caches are filled, the marks on the Service itself say whether it is held.
            None if self.filled().is_err() => Stage::Building,
            None => return Response::allow().with_audit("decision", "plain"),
        };
        let declared = self.declared(request, stage);
        let apex = services::Apex {
            ours: self.view.is_ours(request),
            stage,
            declared: declared.as_ref(),
        };
        let held = services::mutate(request, apex);
        Response {
            patch: held.patch,
            ..Response::default()
        }
        .with_warnings(held.warnings)
        .with_audit("decision", "apex")
    }

    /// What the pods of production declare, as `-primary` has it. While a revision is being promoted, every port stays;
    /// before anybody is served, what we guessed yields to what the author says.
    fn declared(&self, request: &Request, stage: Stage) -> Option<Declared> {
        if stage == Stage::Building {
            return None;
        }
        let primary = Names::new(&request.name).primary;
        let noted = self.view.caches.service(&request.namespace, &primary)?;
        let noted = noted.annotations().get(DECLARED_PORTS).map(String::as_str);
        Some(
            noted
                .filter(|_| stage != Stage::Promoting)
                .map(Declared::parse)
                .unwrap_or_default(),
        )
    }

    fn hold_route(&self, request: &Request) -> Result<Response, Internal> {
        self.filled()?;
        let canaries = self.view.canaries(&request.namespace);
        let pairs: Vec<routes::Pair> = canaries
            .iter()
            .filter(|canary| super::context::stage(canary) != Stage::Leaving)
            .map(|canary| routes::Pair {
                names: Names::new(canary.service_name()),
                exposure: crate::plan::exposure(canary),
                intent: intent(canary),
            })
            .collect();
        let ours = self.view.is_ours(request);
        let patch = routes::mutate(request, &pairs, ours);
        let warnings = if ours {
            Vec::new()
        } else {
            routes::warnings(request, &pairs)
        };
        Ok(Response {
            patch,
            ..Response::default()
        }
        .with_warnings(warnings)
        .with_audit("decision", "route"))
    }

    /// After a Deployment was allowed: the plan on a dry run, the inert objects otherwise.
    async fn follow(&self, request: &Request, response: Response) -> Response {
        if self.view.is_ours(request) {
            return response;
        }
        let denied = request
            .object
            .pointer("/metadata/labels")
            .is_some_and(|all| all.get(labels::DENIED).is_some());
        if denied {
            return response;
        }
        let context = self.view.deployment(request, super::certificates::now());
        match &context.enrolment {
            Enrolment::Policy(_) => self.first(request, response).await,
            Enrolment::Canary(canary) => self.next(request, canary, response).await,
            Enrolment::No | Enrolment::Refused(_) | Enrolment::Denied(_) => response,
        }
    }

    /// No Canary yet: a policy makes one.
    async fn first(&self, request: &Request, response: Response) -> Response {
        let Ok(mut plan) = self.view.generated(request) else {
            return response;
        };
        let name = request.object_name();
        if request.is_dry_run() {
            let around = self.around(request).await;
            plan.canary.spec.autoscaler_ref = around.autoscaler(name);
            plan.blueprint.autoscaler = Autoscaler::of(&plan.canary);
            let rules = self.view.rules(request, &plan.canary);
            let advice = advice(request, &plan, &around);
            return response
                .with_warnings(preview(&plan, &rules, true))
                .with_warnings(self.view.advice(request, &plan))
                .with_warnings(advice);
        }
        let Some(effects) = &self.effects else { return response };
        let may = effects
            .rights
            .may_create_canaries(&request.user_info, &request.namespace);
        let (may, around) = tokio::join!(may, self.around(request));
        plan.canary.spec.autoscaler_ref = around.autoscaler(name);
        let response = response
            .with_warnings(self.view.advice(request, &plan))
            .with_warnings(advice(request, &plan, &around));
        match may {
            Ok(true) => {}
            // The mutating phase has said so, and it is stored as a plain Deployment.
            Ok(false) => return response,
            Err(error) => {
                tracing::warn!(%error, "cannot ask for the requester's rights");
                return response.with_warnings([format!("coalmine: {name}: the controller makes the Canary")]);
            }
        }
        response
            .with_warnings(effects.generator.generate(request, plan).await)
            .with_audit("generated", "true")
    }

    async fn around(&self, request: &Request) -> Around {
        match &self.effects {
            Some(effects) => effects.generator.around(&request.namespace).await,
            None => Around::default(),
        }
    }

    /// A Canary exists: its Services and route are made with a new Deployment.
    async fn next(&self, request: &Request, canary: &deployments::Canary, response: Response) -> Response {
        let canaries = self.view.canaries(&request.namespace);
        let Some(stored) = target_canary(&canaries, &request.kind.kind, request.object_name()) else {
            return response;
        };
        let plan = || self.view.plan(&located(&request.object, request), stored.clone());
        if request.is_dry_run() {
            let changed = request.object.pointer("/spec/template") != request.old_object.pointer("/spec/template");
            let Some(plan) = changed.then(plan).and_then(Result::ok) else {
                return response;
            };
            let rules = self.view.rules(request, &plan.canary);
            return response.with_warnings(preview(&plan, &rules, canary.stage == Stage::Building));
        }
        let Some(effects) = &self.effects else { return response };
        let building = canary.stage == Stage::Building && request.operation == Operation::Create;
        let generated = async {
            let plan = building.then(plan)?.ok()?;
            effects.generator.generate(request, plan).await
        };
        let (generated, announced) = futures::join!(generated, effects.announce(request, canary, stored));
        response.with_warnings(generated.into_iter().chain(announced))
    }
}

/// What else in the namespace the requester should look at.
fn advice(request: &Request, plan: &Plan, around: &Around) -> Vec<String> {
    let target = located(&request.object, request);
    let missed = around.missed(&target, &plan.selector);
    missed
        .into_iter()
        .map(|line| format!("coalmine: {}: {line}", request.object_name()))
        .collect()
}

/// The size the run needs of both halves.
fn floor(canary: &crate::api::Canary) -> i64 {
    let run = canary.status.as_ref().and_then(|status| status.run.as_ref());
    run.map_or(0, |run| i64::from(run.floor))
}

/// What the controller stamped before writing it.
fn intent(canary: &crate::api::Canary) -> Option<Traffic> {
    let intent = canary.status.as_ref()?.run.as_ref()?.intent?;
    Some(Traffic::from(intent))
}
