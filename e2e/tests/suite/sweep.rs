//! What was generated for a Deployment that was never stored, or is gone, is swept.

use std::time::Duration;

use e2e::scene::{App, Scene, play, wait_for};
use kube::api::ListParams;
use serde_json::json;

use crate::waits::{Refuser, skipping};

/// Within this, nothing is left of a request that was refused.
const SWEPT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_refuses_the_deployment_leaves_no_children() {
    play("sweep-quota", async |scene| {
        scene.label().await?;
        let quota = json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
            "spec": {"hard": {"count/deployments.apps": "0"}},
        });
        scene.apply(&quota.to_string()).await?.succeeded()?;
        wait_for("the quota to be counted", Duration::from_secs(20), async || {
            let said = scene
                .kubectl(&["get", "quota", "none", "-o", "jsonpath={.status.hard}"])
                .await?;
            Ok((!said.out.is_empty()).then_some(()))
        })
        .await?;
        let said = scene.apply(&App::new("app", "v1").manifest()).await?.refused()?;
        assert!(said.err.contains("exceeded quota"), "{}", said.err);
        swept(scene, "app").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_exists_or_a_second_validator_leaves_no_children() {
    play("sweep-exists", async |scene| {
        scene.label().await?;
        // Not enrolled: its strategy forbids two revisions at once.
        let app = App::new("app", "v1").replicas(1);
        let mut alone = app.deployment();
        alone["spec"]["strategy"] = json!({"type": "Recreate"});
        scene.apply(&alone.to_string()).await?.succeeded()?;
        let said = scene
            .kubectl_with(&["create", "-f", "-"], &app.at("v2").manifest())
            .await?
            .refused()?;
        assert!(said.err.contains("AlreadyExists"), "{}", said.err);
        let objects = scene.objects();
        // The controller ends the pair at once when it sees that the one that exists cannot be paired.
        wait_for("the pair that was generated to be ended", SWEPT, async || {
            let told = told_of(scene, "app").await?;
            Ok(told
                .iter()
                .any(|said| said.starts_with("Terminating canary app."))
                .then_some(()))
        })
        .await?;

        let refuser = Refuser::install(scene).await?;
        scene.apply(&refuser.marked(&App::new("late", "v1"))).await?.refused()?;
        assert!(objects.canary("late").await?.is_some(), "a pair was generated");
        swept(scene, "late").await?;
        swept(scene, "app").await?;
        refuser.remove().await?;
        let target = objects.deployments().get("app").await?;
        let labels = target.metadata.labels.unwrap_or_default();
        assert!(labels.is_empty(), "the one that exists is untouched: {labels:?}");
        assert_eq!(target.metadata.generation, Some(1));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_deployment_takes_its_generated_pair_with_it_after_a_grace_and_not_a_hand_written_one() {
    play("sweep-deleted", async |scene| {
        let (ours, theirs) = (App::new("ours", "v1").replicas(1), App::new("theirs", "v1").replicas(1));
        scene.label().await?;
        skipping(scene, &theirs, 60).await?;
        for app in [&ours, &theirs] {
            scene.apply(&app.manifest()).await?.succeeded()?;
            scene.phase(app.name(), "Initialized", Duration::from_secs(60)).await?;
        }
        scene
            .kubectl(&["delete", "deployment", "ours", "theirs"])
            .await?
            .succeeded()?;
        let objects = scene.objects();
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert!(objects.canary("ours").await?.is_some(), "the grace is 30 s");
        assert!(objects.deployments().get_opt("ours-primary").await?.is_some());
        swept(scene, "ours").await?;
        assert!(objects.deployments().get_opt("theirs-primary").await?.is_some());
        let left = objects.canary("theirs").await?.expect("the hand-written canary stays");
        assert_eq!(
            left.condition("Ready").map(|c| c["reason"].clone()),
            Some(json!("TargetMissing"))
        );
        Ok(())
    })
    .await;
}

/// What events say of the Canary of that name.
async fn told_of(scene: &Scene, canary: &str) -> anyhow::Result<Vec<String>> {
    let about = ListParams::default().fields(&format!("involvedObject.kind=Canary,involvedObject.name={canary}"));
    let events = scene.objects().events().list(&about).await?;
    Ok(events.items.into_iter().filter_map(|event| event.message).collect())
}

/// Waits until no child of the app is left.
async fn swept(scene: &Scene, app: &str) -> anyhow::Result<()> {
    let objects = scene.objects();
    let (primary, canary) = (format!("{app}-primary"), format!("{app}-canary"));
    let took = std::time::Instant::now();
    wait_for(&format!("nothing to be left of {app}"), SWEPT, async || {
        let left = [
            objects.canary(app).await?.is_some(),
            objects.deployments().get_opt(&primary).await?.is_some(),
            objects.services().get_opt(app).await?.is_some(),
            objects.services().get_opt(&primary).await?.is_some(),
            objects.services().get_opt(&canary).await?.is_some(),
            objects.routes().get_opt(app).await?.is_some(),
        ];
        Ok((!left.contains(&true)).then_some(()))
    })
    .await?;
    println!("{app} swept after {:?}", took.elapsed());
    Ok(())
}
