//! `coalmine webhook`, `controller` and `run`: what serves.

use super::{alerts::AlertArgs, cluster_domain::cluster_domain, definitions, files, flagger::FlaggerArgs};
use crate::{
    admission,
    controller::{self, lease},
    outbound::Egress,
    plan::{Defaults, Selector},
    requests,
    routing::ProviderDefaults,
    shutdown,
    telemetry::{
        Metrics, Readiness, Recorder, StatusEncoding, Telemetry,
        events::Writer,
        logs::{self, Format, Verbosity},
        server,
    },
};
use anyhow::Context;
use kube::Client;
use std::{net::SocketAddr, num::NonZero, path::PathBuf, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Flags of everything that serves.
#[derive(Debug, clap::Args)]
pub struct CommonArgs {
    /// debug, info, warn or error
    #[arg(long, env = "COALMINE_LOG_LEVEL", default_value = "info")]
    log_level: Verbosity,
    /// How log lines look
    #[arg(
        long,
        alias = "zap-encoding",
        env = "COALMINE_LOG_FORMAT",
        value_enum,
        default_value = "json"
    )]
    log_format: Format,
    /// Our own namespace
    #[arg(long, env = "POD_NAMESPACE", default_value = "coalmine-system")]
    namespace: String,
    /// Port of /metrics, /healthz and /readyz
    #[arg(long, env = "COALMINE_METRICS_PORT", default_value_t = 8080)]
    metrics_port: u16,
    /// Routing provider of Canaries that name none
    #[arg(long, env = "COALMINE_MESH_PROVIDER", default_value = "gatewayapi:v1")]
    mesh_provider: String,
    /// Prometheus of Canaries that name none
    #[arg(long, env = "COALMINE_METRICS_SERVER", default_value = "http://prometheus:9090")]
    metrics_server: String,
    /// Labels that may tell the halves of a pair apart, the first found is used
    #[arg(long, env = "COALMINE_SELECTOR_LABELS", value_delimiter = ',')]
    selector_labels: Vec<String>,
    /// Prefixes of labels and annotations that primary takes over from the target
    #[arg(long, env = "COALMINE_INCLUDE_LABEL_PREFIX", value_delimiter = ',')]
    include_label_prefix: Vec<String>,
    /// Prefix of the annotations that ingress-nginx reads
    #[arg(
        long,
        env = "COALMINE_INGRESS_ANNOTATIONS_PREFIX",
        default_value = "nginx.ingress.kubernetes.io"
    )]
    ingress_annotations_prefix: String,
    /// Ingress class of the HTTPProxies that are made
    #[arg(long, env = "COALMINE_INGRESS_CLASS", default_value = "")]
    ingress_class: String,
    /// Whether ConfigMaps and Secrets that pods read are released with their template
    #[arg(
        long,
        env = "COALMINE_ENABLE_CONFIG_TRACKING",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    enable_config_tracking: bool,
    /// Which numbers flagger_canary_status has
    #[arg(long, env = "COALMINE_STATUS_METRIC", value_enum, default_value = "flagger")]
    status_metric: StatusEncoding,
    /// The only namespace that Coalmine works in; every namespace when empty (Flagger's -namespace)
    #[arg(long, default_value = "")]
    watch_namespace: String,
    /// Canaries may not name MetricTemplates, AlertProviders or upstreams of other namespaces
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    no_cross_namespace_refs: bool,
    /// Analyse, decide and say what would happen; route and promote nothing
    #[arg(long, env = "COALMINE_DRY_RUN", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false, action = clap::ArgAction::Set)]
    dry_run: bool,
    /// URL every event is sent to, unless its Canary has event hooks of its own
    #[arg(long, env = "EVENT_WEBHOOK_URL", default_value = "")]
    event_webhook: String,
    /// kubeconfig file; default: the pod's account, else KUBECONFIG
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// URL of the API server, instead of the kubeconfig's
    #[arg(long)]
    master: Option<http::Uri>,
    #[command(flatten)]
    alerts: AlertArgs,
    #[command(flatten)]
    flagger: FlaggerArgs,
}

