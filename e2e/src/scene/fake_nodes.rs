//! Fake nodes by a real kwok: pods on them are ready at once and run nothing. Real pods stay away by a taint, and kwok
//! looks after these nodes only.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Scene, wait_for};
use crate::cluster;

/// Marks the nodes that kwok looks after: an annotation, a label and a taint.
const MARK: &str = "kwok.x-k8s.io/node";
/// The account kwok works as.
const ACCOUNT: &str = "kwok";
/// Addresses of fake pods: nobody answers there.
const POD_RANGE: &str = "10.245.0.1/16";
/// What kwok plays, of its own files: nodes that keep their lease, pods that are ready at once and go at once.
const STAGES: [&str; 5] = [
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
];

/// The nodes, and the kwok that plays them. It ends when this is dropped.
pub struct FakeNodes {
    count: usize,
    client: kube::Client,
    kwok: Child,
    _folder: TempDir,
}

impl Scene {
    /// Starts `count` fake nodes; builds kwok on the first call.
    pub async fn fake_nodes(&self, count: usize) -> Result<FakeNodes> {
        let program = tokio::task::spawn_blocking(cluster::kwok).await??;
        let source = tokio::task::spawn_blocking(cluster::kwok_source).await??;
        let folder = tempfile::tempdir()?;
        self.forget(ACCOUNT).await?;
        let account = self.account(ACCOUNT, folder.path()).await?;
        let stages = folder.path().join("stages.yaml");
        tokio::fs::write(&stages, stages_of(&source).await?).await?;
        let nodes: Vec<Value> = (0..count).map(node).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": nodes});
        self.kubectl_with(&["apply", "--server-side", "-f", "-"], &list.to_string())
            .await?
            .succeeded()?;
        let log = std::fs::File::create(crate::cluster::log_of("kwok")?)?;
        let kwok = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"]) // it must not outlive whoever is killed here
            .arg(&program)
            .arg(format!("--kubeconfig={}", account.kubeconfig.display()))
            .arg(format!("--config={}", stages.display()))
            .arg(format!("--cidr={POD_RANGE}"))
            .arg("--manage-all-nodes=false")
            .arg(format!("--manage-nodes-with-annotation-selector={MARK}=fake"))
            .arg("--node-lease-duration-seconds=40")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start kwok")?;
        let fake = FakeNodes {
            count,
            client: self.client.clone(),
            kwok,
            _folder: folder,
        };
        fake.wait().await?;
        Ok(fake)
    }
}

impl FakeNodes {
    /// Puts the pods of a Deployment on one of the fake nodes. They are bound by name: how fast the scheduler is, is
    /// nobody's question here.
    pub fn place(&self, deployment: &mut Value, number: usize) {
        deployment["spec"]["template"]["spec"]["nodeName"] = json!(name(number % self.count.max(1)));
    }

    /// Ends kwok and takes the nodes away.
    pub async fn stop(mut self, scene: &Scene) -> Result<()> {
        self.kwok.kill().await.context("cannot end kwok")?;
        let marked = format!("{MARK}=fake");
        scene
            .kubectl(&["delete", "nodes", "--selector", &marked, "--wait=false"])
            .await?
            .succeeded()?;
        scene.forget(ACCOUNT).await
    }

    async fn wait(&self) -> Result<()> {
        let nodes = Api::<Node>::all(self.client.clone());
        let marked = ListParams::default().labels(&format!("{MARK}=fake"));
        wait_for("the fake nodes", Duration::from_secs(90), async || {
            let all = nodes.list(&marked).await?;
            let ready = all.iter().filter(|node| is_ready(node)).count();
            Ok((ready >= self.count).then_some(()))
        })
        .await
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

fn name(number: usize) -> String {
    format!("fake-{number}")
}

fn node(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name(number), "annotations": {MARK: "fake"},
            "labels": {MARK: "fake", "kubernetes.io/hostname": name(number)},
        },
        "spec": {"taints": [{"key": MARK, "value": "fake", "effect": "NoSchedule"}]},
    })
}

async fn stages_of(source: &Path) -> Result<String> {
    let mut all = String::new();
    for file in STAGES {
        let path = source.join("kustomize/stage").join(file);
        let text = tokio::fs::read_to_string(&path)
            .await
            .with_context(|| format!("cannot read {}", path.display()))?;
        all.push_str("---\n");
        all.push_str(&text);
    }
    Ok(all)
}
