//! Whoever may not make a Canary gets none by way of a Deployment: theirs stays a plain one. So does one whose pair could
//! not be made beside what is there.
//!
//! Asked in the mutating phase, where it still decides what is stored; a label tells the controller, which would
//! otherwise find the Deployment and enrol it by itself. A later write by somebody who may takes the label off.

use super::{AdmissionWebhook, Apart, is_managed};
use crate::admission::bootstrap::certificates::now;
use crate::admission::mutate::deployments::{self, Enrolment};
use crate::admission::review::{Request, Response};

/// The answer to a mutating request, given `response` of the hold: held as it is unless this request would enrol the
/// Deployment and its sender may not.
pub(super) async fn authorize(webhook: &AdmissionWebhook, request: &Request, response: Response) -> Response {
    let Some(effects) = &webhook.effects else {
        return response;
    };
    if webhook.view.is_ours(request) || is_managed(&request.old_object) || webhook.view.caches.waiting() > 0 {
        return response;
    }
    let mut context = webhook.view.deployment(request, now());
    if !matches!(context.enrolment, Enrolment::Policy(_)) {
        return response;
    }
    let (user, namespace) = (&request.user_info, &request.namespace);
    let may = effects.rights.may_create_canaries(user, namespace);
    let (may, apart) = tokio::join!(may, webhook.apart(request));
    match (&may, apart) {
        (Ok(true) | Err(_), Some(Apart::Refused(why))) => {
            context.enrolment = Enrolment::Refused(why);
            return deployments::mutate(request, &context).into_response();
        }
        // It serves as if no controller were there, until that has looked: nothing is held for a pair that may never be.
        (Ok(true) | Err(_), Some(Apart::Unseen(what))) => {
            context.controller_alive = false;
            let name = request.object_name();
            let told = format!("coalmine: {name}: {what} could not be looked at in time; the controller looks again");
            return deployments::mutate(request, &context)
                .into_response()
                .with_warnings([told]);
        }
        (Ok(false), _) | (_, None) => {}
    }
    match may {
        Ok(true) => response,
        Ok(false) => {
            let why = format!("{:?} may not create canaries.flagger.app in {namespace}", user.username);
            context.enrolment = Enrolment::Denied(why);
            deployments::mutate(request, &context).into_response()
        }
        // The controller, which acts for the namespace, enrols it.
        Err(error) => {
            tracing::warn!(%error, "cannot ask for the requester's rights");
            response
        }
    }
}
