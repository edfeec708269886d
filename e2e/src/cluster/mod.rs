//! A real Kubernetes on one Linux machine: etcd, the control plane, a node with real containers, a gateway, a metrics store.
//!
//! [`Cluster::up`] is cluster, gateway and Prometheus only. What runs on them is installed by others.

mod aggregation;
mod appmesh;
mod artefact;
mod autoscaling;
mod beforehand;
mod black_hole;
mod contour;
mod control_plane;
mod credentials;
mod definitions;
mod dns;
mod edge;
mod envoy;
mod existing;
mod gateway;
mod golang;
mod image;
mod knative;
mod lock;
mod mesh;
mod network;
mod node;
mod nodes;
pub mod places;
mod process;
mod programs;
mod prometheus;
mod proxy;
mod ready;
mod requirements;
mod restart;
pub mod second_node;
mod skipper;
mod start;
mod stop;
mod tar;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use beforehand::build;
pub use beforehand::{gateway_is_missing, prepare, prepare_gateways, prepare_on_demand};
pub use black_hole::BlackHole;
pub use contour::{CLASS as CONTOUR_CLASS, NAME as CONTOUR_GATEWAY_NAME};
pub use edge::NAME as EDGE_GATEWAY_NAME;
pub use image::{Image, architecture};
use lock::Lock;
pub use mesh::NAME as MESH_GATEWAY_NAME;
pub(crate) use places::Places;
use places::{GATEWAY, HOST, PROMETHEUS};
pub(crate) use process::all as all_processes;
use programs::Programs;
pub use programs::{cargo_deny, flagger, kwok, kwok_source};
use ready::Kubectl;
pub use skipper::CLASS as SKIPPER_CLASS;

const ITS_OWN_GATEWAYS: &str = "a cluster of your own has the gateways it has";

/// A cluster that runs, and how to reach it.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The kubeconfig of its admin.
    pub kubeconfig: PathBuf,
    /// Host and port the gateway answers on.
    pub gateway: String,
    /// Prometheus' address, as a URL.
    pub prometheus: String,
    /// One JSON line for each request the API server answered; empty for a cluster of the user's own.
    pub audit_log: PathBuf,
    /// This machine's address as pods see it; none when it is not known.
    pub host: Option<IpAddr>,
    /// The kubectl that fits the cluster.
    pub kubectl: PathBuf,
    /// Helm 4.
    pub helm: PathBuf,
    /// containerd's client; none for a cluster of the user's own.
    ctr: Option<PathBuf>,
}

impl Cluster {
    /// Builds what is missing, starts what does not run, and answers when everything works.
    /// With `KUBECONFIG` set to a file that is not ours, that cluster is used instead.
    pub fn up() -> Result<Self> {
        let places = Places::find()?;
        if let Some(cluster) = existing::find(&places)? {
            return Ok(cluster);
        }
        let _lock = Lock::take(&places)?;
        let missing = start::missing(&places);
        if missing.is_empty() {
            return Self::ours(&places, &Programs::noted(&places)?);
        }
        if missing.len() < start::PROCESSES.len() {
            return Err(broken(&missing));
        }
        let programs = build(&places)?;
        stop::stop(&places)?; // what a crash or a reboot left behind
        println!("starting the cluster");
        let began = Instant::now();
        start::start(&places, &programs)?;
        println!("the cluster runs after {:.1} s", began.elapsed().as_secs_f64());
        Self::ours(&places, &programs)
    }

    /// The cluster that runs already.
    pub fn attach() -> Result<Self> {
        let places = Places::find()?;
        if let Some(cluster) = existing::find(&places)? {
            return Ok(cluster);
        }
        let missing = start::missing(&places);
        if missing.len() == start::PROCESSES.len() {
            bail!("no cluster runs; `e2e up` starts one");
        }
        if !missing.is_empty() {
            return Err(broken(&missing));
        }
        Self::ours(&places, &Programs::noted(&places)?)
    }

