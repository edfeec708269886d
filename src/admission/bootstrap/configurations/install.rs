//! Installing the configurations and keeping them.

use super::brake::{Action, Kept, Stored};
use super::probe::{Probed, probe};
use super::probing::Probing;
use super::render::{FailurePolicy, Rendering, mutating, validating, webhook_name};
use super::tell::Teller;
use crate::admission::bootstrap::watching::{self, Changes, Noticed};
use crate::api::entry::Entry;
use crate::api::labels;
use crate::orders::{self, CONFIGURATIONS, Installed, Standing, WebhookConfiguration};
use base64::Engine as _;
use jiff::Timestamp;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Least time between two installations: two versions of the program side by side must not fight at full speed.
const PAUSE: Duration = Duration::from_secs(2);
/// After an error that no event will follow.
const RETRY: Duration = Duration::from_secs(5);

/// What is logged of probes. The documentation tells people which word to look for.
const REACHED: &str = "self-probe: the API server reaches the webhook; validate-canaries fails closed from now on";
const UNREACHED: &str = "self-probe: the webhook was not reached through the API server";
const UNASKED: &str = "self-probe: the API server could not be asked whether it reaches the webhook";

/// The configurations could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("webhook configuration {CONFIGURATIONS}: {0}")]
pub struct InstallError(#[from] Box<kube::Error>);

impl From<kube::Error> for InstallError {
    fn from(error: kube::Error) -> Self {
        Self(Box::new(error))
    }
}

/// Keeps both configurations.
pub struct Installer {
    client: Client,
    probed: AtomicBool,
    teller: Teller,
    unreached: watch::Sender<u64>,
}

impl Installer {
    /// An installer that has installed nothing yet.
    pub fn new(client: Client, teller: Teller) -> Self {
        Self {
            client,
            probed: AtomicBool::new(false),
            teller,
            unreached: watch::Sender::new(0),
        }
    }

    /// Whether the last probe that was answered went the whole way through the API server.
    pub fn probed(&self) -> bool {
        self.probed.load(Ordering::Relaxed)
    }

    /// Counts the probes that failed.
    pub fn unreached(&self) -> watch::Receiver<u64> {
        self.unreached.subscribe()
    }

    /// Brings one configuration to what it is to be by now. Answers until when it stays away, if it does.
    async fn turn(
        &self,
        kept: &mut Kept,
        with: &Rendering,
        standing: &Standing,
    ) -> Result<Option<Timestamp>, InstallError> {
        let which = kept.which();
        let api = self.api(which);
        let stored = api.get_opt(CONFIGURATIONS).await?;
        let action = kept.turn(stored.as_ref().map(owned), standing, Timestamp::now());
        let with = self.rendering(with, standing, stored.as_ref());
        match action {
            Action::Update => {
                let params = PatchParams {
                    field_manager: Some(labels::FIELD_MANAGER.to_owned()),
                    ..PatchParams::default()
                };
                // A merge patch never creates: a configuration deleted just now stays deleted.
                missing(
                    api.patch(CONFIGURATIONS, &params, &Patch::Merge(rendered(which, &with)))
                        .await,
                )?;
            }
            Action::Create => self.create(kept, &with, standing).await?,
            Action::TakeAway => missing(api.delete(CONFIGURATIONS, &DeleteParams::default()).await)?,
            Action::Braked { until, new, noted } => {
                self.teller.installed(which, Some(until));
                if new {
                    self.teller.braked(which, until, noted);
                }
                if !noted {
                    let namespace = self.teller.namespace();
                    orders::write::brake(&self.client, namespace, (which, Some(until)), &standing.installed).await?;
                }
                return Ok(Some(until));
            }
            Action::HandsOff => {}
        }
        self.teller.installed(which, None);
        Ok(None)
    }

    async fn create(&self, kept: &mut Kept, with: &Rendering, standing: &Standing) -> Result<(), InstallError> {
        let which = kept.which();
        let object = serde_json::from_value(rendered(which, with)).map_err(kube::Error::SerdeError)?;
        let params = PostParams {
            field_manager: Some(labels::FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        match self.api(which).create(&params, &object).await {
            Ok(made) => {
                kept.turn(Some(owned(&made)), standing, Timestamp::now());
                if standing.brake(which).is_some() {
                    let over = (which, None);
                    orders::write::brake(&self.client, self.teller.namespace(), over, &standing.installed).await?;
                }
                Ok(())
            }
            // Another replica was quicker; its event is on the way.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    // Whom it belongs to, and what may fail closed.
    fn rendering(&self, with: &Rendering, standing: &Standing, stored: Option<&DynamicObject>) -> Rendering {
        let mut with = with.clone();
        if let Installed::As(installation) = &standing.installed {
            with.owner = Some(installation.owner());
        }
        if standing.leaves_all() {
            with.failure_policy = FailurePolicy::Ignore;
        } else if self.probed() || stored.is_some_and(|stored| is_stored_as_fail(stored, &with)) {
            with.canaries_failure_policy = FailurePolicy::Fail;
        }
        with
    }

    fn api(&self, which: WebhookConfiguration) -> Api<DynamicObject> {
        api(&self.client, which)
    }

    /// Runs for ever: installs at once, after each change of `rendering` and of what stands, and when somebody else changed a
    /// configuration; probes until a probe was refused by us, then lets `validate-canaries` fail closed, and probes again when
    /// what is told to API servers has changed or a watch of ours was broken off.
    pub async fn run(
        &self,
        mut rendering: watch::Receiver<Option<Rendering>>,
        mut standing: watch::Receiver<Standing>,
    ) {
        let mut all = WebhookConfiguration::ALL.map(Kept::new);
        let mut watches = WebhookConfiguration::ALL.map(|which| watching::object(self.api(which), CONFIGURATIONS));
        let (mut probing, mut pause) = (Probing::new(Instant::now()), Duration::ZERO);
        loop {
            let (away, wake) = self.pass(&mut all, &mut rendering, &mut standing).await;
            if self.probed() {
                pause = PAUSE;
            }
            let wake = wake.map(|wake| Instant::now() + wake);
            tokio::time::sleep(pause).await;
            let told = (&mut rendering, &mut standing);
            if !self.rest(&mut watches, told, &mut probing, (away, wake)).await {
                return;
            }
        }
    }

    /// Waits until the configurations are to be looked after again, and probes in between; `false` when nobody says any more
    /// what is to be installed. Not of a watch that is broken: that says nothing of what is stored.
    async fn rest(
        &self,
        [one, two]: &mut [Changes; 2],
        (rendering, standing): (&mut watch::Receiver<Option<Rendering>>, &mut watch::Receiver<Standing>),
        probing: &mut Probing,
        (away, wake): (bool, Option<Instant>),
    ) -> bool {
        loop {
            let asks = probing.due().is_some() && !away;
            tokio::select! {
                noticed = one.noticed() => if weighed(noticed, probing) { return true },
                noticed = two.noticed() => if weighed(noticed, probing) { return true },
                () = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => return true,
                changed = standing.changed() => return changed.is_ok(),
                changed = rendering.changed() => {
                    probing.doubt(Instant::now());
                    return changed.is_ok();
                }
                probed = self.try_probe(*probing), if asks => {
                    let before = self.probed();
                    self.judge(&probed, probing);
                    // What is closed stays closed; only what has opened the way to that is written.
                    if self.probed() && !before { return true }
                }
            }
        }
    }

    async fn pass(
        &self,
        all: &mut [Kept],
        rendering: &mut watch::Receiver<Option<Rendering>>,
        standing: &mut watch::Receiver<Standing>,
    ) -> (bool, Option<Duration>) {
        let current = rendering.borrow_and_update().clone();
        let now = standing.borrow_and_update().clone();
        // Before it is known which installation this is, nothing can belong to it; and before it is known what is braked,
        // what is missing may be missing on purpose.
        match current.filter(|_| now.is_known_whole()) {
            Some(with) => self.both(all, &with, &now).await,
            None => (true, None),
        }
    }

    // Whether one of them is, or is to be, away, so that a probe would be in vain; and when to look again.
    async fn both(&self, all: &mut [Kept], with: &Rendering, standing: &Standing) -> (bool, Option<Duration>) {
        let mut away = standing.leaves_all() || standing.ending;
        let mut wake: Option<Duration> = None;
        for kept in all {
            let next = match self.turn(kept, with, standing).await {
                Ok(None) => continue,
                Ok(Some(until)) => {
                    away = true;
                    Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default()
                }
                Err(error) => {
                    tracing::error!(%error, "cannot install");
                    RETRY
                }
            };
            wake = Some(wake.map_or(next, |wake| wake.min(next)));
        }
        (away, wake)
    }

    async fn try_probe(&self, probing: Probing) -> Probed {
        tokio::time::sleep_until(probing.soonest(Instant::now())).await;
        probe(self.client.clone()).await
    }

    // That the API server itself did not answer is no outage of the webhook: it showed nobody a path.
    fn judge(&self, probed: &Probed, probing: &mut Probing) {
        match probed {
            Probed::Reached => {
                if !self.probed.swap(true, Ordering::Relaxed) {
                    tracing::info!("{REACHED}");
                }
                return probing.reached(Instant::now());
            }
            Probed::Missed(reason) => {
                tracing::warn!(reason, "{UNREACHED}");
                self.probed.store(false, Ordering::Relaxed);
                self.unreached.send_modify(|count| *count += 1);
            }
            Probed::NotAsked(reason) => tracing::warn!(reason, "{UNASKED}"),
        }
        probing.missed(Instant::now());
    }
}

// Whether something has changed. Whoever cannot reach an API server may not be reached by it either.
fn weighed(noticed: Noticed, probing: &mut Probing) -> bool {
    if noticed == Noticed::Broken {
        probing.doubt(Instant::now());
    }
    noticed == Noticed::Changed
}

/// The API of that configuration, whose name is [`CONFIGURATIONS`].
pub fn api(client: &Client, which: WebhookConfiguration) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", which.kind());
    Api::all_with(client.clone(), &ApiResource::from_gvk(&kind))
}

fn rendered(which: WebhookConfiguration, with: &Rendering) -> Value {
    match which {
        WebhookConfiguration::Mutating => mutating(with),
        WebhookConfiguration::Validating => validating(with),
    }
}

// What is gone needs nothing more.
fn missing<T>(outcome: Result<T, kube::Error>) -> Result<(), InstallError> {
    match outcome {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop).map_err(InstallError::from),
    }
}

fn owned(object: &DynamicObject) -> Stored {
    let role = object
        .owner_references()
        .iter()
        .find(|owner| owner.kind == "ClusterRole");
    Stored {
        owner: role.map(|owner| owner.uid.clone()),
    }
}

/// Whether another replica has probed already, for the same CAs: then closing stays closed.
fn is_stored_as_fail(stored: &DynamicObject, with: &Rendering) -> bool {
    let name = webhook_name(Entry::ValidateCanaries);
    let hooks = stored.data.get("webhooks").and_then(Value::as_array);
    let text = |hook: &Value, pointer: &str| hook.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let hook = hooks
        .into_iter()
        .flatten()
        .find(|hook| text(hook, "/name").as_ref() == Some(&name));
    let bundle = base64::engine::general_purpose::STANDARD.encode(&with.ca_bundle);
    hook.is_some_and(|hook| {
        text(hook, "/failurePolicy").as_deref() == Some("Fail") && text(hook, "/clientConfig/caBundle") == Some(bundle)
    })
}

#[cfg(test)]
mod tests;
