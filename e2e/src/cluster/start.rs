//! Starts the cluster, its gateway and its metrics store, and waits until they work.

use std::fs;
use std::time::Instant;

use anyhow::Result;
use serde_json::Value;

use super::image::Image;
use super::node::PAUSE_IMAGE;
use super::nodes::{FIRST, Node, SECOND};
use super::places::{GATEWAY_ADMIN, HOST, PROMETHEUS, Places};
use super::programs::Programs;
use super::ready::{Kubectl, http_get, http_ok, wait};
use super::{
    autoscaling, contour, control_plane, credentials, dns, gateway, knative, mesh, network, node, process, prometheus,
    proxy, skipper,
};

/// The processes of a running cluster, in the order they start.
pub const PROCESSES: [&str; 10] = [
    "etcd",
    "kube-apiserver",
    "containerd",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
    "traefik",
    "prometheus",
];

/// The processes that a scene may add to a running cluster.
pub const ON_DEMAND: [&str; 9] = [
    autoscaling::PROCESS,
    mesh::PILOT,
    mesh::ENVOY,
    contour::CONTOUR,
    contour::ENVOY,
    skipper::SKIPPER,
    knative::TRAEFIK,
    SECOND.kubelet,
    SECOND.containerd,
];

/// Starts everything from nothing.
pub fn start(places: &Places, programs: &Programs) -> Result<()> {
    let told = Steps(Instant::now());
    network::check_free()?;
    fs::create_dir_all(&places.run)?;
    programs.note(places)?;
    network::create(places)?;
    credentials::create(places)?;
    control_plane::start_api_server(places, programs)?;
    start_containerd(places, programs, &FIRST)?;
    let kubectl = Kubectl {
        program: &programs.kubectl(),
        kubeconfig: &credentials::kubeconfig_of(places, "harness"),
    };
    wait(places, "the API server", &["etcd", "kube-apiserver"], 150, || {
        kubectl.run(&["get", "--raw", "/readyz"]).is_ok()
    })?;
    told.step("API server ready");
    start_node(places, programs, &kubectl)?;
    told.step("Gateway API and Traefik's kinds installed");
    start_gateway(places, programs, &kubectl)?;
    wait_for_node(places, &kubectl, &FIRST)?;
    told.step("node ready");
    wait_for_gateway(places, &kubectl)?;
    told.step("gateway ready");
    wait_for_prometheus(places)?;
    wait(places, "cluster DNS", &["coredns"], 90, || {
        std::net::TcpStream::connect((HOST, 53)).is_ok()
    })?;
    told.step("Prometheus and DNS ready");
    Ok(())
}

fn start_node(places: &Places, programs: &Programs, kubectl: &Kubectl<'_>) -> Result<()> {
    control_plane::start_controllers(places, programs)?;
    node::start_kubelet(places, programs, &FIRST, "", Value::Null)?;
    proxy::start(places, programs)?;
    dns::start(places, programs)?;
    for crds in [&programs.gateway_crds, &programs.traefik_crds] {
        kubectl.apply(crds)?;
    }
    let crds = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    kubectl.run(&crds).map(drop)
}

fn start_gateway(places: &Places, programs: &Programs, kubectl: &Kubectl<'_>) -> Result<()> {
    gateway::start(places, programs)?;
    prometheus::start(places, programs)?;
    let objects = places.run.join("objects.yaml");
    fs::write(
        &objects,
        format!("{}---\n{}", gateway::objects()?, prometheus::objects()?),
    )?;
    kubectl.apply(&objects)
}

fn wait_for_gateway(places: &Places, kubectl: &Kubectl<'_>) -> Result<()> {
    let account = ["get", "serviceaccount", "default", "-n", "default"];
    // Pods cannot be made before their namespace has this.
    wait(
        places,
        "the default service account",
        &["kube-controller-manager"],
        30,
        || kubectl.run(&account).is_ok(),
    )?;
    let programmed = "jsonpath={.status.conditions[?(@.type=='Programmed')].status}";
    let gateway = [
        "get",
        "gateways.gateway.networking.k8s.io",
        "gateway",
        "-n",
        "gateway-system",
        "-o",
        programmed,
    ];
    wait(places, "the gateway", &["traefik"], 90, || {
        http_ok(GATEWAY_ADMIN, "/ping") && kubectl.prints(&gateway, "True")
    })
}

// Prometheus is of use once it has seen the gateway; its first look is seconds after its start.
fn wait_for_prometheus(places: &Places) -> Result<()> {
    let seen = "/api/v1/query?query=up%7Bjob=%22traefik%22%7D==1";
    wait(places, "Prometheus", &["prometheus"], 90, || {
        http_get(PROMETHEUS, seen).contains("__name__")
    })
}

/// Starts a node's containerd and gives it the image every pod needs.
pub fn start_containerd(places: &Places, programs: &Programs, node: &Node) -> Result<()> {
    node::start_containerd(places, programs, node)?;
    let socket = node.socket(places);
    wait(places, "containerd's socket", &[node.containerd], 90, || {
        std::os::unix::net::UnixStream::connect(&socket).is_ok()
    })?;
    let pause = Image::of_binaries(PAUSE_IMAGE, &[programs.kubernetes.join("pause")])?;
    pause.import(places, &socket, &programs.ctr()).map(drop)
}

/// Waits until a node is ready for pods.
pub fn wait_for_node(places: &Places, kubectl: &Kubectl<'_>, node: &Node) -> Result<()> {
    let ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
    let needs = [node.kubelet, node.containerd, "kube-controller-manager"];
    wait(places, "the node", &needs, 150, || {
        kubectl.prints(&["get", "node", node.name, "-o", ready], "True")
    })
}

/// Which of the processes do not run.
pub fn missing(places: &Places) -> Vec<&'static str> {
    PROCESSES
        .into_iter()
        .filter(|name| process::recorded(places, name).is_none())
        .collect()
}

struct Steps(Instant);

impl Steps {
    fn step(&self, what: &str) {
        println!("  {:>5.1} s  {what}", self.0.elapsed().as_secs_f64());
    }
}
