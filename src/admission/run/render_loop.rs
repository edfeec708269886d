//! Renders the webhook configurations anew whenever the CA or the paths change.

use super::Args;
use crate::admission::bootstrap::certificates;
use crate::admission::bootstrap::configurations::{Address, FailurePolicy, Installer, Rendering};
use crate::admission::bootstrap::paths;
use crate::admission::metrics::Metrics;
use std::time::Duration;
use tokio::sync::watch;

/// What the configurations depend on, besides the CA and the paths.
pub(super) struct Template {
    pub namespace: String,
    /// The only namespace that is looked at; `None` for every namespace.
    pub only: Option<String>,
    pub ours: Vec<String>,
    pub args: Args,
}

/// Renders for ever.
pub(super) async fn run(
    (certificates, paths): (&certificates::Keeper, &paths::Keeper),
    rendered: &watch::Sender<Option<Rendering>>,
    template: &Template,
    metrics: &Metrics,
    installer: &Installer,
) {
    let (mut materials, mut rings) = (certificates.subscribe(), paths.subscribe());
    loop {
        let (material, ring) = (materials.borrow_and_update().clone(), rings.borrow_and_update().clone());
        if let (Some(material), Some(ring)) = (material, ring) {
            metrics.certificate(material.leaf_not_after());
            let next = template.rendering(material.ca_bundle(), ring.current().clone());
            rendered.send_if_modified(|current| {
                let changed = current.as_ref() != Some(&next);
                *current = Some(next);
                changed
            });
        }
        metrics.probed(installer.probed());
        let closed = tokio::select! {
            changed = materials.changed() => changed.is_err(),
            changed = rings.changed() => changed.is_err(),
            () = tokio::time::sleep(Duration::from_secs(10)) => false,
        };
        if closed {
            return;
        }
    }
}

impl Template {
    fn rendering(&self, ca_bundle: String, paths: paths::Paths) -> Rendering {
        Rendering {
            address: self.address(),
            paths,
            ca_bundle,
            own_namespace: self.namespace.clone(),
            only_namespace: self.only.clone(),
            own_users: self.ours.clone(),
            failure_policy: self.args.failure_policy,
            canaries_failure_policy: FailurePolicy::Ignore,
            owner: None,
        }
    }

    fn address(&self) -> Address {
        match &self.args.url {
            Some(url) => Address::Url(url.clone()),
            None => Address::Service {
                namespace: self.namespace.clone(),
                name: self.args.service.clone(),
                port: self.args.service_port,
            },
        }
    }
}
