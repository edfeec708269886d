//! A core Service as the target: its two copies carry the traffic, and nothing is lost.

use std::time::Duration;

use anyhow::Result;
use e2e::scene::{App, Scene, play, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;

/// Two versions that run all the time; the Service says which one is meant.
fn backend(version: &str) -> App {
    App::new(&format!("back-{version}"), version)
}

fn service(version: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"},
        "spec": {
            "selector": {"app": format!("back-{version}")},
            "ports": [{"name": "http", "port": 9898, "targetPort": 9898}],
        },
    })
    .to_string()
}

fn canary(scene: &Scene) -> String {
    let analysis = json!({"interval": "5s", "threshold": 3, "stepWeights": [20, 50]});
    let mut canary = App::new("app", "v1").canary(&scene.host("app"), &analysis, 60);
    canary["spec"]["targetRef"] = json!({"apiVersion": "v1", "kind": "Service", "name": "app"});
    canary.to_string()
}

async fn selected_by(scene: &Scene, name: &str) -> Result<Option<Value>> {
    let found = scene.objects().services().get_opt(name).await?;
    Ok(found.and_then(|service| service.spec).map(|spec| json!(spec.selector)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_service_is_released_by_its_copies_and_deletion_leaves_the_authors_own() {
    play("service-target", async |scene| {
        for version in ["v1", "v2"] {
            scene.apply(&backend(version).manifest()).await?.succeeded()?;
        }
        scene.apply(&service("v1")).await?.succeeded()?;
        scene.apply(&canary(scene)).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        assert_eq!(scene.reachable("app", Duration::from_secs(60)).await?, "v1");
        let load = scene.load("app")?.start()?;

        scene.apply(&service("v2")).await?.succeeded()?;
        scene.at_weight("app", 20, PATIENCE).await?;
        assert_eq!(selected_by(scene, "app-canary").await?, Some(json!({"app": "back-v2"})));
        assert_eq!(
            selected_by(scene, "app-primary").await?,
            Some(json!({"app": "back-v1"}))
        );
        scene.phase("app", "Succeeded", PATIENCE).await?;
        assert_eq!(
            selected_by(scene, "app-primary").await?,
            Some(json!({"app": "back-v2"}))
        );
        let mine = scene.objects().services().get("app").await?;
        let labels = mine.metadata.labels.unwrap_or_default();
        assert!(labels.is_empty(), "the author's own Service is left alone: {labels:?}");

        let report = load.stop().await?;
        report.nothing_lost()?;
        assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
        scene.kubectl(&["delete", "canary", "app"]).await?.succeeded()?;
        wait_for("the copies to be gone", Duration::from_secs(120), async || {
            let left = (
                selected_by(scene, "app-primary").await?,
                selected_by(scene, "app-canary").await?,
            );
            Ok((left == (None, None)).then_some(()))
        })
        .await?;
        assert_eq!(selected_by(scene, "app").await?, Some(json!({"app": "back-v2"})));
        Ok(())
    })
    .await;
}