    fn ours(places: &Places, programs: &Programs) -> Result<Self> {
        let cluster = Self {
            kubeconfig: places.kubeconfig(),
            gateway: GATEWAY.to_owned(),
            prometheus: format!("http://{PROMETHEUS}"),
            audit_log: places.audit_log(),
            host: Some(HOST.parse()?),
            kubectl: programs.kubectl(),
            helm: programs.helm.clone(),
            ctr: Some(programs.ctr()),
        };
        cluster
            .as_admin()
            .run(&["get", "--raw", "/readyz"])
            .context("the API server runs but is not ready; `e2e reset` starts a new cluster")?;
        Ok(cluster)
    }

    /// A client with the rights of the admin.
    pub async fn client(&self) -> Result<kube::Client> {
        let text = kube::config::Kubeconfig::read_from(&self.kubeconfig)?;
        let config = kube::Config::from_custom_kubeconfig(text, &kube::config::KubeConfigOptions::default()).await?;
        Ok(kube::Client::try_from(config)?)
    }

    /// Makes an image known to the node; false when the same one is there already.
    pub fn import_image(&self, image: &Image) -> Result<bool> {
        let places = Places::find()?;
        let Some(ctr) = &self.ctr else {
            existing::load(image, &places)?;
            return Ok(true);
        };
        if second_node::runs(&places) {
            image.import(&places, &nodes::SECOND.socket(&places), ctr)?;
        }
        image.import(&places, &nodes::FIRST.socket(&places), ctr)
    }

    /// Where it is, for those who start a gateway more.
    fn places_of_gateways(&self) -> Result<Places> {
        if self.ctr.is_none() {
            bail!("{ITS_OWN_GATEWAYS}: this scene needs one that Coalmine's harness starts");
        }
        Places::find()
    }

    fn as_admin(&self) -> Kubectl<'_> {
        Kubectl {
            program: &self.kubectl,
            kubeconfig: &self.kubeconfig,
        }
    }

    /// The lines a shell needs to use the cluster.
    pub fn exports(&self) -> String {
        format!(
            "export KUBECONFIG={}\nexport GATEWAY_ADDRESS={}\nexport PROMETHEUS_ADDRESS={}",
            self.kubeconfig.display(),
            self.gateway,
            self.prometheus
        )
    }
}

/// Ends the cluster; nothing of it goes on running. One of the user's own is left as it is.
pub fn down() -> Result<()> {
    let places = Places::find()?;
    if existing::is_named(&places) {
        println!("the cluster of your own that KUBECONFIG names is left as it is");
        return Ok(());
    }
    let _lock = Lock::take(&places)?;
    requirements::ensure_root()?;
    stop::stop(&places)?;
    println!("nothing of the cluster runs");
    Ok(())
}

/// For each process of the cluster, whether it runs; those on demand only if they do.
pub fn status() -> Result<Vec<(&'static str, Option<i32>)>> {
    let places = Places::find()?;
    let pid = |name| process::recorded(&places, name).map(process::Process::pid);
    let always = start::PROCESSES.into_iter().map(|name| (name, pid(name)));
    let on_demand = start::ON_DEMAND.into_iter().map(|name| (name, pid(name)));
    Ok(always.chain(on_demand.filter(|(_, pid)| pid.is_some())).collect())
}

/// The log of one of the cluster's processes.
pub fn log_of(name: &str) -> Result<PathBuf> {
    Ok(Places::find()?.log(name))
}

fn broken(missing: &[&str]) -> anyhow::Error {
    anyhow!(
        "the cluster is broken, because {} ended; `e2e reset` starts a new one",
        missing.join(", ")
    )
}

/// Is this file the kubeconfig of our own cluster?
fn is_ours(places: &Places, file: &Path) -> bool {
    file == places.kubeconfig()
        || file
            .canonicalize()
            .is_ok_and(|f| places.kubeconfig().canonicalize().is_ok_and(|o| o == f))
}
