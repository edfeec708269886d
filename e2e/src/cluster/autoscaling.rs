//! What autoscalers need, on demand of a scene: metrics-server behind the API server, and KEDA's ScaledObject.
//! No `up` starts or builds them; they stay until `down`.

use std::net::TcpStream;

use anyhow::{Context, Result};

use super::golang::{self, Module};
use super::places::{HOST, Places};
use super::ready::{Kubectl, wait};
use super::{Cluster, credentials, process};

const METRICS_SERVER: Module = Module {
    name: "metrics-server",
    packages: &["sigs.k8s.io/metrics-server/cmd/metrics-server"],
    tags: "",
    ldflags: "-s -w",
    minutes: 4,
};

/// The process' name.
pub const PROCESS: &str = "metrics-server";
const PORT: u16 = 14443;

/// Builds and downloads what scenes ask for on demand, so that none of them waits for a compiler.
pub fn prepare() -> Result<()> {
    METRICS_SERVER.ensure(&Places::find()?)?;
    golang::download("keda", "github.com/kedacore/keda/v2").map(drop)
}

impl Cluster {
    /// Answers when `kubectl top` and autoscalers on CPU get figures of every node. On a cluster of our own
    /// metrics-server is built and started by the first call; a cluster of the user's must have it.
    pub fn autoscaling(&self) -> Result<()> {
        let places = Places::find()?;
        let kubectl = self.as_admin();
        let mut needs = Vec::new();
        if self.ctr.is_some() {
            let _lock = super::Lock::take(&places)?;
            if process::recorded(&places, PROCESS).is_none() {
                start(&places, &kubectl)?;
            }
            needs.push(PROCESS);
        }
        // The first figures come with the second look at the kubelet, ten seconds after the first.
        wait(&places, "figures from metrics-server", &needs, 180, || {
            let top = kubectl.run(&["get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"]);
            top.is_ok_and(|nodes| nodes.contains("\"usage\""))
        })
    }

    /// Installs the CRD of KEDA's ScaledObject unless it is there.
    pub fn keda_crds(&self) -> Result<()> {
        let kubectl = self.as_admin();
        let name = "scaledobjects.keda.sh";
        if kubectl.run(&["get", "crd", name]).is_err() {
            let folder = golang::download("keda", "github.com/kedacore/keda/v2")?.join("config/crd/bases");
            let file = folder.join("keda.sh_scaledobjects.yaml").display().to_string();
            kubectl.run(&["apply", "--server-side", "-f", &file])?;
        }
        self.served(&[name])
    }
}

fn start(places: &Places, kubectl: &Kubectl<'_>) -> Result<()> {
    let program = METRICS_SERVER.ensure(places)?.join("metrics-server");
    let config = credentials::kubeconfig_of(places, PROCESS);
    if !config.is_file() {
        anyhow::bail!(
            "the cluster that runs was started before it could have metrics-server; `e2e reset` starts a new one"
        );
    }
    let config = config.display();
    let args = [
        format!("--kubeconfig={config}"),
        format!("--authentication-kubeconfig={config}"),
        format!("--authorization-kubeconfig={config}"),
        format!("--bind-address={HOST}"),
        format!("--secure-port={PORT}"),
        format!("--cert-dir={}", places.run.join("metrics-server").display()),
        "--kubelet-insecure-tls".to_owned(), // kubelets here sign for themselves
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--metric-resolution=10s".to_owned(),      // the least it takes
        "--kubelet-request-timeout=5s".to_owned(), // must be less
    ];
    process::start(places, PROCESS, &program, &args, &[])?;
    wait(places, "metrics-server", &[PROCESS], 90, || {
        TcpStream::connect((HOST, PORT)).is_ok()
    })?;
    let objects = places.run.join("metrics-server.yaml");
    std::fs::write(&objects, OBJECTS)?;
    kubectl.apply(&objects).context("cannot register metrics-server")
}

const OBJECTS: &str = "apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec: {ports: [{name: https, port: 443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: metrics-server-host, namespace: kube-system, labels: {kubernetes.io/service-name: metrics-server}}
addressType: IPv4
ports: [{name: https, port: 14443}]
endpoints: [{addresses: [\"10.244.0.1\"], conditions: {ready: true}}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: metrics-server, namespace: kube-system}
";
