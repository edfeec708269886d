//! A second gateway, on demand of a scene: a real Envoy on the host, led by Istio's pilot through the Gateway API. Unlike
//! Traefik it copies requests. No `up` starts or builds it; it stays until `down`.

use std::ffi::OsStr;
use std::fs;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::golang::Module;
use super::places::{HOST, MESH_GATEWAY, MESH_GATEWAY_ADMIN, Places};
use super::ready::{http_ok, wait};
use super::{Cluster, credentials, envoy, process};

/// The folder of its module.
pub(super) const MODULE: &str = "istio";

/// The program that leads it.
pub(super) const PILOT_MODULE: Module = Module {
    name: MODULE,
    packages: &["istio.io/istio/pilot/cmd/pilot-discovery"],
    tags: "",
    ldflags: "-s -w",
    minutes: 7,
};

/// The processes' names.
pub const PILOT: &str = "istio-pilot";
pub const ENVOY: &str = "envoy";

/// The Gateway that routes name to be served by it, in the namespace of the other one.
pub const NAME: &str = "mesh";

const GRPC: &str = "127.0.0.1:15010";
const HTTP: &str = "127.0.0.1:18182";
const MONITORING: &str = "127.0.0.1:18183";

// A plain Envoy has none of Istio's own filters, and there is no certificate authority.
const PILOT_ENVIRONMENT: [(&str, &str); 9] = [
    ("PILOT_ENABLE_METADATA_EXCHANGE", "false"),
    ("PILOT_ENABLE_ALPN_FILTER", "false"),
    ("PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER", "false"),
    ("ENABLE_CA_SERVER", "false"),
    ("PILOT_CERT_PROVIDER", "none"),
    ("INJECTION_WEBHOOK_CONFIG_NAME", ""),
    ("VALIDATION_WEBHOOK_CONFIG_NAME", ""),
    ("POD_NAMESPACE", "gateway-system"),
    ("DISABLE_SHADOW_HOST_SUFFIX", "false"), // copies can be told from requests
];

/// Builds and downloads it, so that no scene waits for a compiler.
pub fn prepare() -> Result<()> {
    let places = Places::find()?;
    PILOT_MODULE.ensure(&places)?;
    envoy::program(&places).map(drop)
}

impl Cluster {
    /// Answers when the second gateway serves.
    pub fn mesh_gateway(&self) -> Result<()> {
        let places = self.places_of_gateways()?;
        let _lock = super::Lock::take(&places)?;
        if process::recorded(&places, PILOT).is_none() {
            start_pilot(&places)?;
        }
        wait(&places, "Istio's pilot", &[PILOT], 150, || http_ok(HTTP, "/ready"))?;
        self.as_admin().store(&places.run.join("mesh.json"), &objects()?)?;
        if process::recorded(&places, ENVOY).is_none() {
            start_envoy(&places)?;
        }
        // It is ready once it has a listener, which it gets when a Gateway has been seen.
        wait(&places, "Envoy", &[PILOT, ENVOY], 150, || {
            http_ok(MESH_GATEWAY_ADMIN, "/ready") && std::net::TcpStream::connect(MESH_GATEWAY).is_ok()
        })
    }
}

fn start_pilot(places: &Places) -> Result<()> {
    let config = credentials::kubeconfig_of(places, PILOT);
    if !config.is_file() {
        bail!("the cluster that runs was started before it could have a second gateway; `e2e reset` starts a new one");
    }
    let settings = places.run.join("istio.yaml");
    fs::write(&settings, "enableAutoMtls: false\nenableTracing: false\n")?;
    let args = [
        "discovery".to_owned(),
        format!("--kubeconfig={}", config.display()),
        format!("--meshConfig={}", settings.display()),
        "--registries=Kubernetes".to_owned(),
        format!("--grpcAddr={GRPC}"),
        format!("--httpAddr={HTTP}"),
        format!("--monitoringAddr={MONITORING}"),
        "--httpsAddr=".to_owned(),
        "--secureGRPCAddr=".to_owned(),
        "--ctrlz_port=0".to_owned(),
    ];
    let program = PILOT_MODULE.ensure(places)?.join("pilot-discovery");
    let environment = PILOT_ENVIRONMENT.map(|(name, value)| (name, OsStr::new(value)));
    process::start(places, PILOT, &program, &args, &environment).map(drop)
}

fn start_envoy(places: &Places) -> Result<()> {
    let file = places.run.join("envoy.json");
    fs::write(&file, serde_json::to_vec(&bootstrap()?)?)?;
    envoy::start(places, ENVOY, &file, &[])
}

fn address(of: &str) -> Result<Value> {
    let socket: std::net::SocketAddr = of.parse()?;
    Ok(json!({"socket_address": {"address": socket.ip().to_string(), "port_value": socket.port()}}))
}

fn bootstrap() -> Result<Value> {
    let xds = json!({"ads": {}, "resource_api_version": "V3"});
    let http2 = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    });
    let pilot = json!({
        "name": "xds", "type": "STATIC", "connect_timeout": "1s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
        "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(GRPC)?}}]}]},
    });
    Ok(json!({
        // Pilot finds the Gateway by the Service that selects these labels.
        "node": {
            "id": format!("router~{HOST}~{NAME}.gateway-system~gateway-system.svc.cluster.local"), "cluster": NAME,
            "metadata": {
                "NAMESPACE": "gateway-system", "CLUSTER_ID": "Kubernetes", "LABELS": labels(),
            },
        },
        "admin": {"address": address(MESH_GATEWAY_ADMIN)?},
        "dynamic_resources": {
            "lds_config": xds, "cds_config": xds,
            "ads_config": {
                "api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
            },
        },
        "static_resources": {"clusters": [pilot]},
        // Pilot's names of clusters have dots, at which Envoy would cut them, and a semicolon at their end.
        "stats_config": {
            "use_all_default_tags": false,
            "stats_tags": [
                {"tag_name": "cluster_name", "regex": r"^cluster\.((.+?(?:\..+?\.svc\.cluster\.local)?);?\.)"},
                {"tag_name": "response_code", "regex": r"_rq(_(\d{3}))$"},
            ],
        },
    }))
}

/// The labels by which the Envoy is selected.
pub(super) fn labels() -> Value {
    json!({"gateway": NAME})
}

fn objects() -> Result<Value> {
    let port = MESH_GATEWAY.parse::<std::net::SocketAddr>()?.port();
    let metadata = json!({"name": NAME, "namespace": "gateway-system"});
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"selector": labels(), "ports": [{"name": "http", "port": port, "targetPort": port}]},
        },
        // There is no pod to select: this is how pilot sees that somebody serves.
        {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": "mesh-host", "namespace": "gateway-system", "labels": {"kubernetes.io/service-name": NAME},
            },
            "addressType": "IPv4", "ports": [{"name": "http", "port": port}],
            "endpoints": [{"addresses": [HOST], "conditions": {"ready": true}}],
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "istio"},
            "spec": {"controllerName": "istio.io/gateway-controller"},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": metadata,
            "spec": {
                "gatewayClassName": "istio",
                "addresses": [{"type": "Hostname", "value": format!("{NAME}.gateway-system.svc.cluster.local")}],
                "listeners": [{
                    "name": "web", "protocol": "HTTP", "port": port, "allowedRoutes": {"namespaces": {"from": "All"}},
                }],
            },
        },
    ]}))
}
