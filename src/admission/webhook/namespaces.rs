//! A namespace whose label comes or goes.

use super::{AdmissionWebhook, Effects};
use crate::admission::facts::View;
use crate::admission::review::{Decision, Request, Response};
use crate::admission::server::Reply;
use crate::admission::validate::opt_in;

impl AdmissionWebhook {
    /// What becomes of the apps of the namespace; nothing where that cannot be told yet.
    pub(super) fn tell<'a>(&'a self, request: &'a Request) -> Reply<'a> {
        let response = Response::allow().with_decision(Decision::NamespaceChanged);
        let (Some(effects), Ok(())) = (&self.effects, self.filled()) else {
            return Reply::Given(response);
        };
        match (opt_in::is_in(&request.old_object), opt_in::is_in(&request.object)) {
            (false, true) => {
                Reply::after(async move { response.with_warnings(gains(effects, &self.view, request).await) })
            }
            (true, false) => Reply::Given(response.with_warnings(opt_in::loses(&self.view, &request.object))),
            _ => Reply::Given(response),
        }
    }
}

async fn gains(effects: &Effects, view: &View, request: &Request) -> Vec<String> {
    let around = effects.generator.neighbours(request.object_name()).await;
    let (view, namespace) = (view.clone(), request.object.clone());
    // Up to 200 apps against all that is there: not on the threads that serve everybody.
    let told = tokio::task::spawn_blocking(move || opt_in::gains(&view, &namespace, around));
    told.await.unwrap_or_default()
}