impl CommonArgs {
    /// The only namespace that Coalmine works in.
    fn only(&self) -> Option<String> {
        Some(self.watch_namespace.clone()).filter(|namespace| !namespace.is_empty())
    }

    /// What keeps both halves from things: the one namespace, whether references stay in theirs, whether configs are released.
    #[cfg(test)]
    pub(super) fn limits(&self) -> (Option<String>, bool, bool) {
        (self.only(), self.no_cross_namespace_refs, self.enable_config_tracking)
    }
}

/// Flags of `webhook`.
#[derive(Debug, clap::Args)]
pub struct WebhookArgs {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    #[command(flatten)]
    pub(super) webhook: admission::Args,
}

/// Flags of `controller`.
#[derive(Debug, clap::Args)]
pub struct ControllerArgs {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    #[command(flatten)]
    pub(super) controller: ElectionArgs,
}

/// Flags of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    #[command(flatten)]
    pub(super) webhook: admission::Args,
    #[command(flatten)]
    pub(super) controller: ElectionArgs,
}

/// Flags of the election.
#[derive(Debug, clap::Args)]
pub struct ElectionArgs {
    /// Name of this pod; makes the identity in the lease readable
    #[arg(long, env = "POD_NAME")]
    pod_name: Option<String>,
}

/// Threads that compute: a large node has more cores than this program is given, and each thread keeps memory of its own.
const MOST_THREADS: usize = 4;

/// Serves until a signal.
pub fn run(
    common: CommonArgs,
    webhook: Option<admission::Args>,
    controller: Option<ElectionArgs>,
) -> anyhow::Result<()> {
    logs::init(&common.log_level, common.log_format);
    files::raise();
    let cores = std::thread::available_parallelism().map_or(MOST_THREADS, NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(MOST_THREADS))
        .enable_all()
        .build()?;
    runtime.block_on(serve(common, webhook, controller))
}

