//! An app that is live already: one label enrols it, and nothing is lost.

use std::time::Duration;

use e2e::scene::{App, Scene, play};

use crate::policy::PATIENCE;

/// An app of the user's own: Deployment, Service and route, serving, in a namespace that is not labelled yet.
async fn live(scene: &Scene) -> anyhow::Result<App> {
    let app = App::new("app", "v1");
    let manifest = app.with_service_and_route(&scene.host("app"));
    scene.apply(&manifest).await?.succeeded()?;
    scene.reachable("app", Duration::from_secs(60)).await?;
    Ok(app)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_enrols_a_live_app_without_a_run_and_without_a_lost_request() {
    play("live", async |scene| {
        live(scene).await?;
        let running = scene.load("app")?.start()?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        scene.label().await?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert_eq!(report.versions().len(), 1, "{:?}", report.versions());
        let done = "Initialization done!";
        let told = scene.told("app", done, |said| said.starts_with(done)).await?;
        assert!(
            !told.iter().any(|line| line.starts_with("New revision detected")),
            "{told:?}"
        );
        let target = scene.objects().deployments().get("app").await?;
        assert_eq!(
            target.spec.and_then(|spec| spec.replicas),
            Some(0),
            "the primary serves, the target rests"
        );
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_right_after_the_label_is_held_and_then_released_as_a_canary() {
    play("live-apply", async |scene| {
        let app = live(scene).await?;
        let running = scene.load("app")?.start()?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        scene.label_at_once().await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let next = app.at("v2").with_service_and_route(&scene.host("app"));
        scene.apply(&next).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert!(
            report.first_all_on("v2").is_some(),
            "everybody ends on v2: {:?}",
            report.versions()
        );
        // It was a canary.
        let advanced = "Advance app.";
        scene.told("app", advanced, |said| said.starts_with(advanced)).await?;
        Ok(())
    })
    .await;
}
