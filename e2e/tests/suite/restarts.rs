//! The API server and etcd restart in the middle of a release, and everything goes on where it was.

use std::time::Duration;

use anyhow::Result;
use e2e::scene::{App, Scene, play_alone, wait_for};

use crate::policy::PATIENCE;
use crate::quick::{at_rest, held, labelled, let_go};

/// How long each is away.
const AWAY: Duration = Duration::from_secs(5);
/// The longest it takes until it answers again.
const BACK: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_release_survives_a_restart_of_the_api_server_and_of_etcd() {
    play_alone("restarts", async |scene| {
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
            // What is applied next is held as ever, in the very write: the manifest asks for two.
            scene.apply(&next.manifest()).await?.succeeded()?;
            let spec = scene.objects().deployments().get("app").await?.spec;
            assert_eq!(
                spec.and_then(|spec| spec.replicas),
                Some(0),
                "after a restart of {process}"
            );
        }
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert!(report.first_all_on("v3").is_some(), "{:?}", report.versions());
        println!("{} requests, 0 lost", report.requests());
        Ok(())
    })
    .await;
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