async fn serve(
    common: CommonArgs,
    webhook: Option<admission::Args>,
    controller: Option<ElectionArgs>,
) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signals()?;
    common.flagger.explain();
    let client = requests::bounded(&Client::try_from(cluster(&common).await?)?);
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), &common.mesh_provider, common.status_metric);
    let (events, queue) = Recorder::new(metrics.clone());
    let telemetry = Telemetry {
        metrics: metrics.clone(),
        events,
        readiness: Readiness::default(),
    };
    let writer = tokio::spawn(Writer::new(client.clone(), queue, metrics.clone()).run(shutdown.clone()));
    let address = SocketAddr::from(([0, 0, 0, 0], common.metrics_port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    // Metrics outlive the webhook, which lingers: probes must go on being answered.
    let over = CancellationToken::new();
    let observed = tokio::spawn(server::serve(
        listener,
        server::router(metrics, telemetry.readiness.clone()),
        over.clone(),
    ));
    let files = tokio::spawn(files::followed(telemetry.clone(), common.namespace.clone()));
    let outcome = both(&common, client, webhook, controller, &telemetry, shutdown).await;
    over.cancel();
    files.abort();
    drop(telemetry);
    let _ = tokio::time::timeout(Duration::from_secs(2), writer).await;
    let _ = tokio::time::timeout(Duration::from_secs(2), observed).await;
    outcome
}

/// Which API server, and as whom. The client would put every request again for minutes, below whoever has pauses of his
/// own and below what looks whether we still lead.
async fn cluster(common: &CommonArgs) -> anyhow::Result<kube::Config> {
    let mut config = super::cluster::config(common.kubeconfig.as_deref()).await?;
    config.default_retry = false;
    if let Some(master) = &common.master {
        config.cluster_url = master.clone();
    }
    Ok(config)
}

async fn both(
    common: &CommonArgs,
    client: Client,
    webhook: Option<admission::Args>,
    controller: Option<ElectionArgs>,
    telemetry: &Telemetry,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    definitions::awaited(&client, &common.namespace, telemetry, &shutdown).await;
    if shutdown.is_cancelled() {
        return Ok(());
    }
    let webhook = async {
        match webhook {
            Some(args) => open_webhook(common, client.clone(), args, telemetry, shutdown.clone()).await,
            None => Ok(()),
        }
    };
    let controller = async {
        match controller {
            Some(args) => {
                let settings = settings(common, &args);
                controller::run(client.clone(), settings, telemetry.clone(), shutdown.clone()).await
            }
            None => Ok(()),
        }
    };
    tokio::try_join!(webhook, controller).map(drop)
}

fn defaults(common: &CommonArgs) -> Defaults {
    let named: Vec<String> = common.selector_labels.iter().map(|key| key.trim().to_owned()).collect();
    Defaults {
        provider: common.mesh_provider.clone(),
        metrics_server: common.metrics_server.clone(),
        selector_labels: if named.is_empty() {
            Selector::default_keys()
        } else {
            named
        },
        include_label_prefixes: common.include_label_prefix.clone(),
        dry_run: common.dry_run,
        no_cross_namespace_refs: common.no_cross_namespace_refs,
        routing: ProviderDefaults {
            ingress_annotations_prefix: common.ingress_annotations_prefix.clone(),
            ingress_class: common.ingress_class.clone(),
        },
        cluster_domain: cluster_domain(),
    }
}

fn settings(common: &CommonArgs, args: &ElectionArgs) -> controller::ControllerSettings {
    let api_server = std::env::var("KUBERNETES_SERVICE_HOST").ok();
    controller::ControllerSettings {
        defaults: defaults(common),
        track_configs: common.enable_config_tracking,
        only: common.only(),
        event_webhook: common.event_webhook.clone(),
        alerts: common.alerts.settings(),
        egress: Egress::in_cluster(api_server.as_deref()),
        election: lease::ElectionSettings::new(&common.namespace, args.pod_name.as_deref()),
        namespace: common.namespace.clone(),
    }
}

async fn open_webhook(
    common: &CommonArgs,
    client: Client,
    args: admission::Args,
    telemetry: &Telemetry,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let counters = admission::Metrics::default();
    telemetry.metrics.register(|registry| counters.register(registry));
    let webhook = admission::Readiness::default();
    telemetry.readiness.set("webhook", false);
    let told = (webhook.clone(), telemetry.readiness.clone());
    let watching = tokio::spawn(async move {
        loop {
            let ready = told.0.check();
            told.1.set("webhook", ready.is_ok());
            let words = [ready.err().unwrap_or_default(), told.0.remarked()];
            told.1.remark("webhook", said(words));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let resolved = admission::ResolvedArgs {
        args,
        namespace: common.namespace.clone(),
        only: common.only(),
        lease: lease::NAME.to_owned(),
        defaults: defaults(common),
        metrics: counters,
        readiness: webhook,
        events: telemetry.events.clone(),
    };
    let outcome = admission::run(client, resolved, shutdown.cancelled_owned()).await;
    watching.abort();
    outcome.map_err(anyhow::Error::from)
}

// What keeps a part from being ready, and what is worth a word besides.
fn said(words: [String; 2]) -> String {
    let [why, remark] = words;
    match (why.is_empty(), remark.is_empty()) {
        (true, _) => remark,
        (false, true) => why,
        (false, false) => format!("{why}; {remark}"),
    }
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn why_a_part_is_not_ready_is_said_beside_what_is_worth_a_word() {
        let said = |why: &str, remark: &str| said([why.to_owned(), remark.to_owned()]);
        assert_eq!(said("", ""), "");
        assert_eq!(said("", "on the brake"), "on the brake");
        assert_eq!(said("waiting for: services (500)", ""), "waiting for: services (500)");
        assert_eq!(said("stopping", "on the brake"), "stopping; on the brake");
    }
}
