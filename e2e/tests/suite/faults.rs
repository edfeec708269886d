//! What costs Flagger's users their production: objects deleted under it.

use std::time::Duration;

use anyhow::Result;
use e2e::install::crds;
use e2e::scene::{App, Scene, play, play_alone, wait_for};

use crate::policy::PATIENCE;
use crate::waits::skipping;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_primary_comes_back_as_what_was_promoted_not_as_what_failed() {
    play("faults-primary", async |scene| {
        let app = App::new("app", "v1");
        scene.label().await?;
        skipping(scene, &app, 20).await?;
        scene.apply(&app.manifest()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        let bad = app.at("v2").image("localhost/coalmine/nowhere:none");
        scene.apply(&bad.manifest()).await?.succeeded()?;
        scene.phase("app", "Failed", PATIENCE).await?;
        let objects = scene.objects();
        let before = objects.deployments().get("app-primary").await?.metadata.uid;
        scene
            .kubectl(&["delete", "deployment", "app-primary"])
            .await?
            .succeeded()?;
        wait_for("a new primary that serves", Duration::from_secs(120), async || {
            let primary = objects.deployments().get_opt("app-primary").await?;
            let new = primary.filter(|primary| primary.metadata.uid != before);
            Ok(new
                .filter(|new| new.status.as_ref().and_then(|s| s.ready_replicas) == Some(2))
                .map(drop))
        })
        .await?;
        assert_eq!(scene.reachable("app", Duration::from_secs(60)).await?, "v1");
        scene.phase("app", "Failed", Duration::from_secs(1)).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_crd_gives_the_app_back_without_a_lost_request() {
    play_alone("faults-crd", async |scene| {
        let app = App::new("app", "v1");
        scene
            .apply(&app.with_service_and_route(&scene.host("app")))
            .await?
            .succeeded()?;
        skipping(scene, &app, 60).await?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let running = scene.load("app")?.start()?;
        let deleted = scene
            .kubectl(&["delete", "crd", "canaries.flagger.app", "--timeout=120s"])
            .await;
        let back = serves_alone(scene).await;
        restored(scene).await?;
        deleted?.succeeded()?;
        back?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        println!("{} requests, 0 lost", report.requests());
        // Who brings the CRD back goes on where they were.
        served(scene, &app).await?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        assert_eq!(scene.reachable("app", Duration::from_secs(60)).await?, "v2");
        Ok(())
    })
    .await;
}

/// An API server takes objects of a kind a moment after it says that the kind is established.
async fn served(scene: &Scene, app: &App) -> Result<()> {
    wait_for("Canaries to be taken again", Duration::from_secs(120), async || {
        skipping(scene, app, 60).await.map(Some)
    })
    .await
}

async fn serves_alone(scene: &Scene) -> Result<()> {
    let objects = scene.objects();
    wait_for("a plain Deployment that serves", Duration::from_secs(120), async || {
        let gone = objects.deployments().get_opt("app-primary").await?.is_none();
        let target = objects.deployments().get("app").await?;
        let ready = target.status.and_then(|status| status.ready_replicas) == Some(2);
        Ok((gone && ready).then_some(()))
    })
    .await?;
    // As long as requests on the old way might take to show.
    tokio::time::sleep(Duration::from_secs(3)).await;
    Ok(())
}

async fn restored(scene: &Scene) -> Result<()> {
    let folder = crds().display().to_string();
    let args = ["apply", "--server-side", "--force-conflicts", "-f", &folder];
    scene.kubectl(&args).await?.succeeded()?;
    let established = [
        "wait",
        "--for=condition=Established",
        "crd",
        "canaries.flagger.app",
        "--timeout=120s",
    ];
    scene.kubectl(&established).await?.succeeded()?;
    Ok(())
}
