//! Keeping the Secret: create or read it, renew what is due, follow what others write.

use super::authority::AuthorityError;
use super::material::Material;
use super::rotation::Action;
use super::served::{Served, TlsError};
use crate::admission::bootstrap::secret;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Wall-clock poll for renewals; a timer over days would miss a suspend.
const POLL: Duration = Duration::from_secs(60);
/// Races for the Secret that are run again before giving up.
const RACES: usize = 8;

/// Why the certificates could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The API server.
    #[error("Secret {0}: {1}")]
    Api(String, #[source] Box<kube::Error>),
    /// Making a certificate.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The certificate could not be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Another replica won every race.
    #[error("Secret {0} is changed by others all the time")]
    Races(String),
}

/// Keeps one Secret and serves from it.
pub struct Keeper {
    api: Api<Secret>,
    name: String,
    names: Vec<String>,
    served: Arc<Served>,
    current: watch::Sender<Option<Material>>,
}

impl Keeper {
    /// A keeper of the Secret `name` in `namespace`, with leaves for the DNS `names`, served through `served`.
    pub fn new(client: Client, namespace: &str, name: &str, names: Vec<String>, served: Arc<Served>) -> Self {
        let api = Api::namespaced(client, namespace);
        Self {
            api,
            name: name.to_owned(),
            names,
            served,
            current: watch::Sender::new(None),
        }
    }

    /// The material in use; changes whenever the Secret does.
    pub fn subscribe(&self) -> watch::Receiver<Option<Material>> {
        self.current.subscribe()
    }

    /// Brings the Secret into order once and takes it into use.
    ///
    /// # Errors
    /// See [`KeeperError`]; what was served before goes on being served.
    pub async fn ensure(&self, now: i64) -> Result<(), KeeperError> {
        for _ in 0..RACES {
            let read = self
                .api
                .get_opt(&self.name)
                .await
                .map_err(|error| self.api_error(error))?;
            let stored = read
                .as_ref()
                .and_then(|secret| secret.data.as_ref())
                .and_then(Material::read);
            let Some(material) = self.next(now, stored.as_ref())? else {
                return stored.map_or(Ok(()), |material| self.take(material));
            };
            let stored = secret::store(&self.api, &self.name, read, material.write()).await;
            if stored.map_err(|error| self.api_error(error))? {
                return self.take(material);
            }
        }
        Err(KeeperError::Races(self.name.clone()))
    }

    /// Runs for ever: polls the wall clock and the Secret. Faults are logged and tried again.
    pub async fn run(&self) {
        let mut changes = crate::admission::bootstrap::watching::object(self.api.clone(), &self.name);
        loop {
            tokio::select! {
                // Only the clock is asked here; nothing goes to the API server until something is due.
                () = tokio::time::sleep(POLL) => if !self.is_due(super::now()) { continue },
                () = changes.changed() => {}
            }
            if let Err(error) = self.ensure(super::now()).await {
                tracing::error!(%error, "certificates");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    fn is_due(&self, now: i64) -> bool {
        let due = self
            .current
            .borrow()
            .as_ref()
            .and_then(|material| material.due(now, &self.names));
        due.is_some_and(|action| !matches!(action, Action::Wait(_)))
    }

    /// The material that must be stored, if any.
    fn next(&self, now: i64, stored: Option<&Material>) -> Result<Option<Material>, KeeperError> {
        let Some(stored) = stored else {
            return Ok(Some(Material::bootstrap(now, &self.names)?));
        };
        match stored.due(now, &self.names) {
            None | Some(Action::Wait(_)) => Ok(None),
            Some(action) => {
                tracing::info!(?action, secret = self.name, "certificates are renewed");
                Ok(Some(stored.renewed(now, &self.names, action)?))
            }
        }
    }

    fn take(&self, material: Material) -> Result<(), KeeperError> {
        if self.current.borrow().as_ref() == Some(&material) {
            return Ok(());
        }
        let (chain, key) = material.served();
        self.served.exchange(chain.as_bytes(), key.as_bytes())?;
        self.current.send_replace(Some(material));
        Ok(())
    }

    fn api_error(&self, error: kube::Error) -> KeeperError {
        KeeperError::Api(self.name.clone(), Box::new(error))
    }
}
