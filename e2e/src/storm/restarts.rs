//! The API server and etcd restart in the middle of a release, and everything goes on where it was.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::load::Report;
use crate::scene::policy::PATIENCE;
use crate::scene::quick::{at_rest, held, labelled, let_go, replicas};
use crate::scene::{App, Scene, wait_for};

/// How long each is away.
const AWAY: Duration = Duration::from_secs(5);
/// The longest it takes until it answers again.
const BACK: Duration = Duration::from_secs(120);

/// Plays it under load, whose report is the answer: each has a release of its own to survive, which is promoted, and what is
/// applied next is held as ever.
pub async fn play(scene: &Scene) -> Result<Report> {
    let hooks = scene.hooks().await?;
    labelled(scene, &hooks).await?;
    let app = App::new("app", "v1");
    at_rest(scene, &app, &[app.deployment()]).await?;
    let running = scene.load("app")?.start()?;
    for (process, version) in [("kube-apiserver", "v2"), ("etcd", "v3")] {
        let next = app.at(version);
        held(scene, &next, &hooks).await?;
        restart(scene, process).await?;
        let_go(&next, &hooks);
        scene.phase("app", "Succeeded", PATIENCE).await?;
        scene.rests("app", PATIENCE).await?;
        // In the very write: the manifest asks for two.
        scene.apply(&next.manifest()).await?.succeeded()?;
        let left = replicas(scene, "app").await?;
        ensure!(
            left == 0,
            "{left} replicas after a restart of {process}: the webhook did not hold it"
        );
    }
    let report = running.stop().await?;
    ensure!(report.first_all_on("v3").is_some(), "{:?}", report.versions());
    Ok(report)
}

async fn restart(scene: &Scene, process: &'static str) -> Result<()> {
    let cluster = scene.cluster.clone();
    tokio::task::spawn_blocking(move || cluster.restart(process, AWAY)).await??;
    wait_for(
        &format!("the API server after a restart of {process}"),
        BACK,
        async || {
            let ready = scene.kubectl(&["get", "--raw", "/readyz"]).await?.succeeded();
            Ok(ready.is_ok().then_some(()))
        },
    )
    .await
}
