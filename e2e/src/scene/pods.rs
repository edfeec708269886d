//! Pods asked at their own addresses, past every gateway: what they were asked, and the configuration they have.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;

use super::Objects;

/// The port of the workload.
const PORT: u16 = 9898;
/// The longest that the first packet of a connection may be without an answer.
const CONNECTED: Duration = Duration::from_secs(5);
/// The longest that an answer may take.
const ANSWERED: Duration = Duration::from_secs(30);

/// A client for whatever answers plain HTTP.
pub fn http_client() -> reqwest::Client {
    // Even one that never speaks TLS does not come into being without a provider.
    coalmine::outbound::install_tls_provider();
    // A pod that has just gone does not say so: whoever waits asks again, instead of waiting for this one answer.
    let patient = reqwest::Client::builder().connect_timeout(CONNECTED).timeout(ANSWERED);
    patient.build().unwrap_or_default()
}

/// A running pod and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// Its own address.
    pub address: IpAddr,
    /// The node it runs on.
    pub node: String,
    /// Whether it passes its readiness probe.
    pub ready: bool,
}

/// What a pod answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
}

/// Requests that a pod got, by `Host` header and first segment of the path.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Received {
    /// The `Host` header.
    pub host: String,
    /// The path's first segment, `/` for the top.
    pub path: String,
    /// How many.
    pub count: u64,
}

impl Objects {
    /// The pods of the Deployment of that name that have an address and are not ending.
    pub async fn pods_at(&self, deployment: &str) -> Result<Vec<PodView>> {
        let names = self.pods_of(deployment).await?;
        let pods = self.pods().list(&Default::default()).await?;
        let own = |pod: &Pod| pod.metadata.name.as_ref().is_some_and(|name| names.contains(name));
        Ok(pods.into_iter().filter(own).filter_map(PodView::of).collect())
    }

    /// How many requests with that `Host` header the pods of a Deployment got at that path's first segment, mirrored
    /// ones too. Pods that are gone are not counted.
    pub async fn received(&self, deployment: &str, host: &str, path: &str) -> Result<u64> {
        let mut sum = 0;
        for pod in self.pods_at(deployment).await? {
            let counts = pod.received().await?.into_iter();
            sum += counts
                .filter(|one| one.host == host && one.path == path)
                .map(|one| one.count)
                .sum::<u64>();
        }
        Ok(sum)
    }
}

impl PodView {
    fn of(pod: Pod) -> Option<Self> {
        let status = pod.status?;
        if pod.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let ready = |kind: &str, status: &str| kind == "Ready" && status == "True";
        Some(Self {
            name: pod.metadata.name?,
            address: status.pod_ip?.parse().ok()?,
            node: pod.spec?.node_name?,
            ready: status
                .conditions
                .iter()
                .flatten()
                .any(|is| ready(&is.type_, &is.status)),
        })
    }

    /// Asks the pod itself; `path` begins with a slash.
    pub async fn get(&self, path: &str) -> Result<Told> {
        let url = format!("http://{}:{PORT}{path}", self.address);
        let asked = async {
            let answer = http_client().get(&url).send().await?;
            let status = answer.status().as_u16();
            anyhow::Ok(Told {
                status,
                text: answer.text().await?,
            })
        };
        asked
            .await
            .with_context(|| format!("pod {} does not answer {url}", self.name))
    }

    /// What the pod was asked so far.
    pub async fn received(&self) -> Result<Vec<Received>> {
        Ok(serde_json::from_str(&self.well("/received").await?)?)
    }

    /// The value of an environment variable of the pod; `None` when it is not set.
    pub async fn env(&self, name: &str) -> Result<Option<String>> {
        self.if_there(&format!("/env/{name}")).await
    }

    /// The content of a file below the pod's `FILES_ROOT` (`/etc/app`); `None` when it is not there.
    pub async fn file(&self, path: &str) -> Result<Option<String>> {
        self.if_there(&format!("/file/{path}")).await
    }

    async fn if_there(&self, path: &str) -> Result<Option<String>> {
        let told = self.get(path).await?;
        if told.status == 404 {
            return Ok(None);
        }
        self.said_well(path, told).map(Some)
    }

    async fn well(&self, path: &str) -> Result<String> {
        let told = self.get(path).await?;
        self.said_well(path, told)
    }

    fn said_well(&self, path: &str, told: Told) -> Result<String> {
        ensure!(told.status == 200, "pod {} answered {path} with {told:?}", self.name);
        Ok(told.text)
    }
}
