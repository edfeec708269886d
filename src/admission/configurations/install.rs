//! Installing the configurations and keeping them.

use super::probe::probe;
use super::render::{FailurePolicy, NAME, Rendering, mutating, validating, webhook_name};
use crate::admission::server::Entry;
use crate::admission::watching;
use crate::api::labels;
use base64::Engine as _;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Least time between two installations: two versions of the program side by side must not fight at full speed.
const PAUSE: Duration = Duration::from_secs(2);
/// Between two probes, at first and at most.
const PROBE_FIRST: Duration = Duration::from_millis(250);
const PROBE_LAST: Duration = Duration::from_secs(30);

/// The configurations could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("webhook configuration {NAME}: {0}")]
pub struct InstallError(#[from] Box<kube::Error>);

/// Keeps both configurations.
pub struct Installer {
    client: Client,
    probed: AtomicBool,
}

impl Installer {
    /// An installer that has installed nothing yet.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            probed: AtomicBool::new(false),
        }
    }

    /// Whether a probe went the whole way through the API server.
    pub fn probed(&self) -> bool {
        self.probed.load(Ordering::Relaxed)
    }

    /// Applies both configurations. Idempotent.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached.
    pub async fn install(&self, with: &Rendering) -> Result<(), InstallError> {
        let mut with = with.clone();
        if self.probed() || self.stored_as_fail(&with).await? {
            with.canaries_failure_policy = FailurePolicy::Fail;
        }
        let params = PatchParams::apply(labels::FIELD_MANAGER).force();
        let validators: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        validators
            .patch(NAME, &params, &Patch::Apply(validating(&with)))
            .await
            .map_err(Box::new)?;
        let mutators: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        mutators
            .patch(NAME, &params, &Patch::Apply(mutating(&with)))
            .await
            .map_err(Box::new)?;
        Ok(())
    }

    /// Runs for ever: installs at once, after each change of `rendering`, and when somebody else changed or deleted a
    /// configuration; probes until a probe was refused by us, then lets `validate-canaries` fail closed.
    pub async fn run(&self, mut rendering: watch::Receiver<Option<Rendering>>) {
        let validators: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let mutators: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        let (mut one, mut two) = (watching::object(validators, NAME), watching::object(mutators, NAME));
        let mut delay = PROBE_FIRST;
        loop {
            let current = rendering.borrow_and_update().clone();
            if let Some(with) = current
                && let Err(error) = self.install(&with).await
            {
                tracing::error!(%error, "cannot install");
            }
            tokio::time::sleep(if self.probed() { PAUSE } else { Duration::ZERO }).await;
            tokio::select! {
                () = one.changed() => {}
                () = two.changed() => {}
                changed = rendering.changed() => if changed.is_err() { return },
                () = self.try_probe(delay), if !self.probed() => delay = (delay * 2).min(PROBE_LAST),
            }
        }
    }

    async fn try_probe(&self, delay: Duration) {
        tokio::time::sleep(delay).await;
        match probe(self.client.clone()).await {
            Ok(()) => {
                tracing::info!("the API server reaches the webhook; validate-canaries fails closed from now on");
                self.probed.store(true, Ordering::Relaxed);
            }
            Err(reason) => tracing::warn!(
                reason,
                "the self-probe did not reach the webhook through the API server"
            ),
        }
    }

    /// Whether another replica has probed already, for the same CAs: then closing stays closed.
    async fn stored_as_fail(&self, with: &Rendering) -> Result<bool, InstallError> {
        let validators: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let Some(stored) = validators.get_opt(NAME).await.map_err(Box::new)? else {
            return Ok(false);
        };
        let name = webhook_name(Entry::ValidateCanaries);
        let hook = stored.webhooks.iter().flatten().find(|hook| hook.name == name);
        let bundle = base64::engine::general_purpose::STANDARD.encode(&with.ca_bundle);
        Ok(hook.is_some_and(|hook| {
            let stored = serde_json::to_value(&hook.client_config.ca_bundle).unwrap_or(Value::Null);
            hook.failure_policy.as_deref() == Some("Fail") && stored.as_str() == Some(bundle.as_str())
        }))
    }
}
