//! Leaving: a plain Deployment serves again, and nothing of ours is left.

use std::time::Duration;

use e2e::scene::{App, Scene, play, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn removing_the_label_leaves_a_plain_deployment_that_serves() {
    play("unlabel", async |scene| {
        leave_by(scene, async |scene| scene.unlabel().await).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_the_canary_of_an_unlabelled_namespace_leaves_a_plain_deployment_that_serves() {
    play("uncanary", async |scene| {
        leave_by(scene, async |scene| {
            // With the label still there, the policy would make the next Canary at once.
            scene.unlabel().await?;
            scene
                .kubectl(&["delete", "canary", "app", "--ignore-not-found"])
                .await?
                .succeeded()?;
            Ok(())
        })
        .await
    })
    .await;
}

async fn leave_by(scene: &Scene, leave: impl AsyncFnOnce(&Scene) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let app = App::new("app", "v1");
    scene
        .apply(&app.with_service_and_route(&scene.host("app")))
        .await?
        .succeeded()?;
    scene.label().await?;
    scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
    scene.reachable("app", Duration::from_secs(60)).await?;
    let running = scene.load("app")?.start()?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    leave(scene).await?;
    let objects = scene.objects();
    wait_for("everything of ours to be gone", Duration::from_secs(120), async || {
        let residue = (
            objects.canary("app").await?.is_some(),
            objects.deployments().get_opt("app-primary").await?.is_some(),
            objects.services().get_opt("app-primary").await?.is_some(),
            objects.services().get_opt("app-canary").await?.is_some(),
        );
        Ok((residue == (false, false, false, false)).then_some(()))
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let report = running.stop().await?;
    report.nothing_lost()?;
    let target = objects.deployments().get("app").await?;
    assert_eq!(target.spec.and_then(|spec| spec.replicas), Some(2));
    let labels = target.metadata.labels.unwrap_or_default();
    assert!(!labels.keys().any(|key| key.starts_with("coalmine.dev/")), "{labels:?}");
    let weights = objects.weights("app").await?.expect("the user's route is still there");
    assert_eq!(
        weights.len(),
        1,
        "the route has the user's own backend only: {weights:?}"
    );
    Ok(())
}
