//! The webhook itself: which entry asks what, of which caches, with which effects.

mod authorize;
mod held;
mod judging;
mod scaling;

use super::bootstrap::certificates::now;
use super::effects::announce;
use super::effects::generate::{Around, Generator, Rights, preview};
use super::facts::{Beside, Plan, View, located, target_canary};
use super::metrics::Metrics;
use super::mutate::deployments::{self, Enrolment, Stage};
use super::mutate::{canaries, daemonsets, routes};
use super::review::{Operation, Request, Response};
use super::server::{Entry, Internal, Observed, Reviewer};
use super::validate::{kinds, opt_in, primaries};
use crate::api::Canary;
use crate::api::labels::{self, TargetState};
use crate::api::policy::Announce;
use crate::object::label;
use crate::plan::{Autoscaler, Workload, enrolment::pairing, workload::template};
use crate::routing::Traffic;
use authorize::authorize;
use futures::FutureExt;
use futures::future::BoxFuture;
use kube::ResourceExt;
use std::sync::Arc;

/// Everything the entries need.
pub struct AdmissionWebhook {
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

impl Reviewer for Arc<AdmissionWebhook> {
    fn review(&self, entry: Entry, request: &Request) -> Result<Response, Internal> {
        // Never refused; who uses what goes is told.
        if request.operation == Operation::Delete {
            let told = if entry == Entry::FollowDeletions {
                kinds::deleted(request, &self.view)
            } else {
                Vec::new()
            };
            return Ok(Response::allow().with_warnings(told).with_audit("decision", "delete"));
        }
        // Nor are they asked about what is on its way out, or about metadata of our kinds.
        if is_free(entry, request) {
            return Ok(Response::allow().with_audit("decision", "metadata"));
        }
        match entry {
            Entry::MutateDeployments => self.hold(request),
            // Decided in `complete`, which may note what is asked for.
            Entry::ScaleDeployments => self.filled().map(|()| Response::allow()),
            Entry::FollowDeployments => self
                .filled()
                .map(|()| Response::allow().with_audit("decision", "follow")),
            Entry::OptIn => Ok(Response::allow().with_audit("decision", "namespace")),
            // Judged in `complete`, which may look for the target.
            Entry::ValidateCanaries => self.filled().map(|()| Response::allow()),
            // The latter, whatever is known: it may fail closed, and what it was for has an entry of its own.
            Entry::FollowDeletions | Entry::ValidateDeployments => Ok(Response::allow()),
            Entry::MutateCanaries => Ok(Response {
                patch: canaries::mutate(request, self.view.is_ours(request)),
                ..Response::default()
            }),
            Entry::HoldServices => Ok(self.hold_service(request, None)),
            Entry::HoldRoutes => self.hold_route(request),
        }
    }

