//! Our own accounts are kept out of namespaces that are none of our business.

use e2e::scene::{App, SYSTEM, Said, Scene, play, wait_for};
use serde_json::json;
use std::time::Duration;

async fn as_controller(scene: &Scene) -> anyhow::Result<Said> {
    let account = format!("--as=system:serviceaccount:{SYSTEM}:coalmine-controller");
    let configmap = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}}).to_string();
    scene
        .kubectl_with(&["create", "--dry-run=server", &account, "-f", "-"], &configmap)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn our_accounts_write_only_where_a_namespace_opted_in_or_holds_a_canary() {
    play("guard", async |scene| {
        let said = as_controller(scene).await?.refused()?;
        assert!(said.err.contains("coalmine-guard"), "{}", said.err);
        scene.label().await?;
        as_controller(scene).await?.succeeded()?;
        scene.unlabel().await?;
        as_controller(scene).await?.refused()?;
        let analysis = json!({"interval": "5s", "threshold": 3, "stepWeights": [20, 50]});
        let canary = App::new("app", "v1").canary(&scene.host("app"), &analysis, 60);
        scene.apply(&canary.to_string()).await?.succeeded()?;
        // The API server learns of the Canary through a watch of its own.
        wait_for("the canary to open the namespace", Duration::from_secs(5), async || {
            Ok((as_controller(scene).await?.code == Some(0)).then_some(()))
        })
        .await
    })
    .await;
}
