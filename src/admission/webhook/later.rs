//! Requesters whose rights could not be asked for while their request waited: they are asked about beside the requests, until
//! there is an answer. Who may has his Canary made then. Meanwhile the Deployment is a plain one, which its label tells the
//! controller: that would enrol it whoever sent it.

use super::enrol::{Apart, is_enrolled};
use super::{AdmissionWebhook, Effects};
use crate::admission::review::{Request, UserInfo};
use crate::api::labels;
use crate::object::label;
use crate::plan::Workload;
use coalmine_core::validation::Lookup;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Before the first question, when the Deployment is to be stored; each pause is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// Questions, within a good minute.
const QUESTIONS: u32 = 7;

/// Who sent what; not the object, which may be large.
struct Sent {
    by: UserInfo,
    namespace: String,
    name: String,
    uid: Option<String>,
}

impl Sent {
    fn of(request: &Request) -> Self {
        Self {
            by: request.user_info.clone(),
            namespace: request.namespace.clone(),
            name: request.object_name().to_owned(),
            uid: uid(&request.object),
        }
    }

    /// Whether that is what is stored: whoever has written it since was asked about himself.
    fn is(&self, stored: &Value) -> bool {
        label(stored, labels::DENIED) == Some(labels::UNASKED) && uid(stored) == self.uid
    }

    /// As if it were sent again as it is stored.
    fn again(&self, kind: Workload, stored: Value) -> Request {
        let mut request = Request {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            user_info: self.by.clone(),
            object: stored,
            ..Request::default()
        };
        request.kind.group = kind.group().to_owned();
        request.kind.kind = kind.kind().to_owned();
        request
    }
}

fn uid(object: &Value) -> Option<String> {
    object.pointer("/metadata/uid")?.as_str().map(str::to_owned)
}

impl AdmissionWebhook {
    /// Has it asked whether whoever sent the Deployment of `request` may have a Canary made, and makes it if so.
    pub(super) fn ask_later(self: &Arc<Self>, request: &Request) {
        let Some(room) = self.effects.as_ref().and_then(|effects| effects.rights.room()) else {
            let (namespace, name) = (&request.namespace, request.object_name());
            tracing::warn!(namespace, name, "too many requesters are asked about, this one is not");
            return;
        };
        let (webhook, sent) = (Arc::clone(self), Sent::of(request));
        tokio::spawn(async move {
            webhook.ask(&sent).await;
            drop(room);
        });
    }

    async fn ask(&self, sent: &Sent) {
        let Some(effects) = &self.effects else { return };
        let mut pause = PAUSE;
        for _ in 0..QUESTIONS {
            tokio::time::sleep(pause).await;
            pause *= 2;
            let done = match effects.rights.may_create_canaries(&sent.by, &sent.namespace).await {
                Ok(true) => self.enrol_stored(effects, sent).await.is_some(),
                Ok(false) => true,
                Err(_) => false,
            };
            if done {
                return;
            }
        }
        let (namespace, name) = (&sent.namespace, &sent.name);
        tracing::warn!(
            namespace,
            name,
            "not enrolled: what was asked about it and its sender was not answered"
        );
    }

    /// Makes the Canary of the Deployment as it is stored. Nothing when that could not be done now.
    async fn enrol_stored(&self, effects: &Effects, sent: &Sent) -> Option<()> {
        let kind = Workload::Deployment;
        // One that is not there may not be stored yet, or was refused by others.
        let Lookup::Found(stored) = effects.generator.workload(kind, &sent.namespace, &sent.name).await else {
            return None;
        };
        if !sent.is(&stored) {
            return Some(());
        }
        let request = sent.again(kind, stored);
        let facts = self.facts(&request);
        if !is_enrolled(&facts) {
            return Some(());
        }
        let beside = effects.beside(&facts).await;
        match effects.pairable(&facts, beside).await {
            // What others say, the controller looks into, and takes the Canary back where it counts.
            Ok(()) | Err(Apart::ByOthers(_)) => {}
            // To ask again would not change that.
            Err(Apart::Refused(why)) => {
                let (namespace, name) = (&sent.namespace, &sent.name);
                tracing::info!(namespace, name, why, "not enrolled");
                return Some(());
            }
            Err(Apart::Unseen(_)) => return None,
        }
        let (plan, _) = effects.planned(&facts).await?;
        // Its Services and its route are the controller's to make, which knows when its pods serve.
        effects
            .generator
            .canary(&plan.canary, &sent.namespace)
            .await
            .ok()
            .map(drop)
    }
}
