//! One of our own kinds: what is looked for before it is judged.

use super::{AdmissionWebhook, Effects};
use crate::admission::effects::generate::ScalersAndPolicies;
use crate::admission::review::{Request, Response};
use crate::admission::server::Internal;
use crate::admission::validate::kinds;
use crate::plan::Workload;
use crate::routing::registry;
use coalmine_core::validation::Lookup;
use serde_json::Value;

impl Effects {
    /// The target of the Canary in `request`, as it is now.
    async fn target(&self, request: &Request) -> Lookup<Value> {
        let named = kinds::target_of(request).and_then(|(kind, name)| Some((Workload::parse(kind)?, name)));
        match named.filter(|(kind, _)| kind.rolls()) {
            Some((kind, name)) => self.generator.workload(kind, &request.namespace, name).await,
            None => Lookup::Unknown,
        }
    }

    /// What else the namespace of that target holds.
    async fn around(&self, request: &Request) -> ScalersAndPolicies {
        match kinds::target_of(request).and_then(|(kind, _)| Workload::parse(kind)) {
            Some(kind) if kind.rolls() => self.generator.around(&request.namespace).await,
            _ => ScalersAndPolicies::default(),
        }
    }

    /// Whether the requester may not get the Secret that the object would have us use. Where nobody knows, he may.
    async fn denied(&self, request: &Request) -> bool {
        let Some(secret) = kinds::secret_of(request) else {
            return false;
        };
        let (user, namespace) = (&request.user_info, &request.namespace);
        self.rights.may_get_secret(user, namespace, secret).await == Ok(false)
    }
}

impl AdmissionWebhook {
    /// One of our own kinds. What it is about is looked for where that is allowed; a look that takes too long saw nothing.
    pub(super) async fn validate_kind(&self, request: &Request) -> Result<Response, Internal> {
        let found = match &self.effects {
            Some(effects) if !self.view.is_ours(request) => {
                let (provider, around) = (&self.view.defaults.provider, effects.around(request));
                let provider = kinds::provider_of(request, provider);
                let served = async { effects.generator.served(&registry::object_of(provider?)?).await };
                let fronts = async {
                    let front = registry::router(provider?)?.front()?;
                    effects.generator.fronts(&request.namespace, front).await
                };
                let (target, denied) = (effects.target(request), effects.denied(request));
                let (target, around, served, fronts, denied) = tokio::join!(target, around, served, fronts, denied);
                kinds::Found {
                    target,
                    around,
                    served,
                    fronts: fronts.unwrap_or_default(),
                    denied,
                }
            }
            _ => kinds::Found::default(),
        };
        let shared = match found.target.found() {
            Some(target) => self.shared(request, target).await,
            None => None,
        };
        let response = kinds::validate(request, &self.view, found)?;
        Ok(response.with_warnings(shared.map(|line| format!("spec.targetRef: not released: {line}"))))
    }
}
