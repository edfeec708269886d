//! Putting the webhook together and running it.

use super::bootstrap::certificates::{self, Keeper, KeeperError, Served, TlsError};
use super::bootstrap::configurations::{FailurePolicy, Installer, Teller};
use super::bootstrap::paths::{self, Known};
use super::effects::generate::{Generator, Rights};
use super::facts::{Caches, Feeds, View};
use super::metrics::Metrics;
use super::readiness::Readiness;
use super::server::clients::{Clients, ClientsError};
use super::server::tls;
use super::server::{self, Limits};
use super::webhook::{AdmissionWebhook, Effects};
use crate::orders;
use crate::plan::Defaults;
use crate::telemetry::Recorder;
use backon::{ConstantBuilder, Retryable};
use futures::future::OptionFuture;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::{Api, Client};
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

mod told;

use told::Template;

/// Flags of the webhook.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Port that API servers connect to.
    #[arg(long = "port", default_value_t = 8443)]
    pub port: u16,
    /// Service in front of that port, in our own namespace.
    #[arg(long = "service", default_value = "coalmine-webhook")]
    pub service: String,
    /// Port of that Service.
    #[arg(long = "service-port", default_value_t = 443)]
    pub service_port: u16,
    /// https://HOST:PORT that API servers use instead of the Service, for a webhook outside the cluster.
    #[arg(long = "webhook-url")]
    pub url: Option<String>,
    /// Secret with the certificates, in our own namespace; made when it is missing.
    #[arg(long = "certificate-secret", default_value = "coalmine-webhook-tls")]
    pub secret: String,
    /// Secret with the paths that only API servers know, in our own namespace; made when it is missing.
    #[arg(long = "path-secret", default_value = "coalmine-webhook-paths")]
    pub path_secret: String,
    /// What the API server does when the webhook does not answer for a Deployment, Service or route.
    #[arg(long = "failure-policy", value_enum, ignore_case = true, default_value = "Ignore")]
    pub failure_policy: FailurePolicy,
    /// Further user names that count as Coalmine itself; the service accounts of the chart always do.
    #[arg(long = "own-user")]
    pub own_users: Vec<String>,
    /// Accept TLS 1.2 besides 1.3.
    #[arg(long = "allow-tls12")]
    pub allow_tls12: bool,
    /// PEM file with the CAs that sign API servers' client certificates; with it, a client without one cannot connect
    #[arg(long = "client-ca")]
    pub client_ca: Option<PathBuf>,
    /// Common name or subject alternative name that such a certificate must bear; any of several, repeatable
    #[arg(long = "client-name", requires = "client_ca")]
    pub client_names: Vec<String>,
    /// Seconds of further serving after the signal to stop.
    #[arg(long = "linger-seconds", default_value_t = 10)]
    pub linger_seconds: u64,
}

/// The flags together with what the rest of the command line says.
#[derive(Clone)]
pub struct ResolvedArgs {
    /// The flags.
    pub args: Args,
    /// Our own namespace.
    pub namespace: String,
    /// The one namespace that is judged; nothing for every namespace.
    pub only: Option<String>,
    /// Name of the controller's Lease, in our own namespace.
    pub lease: String,
    /// Defaults of Canaries that leave it open.
    pub defaults: Defaults,
    /// Counters; registered by the caller.
    pub metrics: Metrics,
    /// Where the caller reads whether the webhook is open.
    pub readiness: Readiness,
    /// Where events go.
    pub events: Recorder,
}

/// Why the webhook could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port.
    #[error("cannot listen on port {0}: {1}")]
    Listen(u16, #[source] std::io::Error),
    /// The certificates.
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

/// Service accounts that the chart gives us, by mode.
const ACCOUNTS: [&str; 3] = ["coalmine", "coalmine-webhook", "coalmine-controller"];
/// Tries to bring certificates and paths into order at start, one second apart.
const OPENING_TRIES: usize = 60;

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

/// What is kept in order for as long as the webhook is open.
struct Bootstrap {
    served: Arc<Served>,
    known: Arc<Known>,
    certificates: Keeper,
    paths: paths::Keeper,
    installer: Installer,
}

impl Bootstrap {
    fn new(client: &Client, resolved: &ResolvedArgs) -> Self {
        let (args, namespace) = (&resolved.args, resolved.namespace.as_str());
        let (served, known) = (Arc::new(Served::default()), Arc::new(Known::default()));
        let names = server_names(args, namespace);
        let certificates = Keeper::new(client.clone(), namespace, &args.secret, names, Arc::clone(&served));
        let teller = Teller::new(
            resolved.events.clone(),
            resolved.metrics.clone(),
            resolved.readiness.clone(),
            (namespace, &args.service),
        );
        let installer = Installer::new(client.clone(), teller);
        let settings = paths::Settings {
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
    async fn open(&self) -> Result<(), Error> {
        open("certificates", async || {
            self.certificates.ensure(certificates::now()).await
        })
        .await?;
        open("paths", async || self.paths.ensure(certificates::now()).await).await?;
        Ok(())
    }
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
        told::follow(keepers, &rendered, &template, &metrics, installer),
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

/// The chart's accounts, those of the flags, and our own if it is a service account (a person who runs the program
/// with a kubeconfig is a user like any other).
async fn own_users(client: &Client, args: &Args, namespace: &str) -> Vec<String> {
    let mut users: Vec<String> = ACCOUNTS
        .iter()
        .map(|account| format!("system:serviceaccount:{namespace}:{account}"))
        .collect();
    users.extend(args.own_users.iter().cloned());
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    match reviews
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await
    {
        Ok(review) => {
            let name = review
                .status
                .and_then(|status| status.user_info)
                .and_then(|user| user.username);
            users.extend(name.filter(|name| name.starts_with("system:serviceaccount:")));
        }
        Err(error) => tracing::warn!(%error, "cannot ask for our own name"),
    }
    users.sort();
    users.dedup();
    users
}

/// DNS names (or the address) that API servers ask for.
fn server_names(args: &Args, namespace: &str) -> Vec<String> {
    let service = &args.service;
    let mut names = vec![
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.cluster.local"),
    ];
    let host = args.url.as_deref().and_then(|url| url.parse::<http::Uri>().ok());
    names.extend(
        host.as_ref()
            .and_then(http::Uri::host)
            .map(|host| host.trim_matches(['[', ']']).to_owned()),
    );
    names
}
