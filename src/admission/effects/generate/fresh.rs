//! Whether the caches know what governs a Deployment as it is now: a policy, or the annotation that names it, that was applied
//! a moment before the Deployment may not be in them yet, and another policy would decide.

use super::Generator;
use crate::admission::facts::View;
use crate::admission::review::Request;
use crate::api::CanaryPolicy;
use crate::object::version;
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Resource};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks into a cache that is behind.
const PAUSE: Duration = Duration::from_millis(5);

impl Generator {
    /// Waits until the caches know the namespace of `request` and the policy that governs it as they are now, but no longer
    /// than `within`: what they know then decides.
    pub async fn caught_up(&self, view: &View, request: &Request, within: Duration) {
        let known = async {
            let namespaces: Api<Namespace> = Api::all(self.client.clone());
            let (namespace, caches) = (request.namespace.as_str(), &view.caches);
            if let Some(now) = namespaces.get_metadata_opt(namespace).await? {
                reached(&now, || caches.namespaces.get(&ObjectRef::new(namespace))).await;
            }
            // By its name as it is known by now: its own, and if there is none of that name, the namespace's.
            let policies: Api<CanaryPolicy> = Api::all(self.client.clone());
            let (own, of_namespace) = view.policy_names(request);
            for policy in own.into_iter().chain([of_namespace]) {
                if let Some(now) = policies.get_metadata_opt(&policy).await? {
                    reached(&now, || view.policy(&policy)).await;
                    break;
                }
            }
            Ok::<_, kube::Error>(())
        };
        match tokio::time::timeout(within, known).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "what governs a Deployment cannot be looked at"),
            Err(_) => tracing::debug!(
                namespace = request.namespace,
                "what governs a Deployment is not known in time"
            ),
        }
    }
}

// Returns when what the cache knows is no older than `now`.
async fn reached<K: Resource>(now: &impl Resource, known: impl Fn() -> Option<Arc<K>>) {
    let wanted = version(now.meta().resource_version.as_deref());
    let is_known = || {
        let known = known();
        let known = known.as_ref().map(|known| known.meta().resource_version.as_deref());
        known.is_some_and(|known| wanted.is_none() || version(known) >= wanted)
    };
    while !is_known() {
        tokio::time::sleep(PAUSE).await;
    }
}
