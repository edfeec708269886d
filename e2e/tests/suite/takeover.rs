//! A hand-written Canary takes over from a generated one, under load.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::scene::{App, Scene, play, wait_for};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_of_the_same_name_becomes_its_writers_and_starts_no_run() {
    play("takeover-same", async |scene| {
        taken_over(scene, "app", &["apply", "-f", "-"]).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_side_apply_without_force_does_the_same() {
    play("takeover-ssa", async |scene| {
        taken_over(
            scene,
            "app",
            &["apply", "--server-side", "--field-manager=flux", "-f", "-"],
        )
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_of_another_name_takes_over_and_the_generated_one_goes() {
    play("takeover-other", async |scene| {
        taken_over(scene, "mine", &["apply", "-f", "-"]).await
    })
    .await;
}

async fn taken_over(scene: &Scene, name: &str, apply: &[&str]) -> anyhow::Result<()> {
    let app = App::new("app", "v1");
    scene.settled(&app).await?;
    let objects = scene.objects();
    let pods: BTreeSet<String> = objects.pods_of("app-primary").await?.into_iter().collect();
    let running = scene.load("app")?.start()?;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let analysis = json!({"interval": "7s", "threshold": 2, "stepWeights": [30]});
    let mut canary = app.canary(&scene.host("app"), &analysis, 60);
    canary["metadata"]["name"] = json!(name);
    scene.kubectl_with(apply, &canary.to_string()).await?.succeeded()?;
    let theirs = wait_for("the hand-written canary alone", Duration::from_secs(120), async || {
        let all = objects.canaries().list(&Default::default()).await?.items;
        let found = objects.canary(name).await?;
        Ok(found.filter(|found| all.len() == 1 && found.phase() == "Initialized"))
    })
    .await?;
    let object = &theirs.0;
    assert_eq!(
        object["spec"]["analysis"], canary["spec"]["analysis"],
        "nothing of the policy's is left"
    );
    assert_eq!(object["metadata"]["labels"].get("coalmine.dev/generated"), None);
    // Longer than a run would need to be seen.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let report = running.stop().await?;
    report.nothing_lost()?;

    let uid = object["metadata"]["uid"].clone();
    for child in children(scene).await? {
        assert_eq!(
            child["metadata"]["ownerReferences"][0]["uid"], uid,
            "{:#}",
            child["metadata"]
        );
    }
    let left: BTreeSet<String> = objects.pods_of("app-primary").await?.into_iter().collect();
    assert_eq!(pods, left, "the primary's pods are the same");
    let target = objects.deployments().get("app").await?;
    assert_eq!(target.spec.and_then(|spec| spec.replicas), Some(0));
    let told = objects.told(name).await?.join("\n");
    assert!(!told.contains("New revision detected"), "{told}");
    Ok(())
}

async fn children(scene: &Scene) -> anyhow::Result<Vec<Value>> {
    let objects = scene.objects();
    let mut all = vec![
        serde_json::to_value(objects.deployments().get("app-primary").await?)?,
        serde_json::to_value(objects.routes().get("app").await?)?,
    ];
    for name in ["app", "app-primary", "app-canary"] {
        all.push(serde_json::to_value(objects.services().get(name).await?)?);
    }
    Ok(all)
}