    fn complete<'a>(
        &'a self,
        entry: Entry,
        request: &'a Request,
        response: Response,
    ) -> BoxFuture<'a, Result<Response, Internal>> {
        if is_free(entry, request) {
            return futures::future::ready(Ok(response)).boxed();
        }
        match entry {
            Entry::MutateDeployments if is_whole(request) => self.held(request, response).map(Ok).boxed(),
            Entry::FollowDeployments if is_whole(request) => self.follow(request, response).map(Ok).boxed(),
            Entry::ValidateCanaries => self.validate_kind(request).boxed(),
            Entry::OptIn => self.tell(request, response).map(Ok).boxed(),
            Entry::HoldServices => self.point_service(request, response).map(Ok).boxed(),
            Entry::ScaleDeployments if !is_whole(request) => self.scale(request).map(Ok).boxed(),
            _ => futures::future::ready(Ok(response)).boxed(),
        }
    }

    fn unheard(&self) {
        self.metrics.unheard();
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

/// Why nothing is held for a pair that is planned.
pub(super) enum Apart {
    /// It cannot be made, for this reason.
    Refused(String),
    /// Whether it can is not known: this could not be looked at in time.
    Unseen(&'static str),
}

/// A request about a whole object, not about a part of it such as its scale.
fn is_whole(request: &Request) -> bool {
    request.sub_resource.as_deref().is_none_or(str::is_empty)
}

fn is_managed(object: &serde_json::Value) -> bool {
    label(object, labels::MANAGED).is_some()
}

/// A request that goes through whatever is known: nobody may be locked in by the webhook.
fn is_free(entry: Entry, request: &Request) -> bool {
    let update = request.operation == Operation::Update;
    let deleted = request.object.pointer("/metadata/deletionTimestamp").is_some();
    (update && deleted) || (entry == Entry::ValidateCanaries && kinds::is_metadata_only(request))
}

impl AdmissionWebhook {
    /// Why requests cannot be answered well yet; nothing when they can.
    ///
    /// # Errors
    /// The reason.
    pub fn ready(&self) -> Result<(), String> {
        self.filled().map_err(|error| error.to_string())
    }

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
            Ok(()) => {
                let context = self.view.deployment(request, now());
                match self.refused(request, &context) {
                    Some(refusal) => return Ok(refusal),
                    None => knowing(request, &context),
                }
            }
            Err(error) => blindly(request, &self.view.ours).ok_or(error)?,
        };
        Ok(outcome.into_response())
    }

    /// The refusal of a change of a workload, if it may not be. Given in the mutating phase, which sees every change: so
    /// the entry that acts on a change is not also the one that may fail closed.
    fn refused(&self, request: &Request, context: &deployments::Context) -> Option<Response> {
        if self.view.is_ours(request) {
            return None;
        }
        let deny = |denial, decision| Response::deny(denial).with_audit("decision", decision);
        primaries::refused(request, &self.view.canaries(&request.namespace))
            .map(|denial| deny(denial, "primary"))
            .or_else(|| deployments::refused(request, context).map(|denial| deny(denial, "second")))
            .or_else(|| {
                let known = primaries::rescales(request).then(|| self.view.scaled(request, now()))?;
                primaries::starved(request, &known).map(|denial| deny(denial, "primary"))
            })
    }

    fn hold_route(&self, request: &Request) -> Result<Response, Internal> {
        self.filled()?;
        let pairs: Vec<routes::Pair> = self
            .view
            .split(&request.namespace)
            .into_iter()
            .filter(|(canary, _)| super::facts::stage(canary) != Stage::Leaving)
            .map(|(canary, names)| routes::Pair {
                names,
                exposure: crate::plan::exposure(&canary),
                intent: intent(&canary),
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
        if label(&request.object, labels::DENIED).is_some() {
            return response;
        }
        let context = self.view.deployment(request, now());
        // By another entry, which may be asked at the same time.
        if self.refused(request, &context).is_some() {
            return response;
        }
        if primaries::rescales(request) {
            return self.rescaled(request, response).await;
        }
        match &context.enrolment {
            // What the mutating phase left alone is not paired.
            Enrolment::Policy(_) if !is_managed(&request.object) => response,
            Enrolment::Policy(_) => self.first(request, response).await,
            Enrolment::Canary(canary) => self.next(request, canary, response).await,
            Enrolment::No | Enrolment::Refused(_) | Enrolment::Denied(_) => response,
        }
    }

    /// No Canary yet: a policy makes one.
    async fn first(&self, request: &Request, response: Response) -> Response {
        if self.view.generated(request, &Beside::default()).is_err() {
            return response;
        }
        let name = request.object_name();
        if request.is_dry_run() {
            let (around, beside) = tokio::join!(self.around(request), self.beside(request));
            let Ok(mut plan) = self.view.generated(request, &beside.unwrap_or_default()) else {
                return response;
            };
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
        // A new one that serves by itself although there is a controller was not looked at in time: that comes first.
        let hot = TargetState::of(&request.object) == Some(TargetState::Hot);
        if hot && request.operation == Operation::Create && self.view.controller_alive(now()) {
            return response;
        }
        let may = effects
            .rights
            .may_create_canaries(&request.user_info, &request.namespace);
        let (may, around, beside) = tokio::join!(may, self.around(request), self.beside(request));
        // The mutating phase has said why.
        let Ok(mut plan) = self.view.generated(request, &beside.unwrap_or_default()) else {
            return response;
        };
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

    /// Why the pair that the policy would make of the Deployment cannot be made beside what is there; looked for when it is
    /// first planned, before anything is held.
    pub(super) async fn apart(&self, request: &Request) -> Option<Apart> {
        let effects = self.effects.as_ref()?;
        let Some(beside) = self.beside(request).await else {
            return Some(Apart::Unseen("Services and workloads of the namespace"));
        };
        let plan = match self.view.generated(request, &beside) {
            Ok(plan) => plan,
            Err(why) => return Some(Apart::Refused(why)),
        };
        let target = located(&request.object, request);
        let known = self.view.surroundings(&request.namespace, &plan.blueprint);
        let around = match effects.generator.surroundings(&target, &plan.blueprint, known).await {
            Ok(around) => around,
            Err(what) => return Some(Apart::Unseen(what)),
        };
        let checked = pairing::check(&target, &plan.selector, &plan.blueprint, &around);
        checked.err().map(|why| Apart::Refused(why.to_string()))
    }

    /// What becomes of a namespace whose label comes or goes; nothing where that cannot be told yet.
    async fn tell(&self, request: &Request, response: Response) -> Response {
        let (Some(effects), Ok(())) = (&self.effects, self.filled()) else {
            return response;
        };
        match (opt_in::is_in(&request.old_object), opt_in::is_in(&request.object)) {
            (false, true) => {
                let around = effects.generator.neighbours(request.object_name()).await;
                let (view, namespace) = (self.view.clone(), request.object.clone());
                // Up to 200 apps against all that is there: not on the threads that serve everybody.
                let told = tokio::task::spawn_blocking(move || opt_in::gains(&view, &namespace, around));
                response.with_warnings(told.await.unwrap_or_default())
            }
            (true, false) => response.with_warnings(opt_in::loses(&self.view, &request.object)),
            _ => response,
        }
    }

    /// After the hold: whether its sender may have the Deployment enrolled, and whether the revision can be released.
    async fn held(&self, request: &Request, response: Response) -> Response {
        let response = authorize(self, request, response).await;
        if !response.allowed() || self.view.is_ours(request) || !is_managed(&request.old_object) {
            return response;
        }
        response.with_warnings(self.beside_primary(request).await)
    }

    /// Why a revision of a pair that a policy made is not released: its pods may not run beside primary's.
    async fn beside_primary(&self, request: &Request) -> Option<String> {
        let effects = self.effects.as_ref().filter(|_| request.brings_template())?;
        let canaries = self.view.canaries(&request.namespace);
        let stored = target_canary(&canaries, &request.kind.kind, request.object_name())?;
        if !stored.was_generated() {
            return None;
        }
        let claims = effects.generator.claims(&request.namespace, &request.object).await;
        let why = pairing::beside_primary(&request.object, &claims).err()?;
        Some(format!(
            "coalmine: {}: this revision is not released: {why}",
            request.object_name()
        ))
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
            let Some(plan) = request.brings_template().then(plan).and_then(Result::ok) else {
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
        let (generated, announced) = futures::join!(generated, effects.announce(request, stored));
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

/// What the controller stamped before writing it.
fn intent(canary: &Canary) -> Option<Traffic> {
    let intent = canary.status.as_ref()?.run.as_ref()?.intent?;
    Some(Traffic::from(intent))
}
