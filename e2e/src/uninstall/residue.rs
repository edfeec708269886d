//! What must not be left.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::scene::{Scene, wait_for};

/// The garbage collector has its own pace.
const COLLECTED: Duration = Duration::from_secs(120);

/// Waits until a Deployment serves as its author wrote it, and carries nothing of ours.
pub async fn plain(scene: &Scene, name: &str) -> Result<()> {
    let deployments = scene.objects().deployments();
    let mut seen = String::new();
    wait_for(&format!("{name} to serve by itself"), COLLECTED, async || {
        let target = deployments.get(name).await?;
        let ready = target.status.and_then(|status| status.ready_replicas);
        let ours: Vec<String> = [target.metadata.labels, target.metadata.annotations]
            .into_iter()
            .flatten()
            .flatten()
            .map(|(key, _)| key)
            .filter(|key| key.starts_with("coalmine.dev/"))
            .collect();
        seen = format!("{ready:?} of its pods are ready, and it carries {ours:?}");
        Ok((ready == Some(2) && ours.is_empty()).then_some(()))
    })
    .await
    .with_context(|| seen)
}

/// No half of a pair, no finalizer.
pub async fn none_of_pairs(scene: &Scene) -> Result<()> {
    let objects = scene.objects();
    wait_for("nothing of a pair to be left", COLLECTED, async || {
        for name in ["app", "mine"] {
            for half in ["primary", "canary"].map(|half| format!("{name}-{half}")) {
                let there = (
                    objects.deployments().get_opt(&half).await?.is_some(),
                    objects.services().get_opt(&half).await?.is_some(),
                );
                if there != (false, false) {
                    return Ok(None);
                }
            }
            // Without its definition there is no Canary either.
            let canary = objects.canaries().get(name).await.ok();
            if canary.is_some_and(|canary| !canary.metadata.finalizers.unwrap_or_default().is_empty()) {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
}

/// Waits until both webhook configurations are gone, and sees that they stay so.
pub async fn no_configurations(scene: &Scene) -> Result<()> {
    wait_for("the webhook configurations to be gone", COLLECTED, async || {
        Ok(configurations(scene).await?.is_empty().then_some(()))
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let back = configurations(scene).await?;
    ensure!(back.is_empty(), "a webhook configuration came back: {back}");
    Ok(())
}

/// Those that are there, as kubectl names them.
pub async fn configurations(scene: &Scene) -> Result<String> {
    let kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
    let named = ["get", kinds, "-l", "app.kubernetes.io/name=coalmine", "-o", "name"];
    Ok(scene.kubectl(&named).await?.succeeded()?.out)
}

/// Deletes the scene's namespace and waits until it is gone.
pub async fn namespace_goes(scene: &Scene) -> Result<()> {
    let args = ["delete", "namespace", scene.namespace.as_str(), "--timeout=240s"];
    scene.kubectl(&args).await?.succeeded()?;
    Ok(())
}
