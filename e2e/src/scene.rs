//! A scene of the suite or the demo: a namespace of its own on the real cluster, and the ways to act in it and to
//! wait for what must come.

mod account;
mod app;
mod applies;
mod audit;
mod awaited;
mod cases;
mod dump;
pub mod duration;
pub mod failures;
mod fake_nodes;
pub mod fronts;
mod hooks;
pub mod invariants;
mod kubectl;
mod log;
mod mirror;
mod objects;
mod on_demand;
mod opt_in;
mod play;
mod pods;
pub mod policy;
pub mod quick;
mod replicas;
pub mod sessions;
pub mod shares;
mod stage;
pub mod templates;
mod timeline;
mod waiting;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::cluster::Cluster;
use crate::load::{Connections, Load};

pub use account::Account;
pub use app::App;
pub use applies::{Applies, Report, Span};
pub use audit::{Audit, Request};
pub use cases::{Case, case, together};
pub use fake_nodes::FakeNodes;
pub use hooks::{Answer, Call, Hooks};
pub use kubectl::Said;
pub use mirror::Mirror;
pub use objects::{CanaryView, Objects};
pub use opt_in::OPT_IN;
pub use play::{play, play_alone};
pub use pods::{PodView, Received, Told, http_client};
pub use replicas::{Component, Replica};
pub use stage::BEGUN;
pub use timeline::{Moment, Seen, Timeline, WATCH_LAG, plateaus};
pub use waiting::wait_for;

/// Where Coalmine itself runs.
pub const SYSTEM: &str = "coalmine-system";

/// One namespace and everything a test does in it.
pub struct Scene {
    /// The cluster it plays on.
    pub cluster: Cluster,
    /// The cluster's API, as its admin.
    pub client: kube::Client,
    /// The scene's own namespace.
    pub namespace: String,
    /// When it began.
    pub began: Instant,
    mirror: OnceLock<Mirror>,
}

impl Scene {
    /// A fresh namespace, not labelled yet, on the cluster that is up.
    pub async fn open(name: &str) -> Result<Self> {
        let cluster = Cluster::attach().context("the suite plays on a cluster that is up: make up")?;
        let namespace = format!("{name}-{}", suffix());
        Self::on(cluster, &namespace).await
    }

    /// A namespace of that very name.
    pub async fn on(cluster: Cluster, namespace: &str) -> Result<Self> {
        let client = cluster.client().await?;
        let scene = Self {
            cluster,
            client,
            namespace: namespace.to_owned(),
            began: Instant::now(),
            mirror: OnceLock::new(),
        };
        let own = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        let namespaces = scene.namespaces();
        namespaces
            .create(&PostParams::default(), &serde_json::from_value(own)?)
            .await?;
        Ok(scene)
    }

    fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.client.clone())
    }

    /// The Canaries and Deployments, followed from the first time they are asked for.
    pub fn mirror(&self) -> &Mirror {
        self.mirror.get_or_init(|| Mirror::of(&self.objects(), &self.namespace))
    }

    /// The objects of the namespace.
    pub fn objects(&self) -> Objects {
        Objects::of(self.client.clone(), &self.namespace)
    }

    /// The host name under which the default policy publishes an app of that name here.
    pub fn host(&self, app: &str) -> String {
        format!("{app}.{}.example.com", self.namespace)
    }

    /// A light load on an app of that name, through the gateway: many of them at once are no burden.
    pub fn light_load(&self, app: &str) -> Result<Load> {
        Ok(Load {
            rate: 25,
            ..self.load(app)?
        })
    }

    /// The usual load on an app of that name, through the gateway.
    pub fn load(&self, app: &str) -> Result<Load> {
        let gateway = self
            .cluster
            .gateway
            .parse()
            .with_context(|| format!("the gateway's address is host:port, not {}", self.cluster.gateway))?;
        Ok(Load::on(gateway, self.host(app)))
    }

    /// The usual load on the Service of that name, as a client in the cluster that opens a connection for each request.
    pub async fn service_load(&self, service: &str) -> Result<Load> {
        let found = self.objects().services().get(service).await?;
        let spec = found.spec.unwrap_or_default();
        let port = spec.ports.iter().flatten().next().context("a Service has a port")?.port;
        let address = format!("{}:{port}", spec.cluster_ip.unwrap_or_default());
        let load = Load::on(address.parse()?, service);
        Ok(Load {
            connections: Connections::New,
            ..load
        })
    }

    /// Deletes the namespace, without waiting for the end of it.
    pub async fn close(&self) -> Result<()> {
        let namespaces = self.namespaces();
        // A busy API server may refuse it once.
        wait_for(
            "the namespace to be deleted",
            Duration::from_secs(30),
            async || match namespaces.delete(&self.namespace, &DeleteParams::default()).await {
                Ok(_) => Ok(Some(())),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(Some(())),
                Err(error) => Err(error.into()),
            },
        )
        .await
    }
}

/// Six letters and digits no other scene has: process and clock, no randomness needed.
fn suffix() -> String {
    use sha2::{Digest as _, Sha256};
    let seed = json!([
        std::process::id(),
        format!("{:?}", std::time::SystemTime::now()),
        format!("{:?}", std::thread::current().id()),
    ]);
    let digest = Sha256::digest(seed.to_string());
    digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}
