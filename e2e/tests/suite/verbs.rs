//! kubectl's verbs in each phase.

use std::time::Duration;

use e2e::scene::{App, play, wait_for};

use crate::policy::PATIENCE;
use crate::quick::scaled;

#[tokio::test(flavor = "multi_thread")]
async fn set_image_env_and_restart_at_rest_are_releases() {
    play("verbs-rest", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        let running = scene.load("app")?.start()?;
        scene
            .kubectl(&["set", "env", "deployment/app", "VERSION=v2"])
            .await?
            .succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        scene
            .kubectl(&["rollout", "restart", "deployment/app"])
            .await?
            .succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_in_mid_run_cancels_it() {
    play("verbs-undo", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.at_weight("app", 20, PATIENCE).await?;
        scene
            .kubectl(&["rollout", "undo", "deployment/app"])
            .await?
            .succeeded()?;
        let objects = scene.objects();
        wait_for("the run to be cancelled", Duration::from_secs(120), async || {
            let canary = objects.canary("app").await?;
            let target = objects.deployments().get("app").await?;
            let rests = target.spec.and_then(|spec| spec.replicas) == Some(0);
            Ok(canary.filter(|canary| rests && canary.weight() == 0 && canary.phase() != "Progressing"))
        })
        .await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert!(report.first_all_on("v1").is_some(), "everybody is on v1 again");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scale_in_mid_run_takes_no_pod_of_primary_and_ends_no_run() {
    play("verbs-scale", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.at_weight("app", 20, PATIENCE).await?;
        scaled(scene, &["app"], 3).await?;
        let primary = scene.objects().deployments().get("app-primary").await?;
        let replicas = primary.spec.and_then(|spec| spec.replicas).unwrap_or_default();
        assert!(replicas >= 2, "primary was made smaller: {replicas}");
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_failed_revision_applied_again_starts_nothing_and_the_promoted_one_clears_it() {
    play("verbs-failed", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        let running = scene.load("app")?.start()?;
        let failing = app.at("v2").with("ERROR_RATE", "0.5").manifest();
        scene.apply(&failing).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.phase("app", "Failed", PATIENCE).await?;
        scene.apply(&failing).await?.succeeded()?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let canary = scene.objects().canary("app").await?.expect("the canary");
        assert_eq!(canary.phase(), "Failed", "no retry loop");
        scene.apply(&app.manifest()).await?.succeeded()?;
        let objects = scene.objects();
        wait_for("Failed to be cleared", Duration::from_secs(120), async || {
            let canary = objects.canary("app").await?;
            Ok(canary.filter(|canary| canary.phase() != "Failed" && canary.phase() != "Progressing"))
        })
        .await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_deleted_and_created_again_leaves_the_primary_serving() {
    play("verbs-delete", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        let running = scene.load("app")?.start()?;
        scene.kubectl(&["delete", "deployment", "app"]).await?.succeeded()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
        Ok(())
    })
    .await;
}
