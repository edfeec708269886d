//! Keeping the Secret: create or read it, change what is due, follow what others write, mend what somebody broke.

use super::installed::installed;
use super::known::KnownPaths;
use super::ring::{Moment, Ring};
use super::token::{NoRandomness, Paths};
use crate::admission::bootstrap::certificates::{Material, now};
use crate::admission::bootstrap::secret;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the clock is looked at; nothing goes to the API server until something is due.
const POLL: Duration = Duration::from_secs(5);
/// Races for the Secret that are run again before giving up.
const RACES: usize = 8;
/// How long, in seconds, and how many generations that left the Secret are still accepted: an API server may have been
/// told of one a moment ago, whoever took it out.
const KEPT: i64 = 60;
const MOST_KEPT: usize = 8;

/// Why the paths could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The API server.
    #[error("Secret {0}: {1}")]
    Api(String, #[source] Box<kube::Error>),
    /// No random numbers for new tokens.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// Other replicas won every race.
    #[error("Secret {0} is changed by others all the time")]
    Races(String),
}

/// What happens outside that paths are changed for.
pub struct KeeperSettings {
    /// Name of the Secret, in our own namespace.
    pub secret: String,
    /// The certificates that are served.
    pub materials: watch::Receiver<Option<Material>>,
    /// Counts probes that did not reach us through the API server.
    pub unreached: watch::Receiver<u64>,
}

/// Keeps one Secret and tells the server which paths are heard.
pub struct Keeper {
    client: Client,
    api: Api<Secret>,
    settings: KeeperSettings,
    known: Arc<KnownPaths>,
    ring: watch::Sender<Option<Ring>>,
    /// What left the Secret lately, and until when it is accepted.
    kept: Mutex<Vec<(i64, Paths)>>,
    /// Probes that failed before the paths were changed last.
    answered: Mutex<u64>,
}

impl Keeper {
    /// A keeper in `namespace`, which nobody is heard by yet.
    pub fn new(client: Client, namespace: &str, settings: KeeperSettings, known: Arc<KnownPaths>) -> Self {
        Self {
            api: Api::namespaced(client.clone(), namespace),
            client,
            settings,
            known,
            ring: watch::Sender::new(None),
            kept: Mutex::default(),
            answered: Mutex::default(),
        }
    }

    /// The generations in use; changes whenever the Secret does.
    pub fn subscribe(&self) -> watch::Receiver<Option<Ring>> {
        self.ring.subscribe()
    }

    /// Brings the Secret into order once and takes it into use.
    ///
    /// # Errors
    /// See [`KeeperError`]; what was heard before goes on being heard.
    pub async fn ensure(&self, now: i64) -> Result<(), KeeperError> {
        for _ in 0..RACES {
            let read = self.api.get_opt(&self.settings.secret).await;
            let read = read.map_err(|error| self.api_error(error))?;
            let data = read.as_ref().and_then(|secret| secret.data.as_ref());
            let stored = data.and_then(|data| Ring::read(data, now));
            let Some(ring) = self.wanted(stored.as_ref(), now).await? else {
                stored.into_iter().for_each(|ring| self.take(ring, now));
                return Ok(());
            };
            let stored = secret::store(&self.api, &self.settings.secret, read, ring.write()).await;
            if stored.map_err(|error| self.api_error(error))? {
                tracing::info!(secret = self.settings.secret, "the webhook's paths were changed");
                *self.answered.lock() = *self.settings.unreached.borrow();
                self.take(ring, now);
                return Ok(());
            }
        }
        Err(KeeperError::Races(self.settings.secret.clone()))
    }

    /// Runs for ever: polls the clock and follows the Secret. Faults are logged and tried again.
    pub async fn run(&self) {
        let mut changes = crate::admission::bootstrap::watching::object(self.api.clone(), &self.settings.secret);
        loop {
            tokio::select! {
                () = tokio::time::sleep(POLL) => {
                    self.accept(now());
                    if !self.is_due(now()) { continue }
                }
                () = changes.changed() => {}
            }
            if let Err(error) = self.ensure(now()).await {
                tracing::error!(%error, "the webhook's paths");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    fn moment(&self, now: i64) -> Moment {
        let material = self.settings.materials.borrow();
        Moment {
            now,
            leaf_until: material.as_ref().and_then(Material::leaf_not_after),
            unreached: *self.settings.unreached.borrow() > *self.answered.lock(),
        }
    }

    fn is_due(&self, now: i64) -> bool {
        let ring = self.ring.borrow();
        ring.as_ref().is_none_or(|ring| ring.is_due(self.moment(now)))
    }

    /// What must be stored, if anything.
    async fn wanted(&self, stored: Option<&Ring>, now: i64) -> Result<Option<Ring>, KeeperError> {
        let (memory, at) = (self.ring.borrow().clone(), self.moment(now));
        let fresh = Paths::random()?;
        if stored.is_none() && memory.is_none() {
            // The Secret is gone, but others may serve, and API servers may have been told.
            let installed = installed(&self.client).await;
            return Ok(Some(Ring::begin(at, installed, [fresh, Paths::random()?])));
        }
        Ok(Ring::wanted(stored, memory.as_ref(), at, &fresh))
    }

    // The server hears the new paths before anybody is told of them.
    fn take(&self, ring: Ring, now: i64) {
        let before = self.ring.borrow().clone();
        if before.as_ref() == Some(&ring) {
            return self.accept(now);
        }
        let accepted = ring.accepted(now);
        let leaving = before.iter().flat_map(|before| before.accepted(now));
        for paths in leaving.filter(|paths| !accepted.contains(paths)) {
            self.keep(paths, now.saturating_add(KEPT));
        }
        self.publish(&ring, now);
        self.ring.send_replace(Some(ring));
    }

    fn keep(&self, paths: Paths, until: i64) {
        let mut kept = self.kept.lock();
        kept.retain(|(_, other)| *other != paths);
        kept.push((until, paths));
        let surplus = kept.len().saturating_sub(MOST_KEPT);
        kept.drain(..surplus);
    }

    /// Forgets what is not accepted any more.
    fn accept(&self, now: i64) {
        if let Some(ring) = self.ring.borrow().as_ref() {
            self.publish(ring, now);
        }
    }

    fn publish(&self, ring: &Ring, now: i64) {
        let mut kept = self.kept.lock();
        kept.retain(|(until, _)| now < *until);
        let lately = kept.iter().map(|(_, paths)| paths.clone());
        self.known
            .replace(ring.accepted(now).into_iter().chain(lately).collect());
    }

    fn api_error(&self, error: kube::Error) -> KeeperError {
        KeeperError::Api(self.settings.secret.clone(), Box::new(error))
    }
}
