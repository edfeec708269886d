//! Putting the webhook together and running it.

mod args;
mod opening;
mod render_loop;

use super::bootstrap::certificates::{KeeperError, TlsError};
use super::bootstrap::paths;
use super::effects::generate::{Generator, Rights};
use super::facts::{Caches, Feeds, View};
use super::metrics::Metrics;
use super::readiness::Readiness;
use super::server::clients::{Clients, ClientsError};
use super::server::{self, Limits, tls};
use super::webhook::{AdmissionWebhook, Effects};
use crate::orders;
use args::own_users;
pub use args::{Args, ResolvedArgs};
use futures::future::OptionFuture;
use kube::Client;
use opening::Bootstrap;
use render_loop::Template;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Why the webhook could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port could not be opened.
    #[error("cannot listen on port {0}: {1}")]
    Listen(u16, #[source] std::io::Error),
    /// The certificates could not be had.
    #[error(transparent)]
    Certificates(#[from] KeeperError),
    /// The secret paths.
    #[error(transparent)]
    Paths(#[from] paths::KeeperError),
    /// The TLS configuration.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The CAs of API servers.
    #[error(transparent)]
    Clients(#[from] ClientsError),
}

/// Runs the webhook until `shutdown` completes and connections have been closed in good order.
///
/// Certificates and paths come first, then the port, then the configurations: no API server is told of a webhook that is
/// not there.
///
/// # Errors
/// When it cannot be opened. Later faults are logged and tried again.
pub async fn run(
    client: Client,
    resolved: ResolvedArgs,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let bootstrap = Bootstrap::new(&client, &resolved);
    bootstrap.open().await?;
    let ours = own_users(&client, &resolved.args, &resolved.namespace).await;
    let (caches, feeds) = Caches::new();
    let view = View {
        caches,
        ours: ours.clone(),
        defaults: resolved.defaults.clone(),
    };
    let webhook = webhook(&client, view, &resolved.metrics);
    let stop = tell(&resolved.readiness, &webhook);
    let port = resolved.args.port;
    let listener = listen(port).await?;
    let clients = clients(&resolved.args)?;
    let config = tls::config(
        Arc::clone(&bootstrap.served),
        resolved.args.allow_tls12,
        clients.clone(),
    )?;
    let limits = Limits {
        linger: Duration::from_secs(resolved.args.linger_seconds),
        ..Limits::default()
    };
    tracing::info!(port, "the webhook listens");
    let known = Arc::clone(&bootstrap.known);
    let background = background(&client, &bootstrap, feeds, clients.as_ref(), (resolved, ours));
    let signal = async move {
        shutdown.await;
        stop.cancel();
    };
    tokio::select! {
        () = server::serve(listener, config, webhook, known, limits, signal) => {}
        () = background => {}
    }
    Ok(())
}

/// All that goes on beside the requests, for ever.
async fn background(
    client: &Client,
    bootstrap: &Bootstrap,
    feeds: Feeds,
    clients: Option<&Arc<Clients>>,
    (resolved, ours): (ResolvedArgs, Vec<String>),
) {
    let standing = feeds.standing.clone();
    let (rendered, rendering) = watch::channel(None);
    let (lease, metrics) = (resolved.lease, resolved.metrics);
    let template = Template {
        namespace: resolved.namespace,
        only: resolved.only,
        ours,
        args: resolved.args,
    };
    let (keepers, installer) = ((&bootstrap.certificates, &bootstrap.paths), &bootstrap.installer);
    let orders = orders::follow(
        client.clone(),
        &template.namespace,
        orders::Wanted::Everything,
        standing.clone(),
    );
    tokio::join!(
        feeds.run(client.clone(), (&template.namespace, &lease)),
        bootstrap.certificates.run(),
        bootstrap.paths.run(),
        OptionFuture::from(clients.map(|clients| clients.run())),
        installer.run(rendering, standing.subscribe()),
        orders,
        render_loop::run(keepers, &rendered, &template, &metrics, installer),
    );
}

fn clients(args: &Args) -> Result<Option<Arc<Clients>>, ClientsError> {
    let file = args.client_ca.as_ref();
    file.map(|file| Clients::read(file, args.client_names.clone()))
        .transpose()
}

fn webhook(client: &Client, view: View, metrics: &Metrics) -> Arc<AdmissionWebhook> {
    Arc::new(AdmissionWebhook {
        view,
        effects: Some(Effects {
            generator: Generator::new(client.clone()),
            rights: Rights::new(client.clone()),
        }),
        metrics: metrics.clone(),
    })
}

/// Has `readiness` answer for the webhook from now on; cancelling the token says that it stops.
fn tell(readiness: &Readiness, webhook: &Arc<AdmissionWebhook>) -> CancellationToken {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let webhook = Arc::clone(webhook);
    readiness.answer_by(move || {
        if stopped.is_cancelled() {
            Err("stopping".to_owned())
        } else {
            webhook.ready()
        }
    });
    stop
}

async fn listen(port: u16) -> Result<TcpListener, Error> {
    let address = SocketAddr::from(([0, 0, 0, 0], port));
    TcpListener::bind(address)
        .await
        .map_err(|error| Error::Listen(port, error))
}
