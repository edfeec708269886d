//! Puts Coalmine on a cluster the way its users do: an image of its own and the Helm chart.

mod build;
#[cfg(test)]
mod dockerfile;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::cluster::{Cluster, Image};
use crate::scene::SYSTEM;

pub use build::{Binaries, Profile, executable, root};

/// The image of the demo workload.
const APP_IMAGE: &str = "localhost/coalmine/app:dev";
/// The image of Coalmine; its tag says what is in it, so that a new build replaces the running pods.
const REPOSITORY: &str = "localhost/coalmine/coalmine";

/// Builds the images, brings them to the node and installs the chart with the quick start's policy.
pub async fn install(cluster: &Cluster, profile: Profile) -> Result<()> {
    let tag = images(cluster, profile).await?;
    chart(cluster, &tag).await
}

/// Builds the images and brings them to the node; the tag of Coalmine's.
pub async fn images(cluster: &Cluster, profile: Profile) -> Result<String> {
    let began = Instant::now();
    let binaries = Binaries::build(profile).await?;
    let tag = content_tag(&binaries.coalmine)?;
    bring_images(cluster, &binaries, &tag)?;
    println!("images built and on the node: {:.1} s", seconds(began));
    Ok(tag)
}

/// Installs the chart, or brings it up to date.
pub async fn chart(cluster: &Cluster, tag: &str) -> Result<()> {
    let began = Instant::now();
    let mut helm = Command::new(&cluster.helm);
    helm.args(["upgrade", "--install", "coalmine"])
        .arg(root().join("charts/coalmine"))
        .args(["--namespace", SYSTEM, "--create-namespace"])
        .arg("--values")
        .arg(root().join("e2e/values.yaml"))
        .args(["--set", &format!("image.repository={REPOSITORY}")])
        .args(["--set-string", &format!("image.tag={tag}")])
        .args(["--wait", "--timeout", "120s"]);
    run(with_kubeconfig(&mut helm, cluster)).await?;
    wait_for_the_webhook(cluster, Duration::from_secs(30)).await?;
    println!("Coalmine installed and ready: {:.1} s", seconds(began));
    Ok(())
}

/// The folder with the CRDs.
pub fn crds() -> PathBuf {
    root().join("charts/coalmine/crds")
}

fn bring_images(cluster: &Cluster, binaries: &Binaries, tag: &str) -> Result<()> {
    let mut coalmine =
        Image::of_binaries(&format!("{REPOSITORY}:{tag}"), std::slice::from_ref(&binaries.coalmine))?.with_ca_bundle();
    coalmine.user = "65532".to_owned();
    let app = Image::of_binaries(APP_IMAGE, std::slice::from_ref(&binaries.app))?;
    cluster.import_image(&coalmine)?;
    cluster.import_image(&app)?;
    Ok(())
}

/// Ready pods are not enough: the API server must know whom to call.
async fn wait_for_the_webhook(cluster: &Cluster, within: Duration) -> Result<()> {
    crate::scene::wait_for("the webhook configuration", within, async || {
        let mut get = Command::new(&cluster.kubectl);
        get.args(["get", "mutatingwebhookconfiguration", "coalmine", "-o"])
            .arg("jsonpath={.webhooks[0].clientConfig.caBundle}");
        let bundle = run(with_kubeconfig(&mut get, cluster)).await?;
        Ok((!bundle.is_empty()).then_some(()))
    })
    .await
}

fn with_kubeconfig<'a>(command: &'a mut Command, cluster: &Cluster) -> &'a mut Command {
    command.env("KUBECONFIG", &cluster.kubeconfig)
}

/// Runs a program to its end and returns what it printed; what it complained about becomes the error.
pub async fn run(command: &mut Command) -> Result<String> {
    let name = format!("{:?}", command.as_std().get_program());
    let output = command
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("cannot run {name}"))?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{name} failed: {out}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(out)
}

fn content_tag(binary: &Path) -> Result<String> {
    let bytes = std::fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let digest = Sha256::digest(bytes);
    Ok(digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect())
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
