//! Who scales a half means the app: the number is noted before the answer is given.

use super::{AdmissionWebhook, is_whole};
use crate::admission::facts::{RequestFacts, target_canary};
use crate::admission::mutate::scale::{self, Half};
use crate::admission::review::{Decision, Request, Response};
use crate::admission::server::{Internal, Reply};
use crate::plan::Workload;

impl AdmissionWebhook {
    /// A scale of either half.
    ///
    /// # Errors
    /// When the caches are not filled yet.
    pub(super) fn scale<'a>(&'a self, request: &'a Request) -> Result<Reply<'a>, Internal> {
        self.filled()?;
        if is_whole(request) {
            return Ok(Reply::Given(Response::allow()));
        }
        let facts = self.facts(request);
        if facts.is_ours() {
            return Ok(Reply::Given(Response::allow().with_decision(Decision::OwnWrite)));
        }
        let scale::ScaleAnswer { response, note } = scale::decide(request, facts.scaled());
        Ok(match note.filter(|_| !request.is_dry_run()) {
            Some(wanted) => Reply::after(self.noted(facts, wanted, response)),
            None => Reply::Given(response),
        })
    }

    /// `response`, once it is noted how many are `wanted`.
    async fn noted(&self, facts: RequestFacts<'_>, wanted: i64, response: Response) -> Response {
        let known = facts.scaled();
        if self.note(&facts, wanted).await {
            return response;
        }
        // What is stored as it was sent says by itself how many are wanted.
        if known.half == Half::Target && response.patch.is_empty() {
            return response.with_audit("noted", "false");
        }
        scale::refused(facts.request(), known, wanted).response
    }

    /// After primary was given another number of pods by a write of the whole object: it means the app.
    pub(super) async fn rescaled(&self, facts: RequestFacts<'_>, response: Response) -> Response {
        let (request, known) = (facts.request(), facts.scaled());
        let outcome = scale::decide(request, known);
        let Some(wanted) = outcome.note.filter(|_| known.half == Half::Primary) else {
            return response;
        };
        if !request.is_dry_run() && !self.note(&facts, wanted).await {
            let (name, target) = (&request.name, &known.target);
            return response.with_warnings([format!(
                "coalmine: {name}: the number of its pods is {target}'s, which could not be changed now; scale {target}"
            )]);
        }
        response.with_warnings(outcome.response.warnings)
    }

    /// Notes how many replicas are wanted of the app; `false` when it could not be noted in time.
    async fn note(&self, facts: &RequestFacts<'_>, wanted: i64) -> bool {
        let (request, target) = (facts.request(), &facts.scaled().target);
        let canary = target_canary(facts.canaries(), Workload::Deployment, target);
        let (Some(effects), Some(canary)) = (&self.effects, canary) else {
            return false;
        };
        match effects.generator.note_replicas(canary, wanted).await {
            Ok(()) => true,
            Err(reason) => {
                let (namespace, name) = (request.namespace.as_str(), request.name.as_str());
                tracing::warn!(namespace, name, reason, "a scale could not be noted");
                false
            }
        }
    }
}
