//! Who scales a half means the app: the number is noted before the answer is given.

use super::AdmissionWebhook;
use crate::admission::bootstrap::certificates::now;
use crate::admission::facts::target_canary;
use crate::admission::mutate::scale::{self, Half};
use crate::admission::review::{Request, Response};
use crate::plan::Workload;

impl AdmissionWebhook {
    /// A scale of either half: the number is noted for the app before the answer is given.
    pub(super) async fn scale(&self, request: &Request) -> Response {
        if self.view.is_ours(request) {
            return Response::allow().with_audit("decision", "own");
        }
        let known = self.view.scaled(request, now());
        let outcome = scale::decide(request, &known);
        match outcome.note.filter(|_| !request.is_dry_run()) {
            Some(wanted) if !self.note(request, &known.target, wanted).await => {
                // What is stored as it was sent says by itself how many are wanted.
                if known.half == Half::Target && outcome.response.patch.is_empty() {
                    return outcome.response.with_audit("noted", "false");
                }
                scale::refused(request, &known, wanted).response
            }
            _ => outcome.response,
        }
    }

    /// After primary was given another number of pods by a write of the whole object: it means the app.
    pub(super) async fn rescaled(&self, request: &Request, response: Response) -> Response {
        let known = self.view.scaled(request, now());
        let outcome = scale::decide(request, &known);
        let Some(wanted) = outcome.note.filter(|_| known.half == Half::Primary) else {
            return response;
        };
        if !request.is_dry_run() && !self.note(request, &known.target, wanted).await {
            let (name, target) = (&request.name, &known.target);
            return response.with_warnings([format!(
                "coalmine: {name}: the number of its pods is {target}'s, which could not be changed now; scale {target}"
            )]);
        }
        response.with_warnings(outcome.response.warnings)
    }

    /// Notes how many replicas are wanted of the target's app; `false` when it could not be noted in time.
    async fn note(&self, request: &Request, target: &str, wanted: i64) -> bool {
        let canaries = self.view.canaries(&request.namespace);
        let canary = target_canary(&canaries, Workload::Deployment.kind(), target);
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
