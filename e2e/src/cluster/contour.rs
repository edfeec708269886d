//! A third gateway, on demand of a scene: a real Contour on the host, which leads an Envoy of its own by HTTPProxies and by the
//! Gateway API. No `up` starts or builds it; it stays until `down`.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::golang::Module;
use super::places::{CONTOUR_GATEWAY, CONTOUR_GATEWAY_ADMIN, Places};
use super::ready::{http_ok, wait};
use super::{Cluster, credentials, envoy, process, programs};

/// The folder of its module.
pub(super) const MODULE: &str = "contour";

/// The program that leads it.
pub(super) const PROGRAM: Module = Module {
    name: MODULE,
    packages: &["github.com/projectcontour/contour/cmd/contour"],
    tags: "",
    ldflags: "-s -w",
    minutes: 4,
};

/// The processes' names.
pub const CONTOUR: &str = "contour";
pub const ENVOY: &str = "contour-envoy";

/// The class of the HTTPProxies that it serves. It has one so that it says nothing of those that other scenes only store.
pub const CLASS: &str = "contour-e2e";

/// The Gateway that routes name to be served by it, in the namespace of the others.
pub const NAME: &str = "contour";
/// What Contour adds to a listener's port to have the one that its Envoy listens on.
const ADDED: u16 = 8_000;
/// Kinds of the Gateway API that it need not look at.
const NOT_WATCHED: [&str; 3] = ["tlsroutes", "tcproutes", "backendtlspolicies"];

const ADDRESS: &str = "127.0.0.1";
const XDS_PORT: u16 = 18195;
const HEALTH: &str = "127.0.0.1:18194";
// Nobody asks there, but each is opened, and the usual ports may be somebody's.
const HTTPS_PORT: u16 = 18192;
const ENVOY_ADMIN_PORT: u16 = 18193;
const DEBUG_PORT: u16 = 18196;

/// Builds and downloads it, so that no scene waits for a compiler.
pub fn prepare() -> Result<()> {
    let places = Places::find()?;
    PROGRAM.ensure(&places)?;
    envoy::program(&places).map(drop)
}

impl Cluster {
    /// Answers when Contour serves: HTTPProxies of its class and routes to its Gateway, once there are any.
    pub fn contour_gateway(&self) -> Result<()> {
        let places = self.places_of_gateways()?;
        let _lock = super::Lock::take(&places)?;
        self.contour_crds()?;
        self.beside_contour_crds()?;
        // Before it starts: without the Gateway it would listen by itself, and then not let go of the port.
        self.as_admin().store(&places.run.join("contour.json"), &objects()?)?;
        if process::recorded(&places, CONTOUR).is_none() {
            start_contour(&places)?;
        }
        wait(&places, "Contour", &[CONTOUR], 90, || http_ok(HEALTH, "/healthz"))?;
        if process::recorded(&places, ENVOY).is_none() {
            start_envoy(&places)?;
        }
        // Contour leads it to this listener, too. That for requests comes with the first route.
        wait(&places, "Contour's Envoy", &[CONTOUR, ENVOY], 90, || {
            http_ok(CONTOUR_GATEWAY_ADMIN, "/ready")
        })
    }
}

fn port(of: &str) -> Result<&str> {
    let (_, port) = of.rsplit_once(':').context("an address has a port")?;
    Ok(port)
}

/// Its class and its Gateway, whose one listener serves HTTPProxies as well.
fn objects() -> Result<Value> {
    let port: u16 = port(CONTOUR_GATEWAY)?.parse()?;
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": NAME},
            "spec": {"controllerName": "projectcontour.io/gateway-controller"},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": NAME, "namespace": "gateway-system"},
            "spec": {
                "gatewayClassName": NAME,
                "listeners": [{
                    "name": "web", "protocol": "HTTP", "port": port - ADDED,
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                }],
            },
        },
    ]}))
}

fn settings() -> String {
    format!(
        "network: {{admin-port: {ENVOY_ADMIN_PORT}}}
gateway: {{gatewayRef: {{name: {NAME}, namespace: gateway-system}}}}
"
    )
}

fn start_contour(places: &Places) -> Result<()> {
    let config = credentials::kubeconfig_of(places, CONTOUR);
    if !config.is_file() {
        bail!("the cluster that runs was started before it could have Contour; `e2e reset` starts a new one");
    }
    let file = places.run.join("contour.yaml");
    fs::write(&file, settings())?;
    let (http, stats, health) = (port(CONTOUR_GATEWAY)?, port(CONTOUR_GATEWAY_ADMIN)?, port(HEALTH)?);
    let mut args = vec![
        "serve".to_owned(),
        format!("--config-path={}", file.display()),
        format!("--kubeconfig={}", config.display()),
        "--insecure".to_owned(), // it speaks to one Envoy, on this host
        "--disable-leader-election".to_owned(),
        format!("--ingress-class-name={CLASS}"),
        format!("--xds-address={ADDRESS}"),
        format!("--xds-port={XDS_PORT}"),
        format!("--envoy-service-http-address={ADDRESS}"),
        format!("--envoy-service-http-port={http}"),
        "--envoy-http-access-log=/dev/null".to_owned(),
        format!("--envoy-service-https-address={ADDRESS}"),
        format!("--envoy-service-https-port={HTTPS_PORT}"),
        format!("--stats-address={ADDRESS}"),
        format!("--stats-port={stats}"),
        format!("--http-address={ADDRESS}"),
        format!("--http-port={health}"),
        format!("--health-address={ADDRESS}"),
        format!("--health-port={health}"),
        format!("--debug-http-address={ADDRESS}"),
        format!("--debug-http-port={DEBUG_PORT}"),
    ];
    args.extend(NOT_WATCHED.map(|kind| format!("--disable-feature={kind}")));
    let program = PROGRAM.ensure(places)?.join("contour");
    process::start(places, CONTOUR, &program, &args, &[]).map(drop)
}

/// With the bootstrap that Contour itself writes.
fn start_envoy(places: &Places) -> Result<()> {
    let file = places.run.join("contour-envoy.json");
    let socket = places.run.join("contour-envoy.sock");
    let _ = fs::remove_file(&socket); // one that crashed left it
    programs::run(
        Command::new(PROGRAM.ensure(places)?.join("contour"))
            .arg("bootstrap")
            .arg(&file)
            .arg(format!("--admin-address={}", socket.display()))
            .arg(format!("--xds-address={ADDRESS}"))
            .arg(format!("--xds-port={XDS_PORT}")),
    )?;
    envoy::start(
        places,
        ENVOY,
        &file,
        &["--service-cluster", CONTOUR, "--service-node", ENVOY],
    )
}
