//! Revisions for whose pods there is no room: rolled back at the deadline, and the event says what is missing.

use std::time::Duration;

use e2e::scene::{App, Scene, play};
use serde_json::json;

/// `progressDeadlineSeconds` of these canaries.
const DEADLINE: u32 = 10;

async fn failed_with(scene: &Scene, reasons: [&str; 2]) -> anyhow::Result<()> {
    let patience = Duration::from_secs(u64::from(DEADLINE) + 90);
    scene.phase("app", "Failed", patience).await?;
    let named = |said: &str| reasons.iter().all(|reason| said.contains(reason));
    scene.told("app", &format!("all of {reasons:?}"), named).await?;
    Ok(())
}

async fn at_rest(scene: &Scene) -> anyhow::Result<App> {
    let app = App::new("app", "v1");
    let analysis = json!({"interval": "2s", "threshold": 3, "stepWeights": [20, 50]});
    scene.settled_under(&app, &analysis).await?;
    let patch = json!({"spec": {"progressDeadlineSeconds": DEADLINE}}).to_string();
    scene
        .kubectl(&["patch", "canary", "app", "--type=merge", "-p", &patch])
        .await?
        .succeeded()?;
    Ok(app)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_allows_no_more_pods_is_named() {
    play("quota", async |scene| {
        let app = at_rest(scene).await?;
        let quota = json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}, "spec": {"hard": {"pods": "2"}},
        });
        scene.apply(&quota.to_string()).await?.succeeded()?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        failed_with(scene, ["exceeded quota: full", "Rolling back"]).await?;
        running.stop().await?.nothing_lost()?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_no_node_takes_is_named_with_the_schedulers_reason() {
    play("unschedulable", async |scene| {
        let app = at_rest(scene).await?;
        let running = scene.load("app")?.start()?;
        let mut nowhere = app.at("v2").deployment();
        nowhere["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "made-of-glass"});
        scene.apply(&nowhere.to_string()).await?.succeeded()?;
        failed_with(scene, ["pod app-", "Unschedulable"]).await?;
        running.stop().await?.nothing_lost()?;
        Ok(())
    })
    .await;
}
