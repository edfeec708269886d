//! Putting the door together and running it.

use super::certificates::{self, Keeper, KeeperError};
use super::configurations::{Address, FailurePolicy, Installer, Rendering};
use super::context::{Caches, View};
use super::door::{Door, Effects};
use super::generate::{Generator, Rights};
use super::metrics::Metrics;
use super::server::tls::{self, Served, TlsError};
use super::server::{self, Limits, Reviewer};
use crate::plan::Defaults;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::{Api, Client};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

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
    /// What the API server does when the webhook does not answer for a Deployment, Service or route.
    #[arg(long = "failure-policy", value_enum, ignore_case = true, default_value = "Ignore")]
    pub failure_policy: FailurePolicy,
    /// Further user names that count as Coalmine itself; the service accounts of the chart always do.
    #[arg(long = "own-user")]
    pub own_users: Vec<String>,
    /// Accept TLS 1.2 besides 1.3.
    #[arg(long = "allow-tls12")]
    pub allow_tls12: bool,
    /// Seconds of further serving after the signal to stop.
    #[arg(long = "linger-seconds", default_value_t = 10)]
    pub linger_seconds: u64,
}

/// The flags together with what the rest of the command line says.
#[derive(Debug, Clone)]
pub struct ResolvedArgs {
    /// The flags.
    pub args: Args,
    /// Our own namespace.
    pub namespace: String,
    /// Name of the controller's Lease, in our own namespace.
    pub lease: String,
    /// Defaults of Canaries that leave it open.
    pub defaults: Defaults,
    /// Counters; registered by the caller.
    pub metrics: Metrics,
    /// Where the caller reads whether the door is open.
    pub readiness: Readiness,
}

type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Whether the door is open; for a health endpoint elsewhere.
#[derive(Clone, Default)]
pub struct Readiness(Arc<OnceLock<Check>>);

impl Readiness {
    /// Nothing, or why requests cannot be answered well.
    ///
    /// # Errors
    /// The reason.
    pub fn check(&self) -> Result<(), String> {
        self.0
            .get()
            .map_or_else(|| Err("the webhook is starting".to_owned()), |check| check())
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Readiness").field(&self.check()).finish()
    }
}

/// Why the door could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port.
    #[error("cannot listen on port {0}: {1}")]
    Listen(u16, #[source] std::io::Error),
    /// The certificates.
    #[error(transparent)]
    Certificates(#[from] KeeperError),
    /// The TLS configuration.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Service accounts that the chart gives us, by mode.
const ACCOUNTS: [&str; 3] = ["coalmine", "coalmine-webhook", "coalmine-controller"];
/// Tries to bring the certificates into order at start, one second apart.
const CERTIFICATE_TRIES: usize = 60;

/// Runs the door until `shutdown` completes and connections have been closed in good order.
///
/// Certificates come first, then the port, then the configurations: no API server is told of a door that is not there.
///
/// # Errors
/// When it cannot be opened. Later faults are logged and tried again.
pub async fn run(
    client: Client,
    resolved: ResolvedArgs,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let ResolvedArgs {
        args,
        namespace,
        lease,
        defaults,
        metrics,
        readiness,
    } = resolved;
    let served = Arc::new(Served::default());
    let names = server_names(&args, &namespace);
    let keeper = Arc::new(Keeper::new(
        client.clone(),
        &namespace,
        &args.secret,
        names,
        Arc::clone(&served),
    ));
    open(&keeper).await?;
    let ours = own_users(&client, &args, &namespace).await;
    let (caches, feeds) = Caches::new();
    let view = View {
        caches,
        ours: ours.clone(),
        defaults,
    };
    let effects = Effects {
        generator: Generator::new(client.clone()),
        rights: Rights::new(client.clone()),
    };
    let door = Arc::new(Door {
        view,
        effects: Some(effects),
        metrics: metrics.clone(),
    });
    let (stop, stopped) = watch::channel(false);
    let check = (Arc::clone(&door), stopped.clone());
    let _ = readiness.0.set(Box::new(move || {
        if *check.1.borrow() {
            Err("stopping".to_owned())
        } else {
            check.0.ready()
        }
    }));
    let address = SocketAddr::from(([0, 0, 0, 0], args.port));
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| Error::Listen(args.port, error))?;
    let config = tls::config(served, args.allow_tls12)?;
    let limits = Limits {
        linger: Duration::from_secs(args.linger_seconds),
        ..Limits::default()
    };
    let installer = Arc::new(Installer::new(client.clone()));
    let (rendered, rendering) = watch::channel(None);
    let template = Template {
        address: client_address(&args, &namespace),
        namespace: namespace.clone(),
        ours,
        args,
    };
    let background = async {
        tokio::join!(
            feeds.run(client, (&namespace, &lease)),
            keeper.run(),
            installer.run(rendering),
            follow_certificates(&keeper, &rendered, &template, &metrics, &installer),
        );
    };
    let signal = async move {
        shutdown.await;
        let _ = stop.send(true);
    };
    tracing::info!(port = template.args.port, "the webhook listens");
    tokio::select! {
        () = server::serve(listener, config, door, limits, signal) => {}
        () = background => {}
    }
    Ok(())
}

/// What the configurations depend on, besides the CA.
struct Template {
    address: Address,
    namespace: String,
    ours: Vec<String>,
    args: Args,
}

/// Renders the configurations anew whenever the CA changes.
async fn follow_certificates(
    keeper: &Keeper,
    rendered: &watch::Sender<Option<Rendering>>,
    template: &Template,
    metrics: &Metrics,
    installer: &Installer,
) {
    let mut materials = keeper.subscribe();
    loop {
        let material = materials.borrow_and_update().clone();
        if let Some(material) = material {
            metrics.certificate(material.leaf_not_after());
            let next = Rendering {
                address: template.address.clone(),
                ca_bundle: material.ca_bundle(),
                own_namespace: template.namespace.clone(),
                own_users: template.ours.clone(),
                failure_policy: template.args.failure_policy,
                canaries_failure_policy: FailurePolicy::Ignore,
            };
            rendered.send_if_modified(|current| {
                let changed = current.as_ref() != Some(&next);
                *current = Some(next);
                changed
            });
        }
        metrics.probed(installer.probed());
        let change = tokio::time::timeout(Duration::from_secs(10), materials.changed()).await;
        if matches!(change, Ok(Err(_))) {
            return;
        }
    }
}

/// Brings the certificates into order; the API server may be starting too.
async fn open(keeper: &Keeper) -> Result<(), KeeperError> {
    let mut tries = 0;
    loop {
        match keeper.ensure(certificates::now()).await {
            Ok(()) => return Ok(()),
            Err(error) if tries >= CERTIFICATE_TRIES => return Err(error),
            Err(error) => tracing::warn!(%error, "certificates are not there yet"),
        }
        tries += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
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

fn client_address(args: &Args, namespace: &str) -> Address {
    match &args.url {
        Some(url) => Address::Url(url.clone()),
        None => Address::Service {
            namespace: namespace.to_owned(),
            name: args.service.clone(),
            port: args.service_port,
        },
    }
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
