//! The real Flagger, as a program beside the cluster. While it works Coalmine is away: both would serve the same kind.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::cluster;
use crate::scene::{SYSTEM, Scene, wait_for};

const ACCOUNT: &str = "flagger";
/// Its metrics and health: on loopback nobody else has this port here.
const PORT: u16 = 18_090;

/// A Flagger that runs until it is dropped.
pub struct Flagger {
    process: Child,
    user: String,
    _folder: TempDir,
}

impl Flagger {
    /// Starts it for the whole cluster; builds it on the first call.
    pub async fn start(scene: &Scene) -> Result<Self> {
        Self::start_with(scene, &[]).await
    }

    /// Starts it for the scene's namespace only. It looks every second whether it has Canaries to begin with: one that
    /// is new, or has another interval than before, is looked at at once.
    pub async fn start_here(scene: &Scene) -> Result<Self> {
        let here = format!("-namespace={}", scene.namespace);
        Self::start_with(scene, &[&here, "-control-loop-interval=1s"]).await
    }

    async fn start_with(scene: &Scene, flags: &[&str]) -> Result<Self> {
        let programs = tokio::task::spawn_blocking(cluster::flagger).await??;
        let folder = tempfile::tempdir()?;
        scene.forget(ACCOUNT).await?;
        let account = scene.account(ACCOUNT, folder.path()).await?;
        let log = std::fs::File::create(cluster::log_of("flagger")?)?;
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"]) // it must not outlive whoever is killed here
            .arg(programs.join("flagger"))
            .arg(format!("-kubeconfig={}", account.kubeconfig.display()))
            .arg(format!("-metrics-server={}", scene.cluster.prometheus))
            .args(["-mesh-provider=gatewayapi:v1", "-log-level=info"])
            .arg(format!("-port={PORT}"))
            .args(flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start flagger")?;
        let flagger = Self {
            process,
            user: account.user,
            _folder: folder,
        };
        let health = format!("http://127.0.0.1:{PORT}/healthz");
        wait_for("Flagger", Duration::from_secs(90), async || {
            Ok(reqwest::get(&health).await?.status().is_success().then_some(()))
        })
        .await?;
        Ok(flagger)
    }

    /// Its user name in the audit log.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Its process.
    pub fn pid(&self) -> Result<u32> {
        self.process.id().context("flagger ended; see its log")
    }

    /// Ends it.
    pub async fn stop(mut self, scene: &Scene) -> Result<()> {
        self.process.kill().await.context("cannot end flagger")?;
        scene.forget(ACCOUNT).await
    }
}

/// How many of each component e2e/values.yaml installs, and who takes them away brings back: the scenes after it want two.
pub const INSTALLED: u32 = 2;

/// Takes Coalmine's controller away, or brings it back. The webhook stays, which an unlabelled namespace does not have.
pub async fn controller(scene: &Scene, replicas: u32) -> Result<()> {
    let deployment = "deployment/coalmine-controller";
    let count = format!("--replicas={replicas}");
    scene
        .kubectl(&["--namespace", SYSTEM, "scale", deployment, &count])
        .await?
        .succeeded()?;
    let selector = "--selector=app.kubernetes.io/component=controller";
    let pods = ["--namespace", SYSTEM, "get", "pods", selector, "-o", "name"];
    if replicas == 0 {
        return wait_for("the controller to be gone", Duration::from_secs(120), async || {
            Ok(scene.kubectl(&pods).await?.succeeded()?.out.is_empty().then_some(()))
        })
        .await;
    }
    let status = ["--namespace", SYSTEM, "rollout", "status", deployment, "--timeout=120s"];
    scene.kubectl(&status).await?.succeeded().map(drop)
}

/// Takes Coalmine away, or brings it back.
pub async fn coalmine(scene: &Scene, replicas: u32) -> Result<()> {
    let deployments = ["deployment/coalmine-controller", "deployment/coalmine-webhook"];
    let scale = ["--namespace", SYSTEM, "scale", deployments[0], deployments[1]];
    let replicas = format!("--replicas={replicas}");
    let mut args = scale.to_vec();
    args.push(&replicas);
    scene.kubectl(&args).await?.succeeded()?;
    if replicas.ends_with("=0") {
        let gone = [
            "--namespace",
            SYSTEM,
            "wait",
            "--for=delete",
            "pod",
            "--all",
            "--timeout=60s",
        ];
        scene.kubectl(&gone).await?.succeeded()?;
        for kind in ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"] {
            scene
                .kubectl(&["delete", kind, "coalmine", "--ignore-not-found"])
                .await?
                .succeeded()?;
        }
        return Ok(());
    }
    for deployment in deployments {
        let status = ["--namespace", SYSTEM, "rollout", "status", deployment, "--timeout=60s"];
        scene.kubectl(&status).await?.succeeded()?;
    }
    wait_for("the webhook configuration", Duration::from_secs(30), async || {
        let path = "jsonpath={.webhooks[0].clientConfig.caBundle}";
        let said = scene
            .kubectl(&["get", "mutatingwebhookconfiguration", "coalmine", "-o", path])
            .await?;
        Ok((!said.succeeded()?.out.is_empty()).then_some(()))
    })
    .await
}
