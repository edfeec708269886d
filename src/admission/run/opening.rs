//! What is in order before the port opens: certificates, secret paths, and who tells the API server of them.

use super::Error;
use super::args::{ResolvedArgs, server_names};
use crate::admission::bootstrap::certificates::{self, Keeper, Served};
use crate::admission::bootstrap::configurations::{Installer, Teller};
use crate::admission::bootstrap::paths::{self, KnownPaths};
use backon::{ConstantBuilder, Retryable};
use kube::Client;
use std::sync::Arc;
use std::time::Duration;

/// Tries to bring certificates and paths into order at start, one second apart.
const OPENING_TRIES: usize = 60;

/// What is kept in order for as long as the webhook is open.
pub(super) struct Bootstrap {
    pub served: Arc<Served>,
    pub known: Arc<KnownPaths>,
    pub certificates: Keeper,
    pub paths: paths::Keeper,
    pub installer: Installer,
}

impl Bootstrap {
    pub fn new(client: &Client, resolved: &ResolvedArgs) -> Self {
        let (args, namespace) = (&resolved.args, resolved.namespace.as_str());
        let (served, known) = (Arc::new(Served::default()), Arc::new(KnownPaths::default()));
        let names = server_names(args, namespace);
        let certificates = Keeper::new(client.clone(), namespace, &args.secret, names, Arc::clone(&served));
        let teller = Teller::new(
            resolved.events.clone(),
            resolved.metrics.clone(),
            resolved.readiness.clone(),
            (namespace, &args.service),
        );
        let installer = Installer::new(client.clone(), teller);
        let settings = paths::KeeperSettings {
            secret: args.path_secret.clone(),
            materials: certificates.subscribe(),
            unreached: installer.unreached(),
        };
        Self {
            paths: paths::Keeper::new(client.clone(), namespace, settings, Arc::clone(&known)),
            served,
            known,
            certificates,
            installer,
        }
    }

    /// Brings certificates and paths into order for the first time.
    pub async fn open(&self) -> Result<(), Error> {
        open("certificates", async || {
            self.certificates.ensure(certificates::now()).await
        })
        .await?;
        open("paths", async || self.paths.ensure(certificates::now()).await).await?;
        Ok(())
    }
}

/// Brings certificates or paths into order; the API server may be starting too.
async fn open<E: std::fmt::Display>(what: &str, ensure: impl AsyncFn() -> Result<(), E>) -> Result<(), E> {
    let tries = ConstantBuilder::new()
        .with_delay(Duration::from_secs(1))
        .with_max_times(OPENING_TRIES);
    let ensure = || ensure();
    ensure
        .retry(tries)
        .notify(|error, _| tracing::warn!(%error, what, "not there yet"))
        .await
}
