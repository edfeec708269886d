//! No webhook runs, and an entry fails closed, as it is installed: what need not wait for it does not.

use anyhow::{Result, ensure};
use e2e::scene::{App, Said, Scene, play_alone};
use serde_json::json;

use crate::killed::scale_webhook;

/// One of each kind whose entry fails closed in a namespace.
const OURS: [&str; 3] = ["canary/mine", "metrictemplate/told", "alertprovider/told"];
/// Somebody's, so that there is one to take off.
const FINALIZER: &str = "example.com/kept";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_webhook_labels_and_finalizers_are_written_and_what_is_deleted_goes() {
    play_alone("away", async |scene| {
        made(scene).await?;
        let replicas = scale_webhook(scene, 0).await?;
        let played = meanwhile(scene).await;
        scale_webhook(scene, replicas).await?;
        played
    })
    .await;
}

/// An app whose Canary a policy made, a Canary of somebody's, and what such a one names.
async fn made(scene: &Scene) -> Result<()> {
    scene.settled(&App::new("app", "v1")).await?;
    let analysis = json!({"interval": "5s", "threshold": 2, "iterations": 1});
    let mut mine = App::new("mine", "v1").canary(&scene.host("mine"), &analysis, 60);
    let mut template = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "told"},
        "spec": {"provider": {"type": "prometheus", "address": "http://prometheus.monitoring:9090"}, "query": "vector(1)"},
    });
    let mut provider = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": {"name": "told"},
        "spec": {"type": "slack", "channel": "ops", "address": "http://slack.example/"},
    });
    for object in [&mut mine, &mut template, &mut provider] {
        object["metadata"]["finalizers"] = json!([FINALIZER]);
        scene.apply(&object.to_string()).await?.succeeded()?;
    }
    Ok(())
}

async fn meanwhile(scene: &Scene) -> Result<()> {
    // This is what waits, or the rest would show nothing.
    let spec = r#"{"spec":{"progressDeadlineSeconds":61}}"#;
    let refused = patch(scene, "canary/mine", spec).await?.refused()?;
    ensure!(
        refused.err.contains("validate-canaries.coalmine.dev"),
        "{}",
        refused.err
    );
    for one in OURS {
        scene.kubectl(&["label", one, "team=web"]).await?.succeeded()?;
        patch(scene, one, r#"{"metadata":{"finalizers":null}}"#)
            .await?
            .succeeded()?;
    }
    for one in OURS {
        scene.kubectl(&["delete", one, "--timeout=60s"]).await?.succeeded()?;
    }
    // With a pair in it, whose Canary the controller holds until it has given back.
    let namespace = ["delete", "namespace", &scene.namespace, "--timeout=240s"];
    scene.kubectl(&namespace).await?.succeeded()?;
    Ok(())
}

async fn patch(scene: &Scene, one: &str, patch: &str) -> Result<Said> {
    scene.kubectl(&["patch", one, "--type=merge", "-p", patch]).await
}
