//! A route that leads to a pair, at the webhook.

use super::AdmissionWebhook;
use crate::admission::facts::stage;
use crate::admission::mutate::deployments::CoarseStage;
use crate::admission::mutate::routes;
use crate::admission::review::{Decision, Request, Response};
use crate::admission::server::Internal;
use crate::api::Canary;
use crate::routing::Traffic;

impl AdmissionWebhook {
    /// A route keeps the traffic of the pairs of its namespace.
    pub(super) fn hold_route(&self, request: &Request) -> Result<Response, Internal> {
        self.filled()?;
        let pairs: Vec<routes::Pair> = self
            .view
            .split(&request.namespace)
            .into_iter()
            .filter(|(canary, _)| stage(canary) != CoarseStage::Leaving)
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
        .with_decision(Decision::RouteHeld))
    }
}

/// What the controller stamped before writing it.
fn intent(canary: &Canary) -> Option<Traffic> {
    let intent = canary.status.as_ref()?.run.as_ref()?.intent?;
    Some(Traffic::from(intent))
}
