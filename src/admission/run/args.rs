//! What the command line says of the webhook, and what follows from it: who counts as Coalmine, by which names we are called.

use crate::admission::bootstrap::configurations::FailurePolicy;
use crate::admission::metrics::Metrics;
use crate::admission::readiness::Readiness;
use crate::plan::Defaults;
use crate::telemetry::Recorder;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::{Api, Client};
use std::path::PathBuf;

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
    /// The flags of the webhook.
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

/// Service accounts that the chart gives us, by mode.
const ACCOUNTS: [&str; 3] = ["coalmine", "coalmine-webhook", "coalmine-controller"];

/// The chart's accounts, those of the flags, and our own if it is a service account (a person who runs the program
/// with a kubeconfig is a user like any other).
pub(super) async fn own_users(client: &Client, args: &Args, namespace: &str) -> Vec<String> {
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
pub(super) fn server_names(args: &Args, namespace: &str) -> Vec<String> {
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
