//! The same manifests again, at rest and in mid-run: nothing moves that should not.

use std::time::Duration;

use e2e::scene::{App, Said, Scene, play, wait_for};

use crate::policy::PATIENCE;

const SERVER_SIDE: [&str; 2] = ["team-a", "team-b"];

/// An app after a finished run, so that every field has had its writers.
async fn after_a_run(scene: &Scene) -> anyhow::Result<App> {
    let app = App::new("app", "v1");
    let host = scene.host("app");
    scene.apply(&app.with_service_and_route(&host)).await?.succeeded()?;
    scene.label().await?;
    scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
    scene.reachable("app", Duration::from_secs(60)).await?;
    let running = scene.load("app")?.start()?;
    let app = app.at("v2");
    scene.apply(&app.manifest()).await?.succeeded()?;
    scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
    scene.phase("app", "Succeeded", PATIENCE).await?;
    // The phase is stored before the target is written: its generation moves once more.
    scene.rests("app", Duration::from_secs(60)).await?;
    running.stop().await?;
    Ok(app)
}

async fn generation(scene: &Scene, name: &str) -> anyhow::Result<Option<i64>> {
    Ok(scene.objects().deployments().get(name).await?.metadata.generation)
}

/// Two server-side appliers, neither with force.
async fn server_side(scene: &Scene, all: &str) -> anyhow::Result<Said> {
    let [one, other] = SERVER_SIDE.map(|manager| format!("--field-manager={manager}"));
    scene
        .kubectl_with(&["apply", "--server-side", &one, "-f", "-"], all)
        .await?
        .succeeded()?;
    scene
        .kubectl_with(&["apply", "--server-side", &other, "-f", "-"], all)
        .await?
        .succeeded()
}

async fn unmoved_by(scene: &Scene, mut apply: impl AsyncFnMut() -> anyhow::Result<Said>) -> anyhow::Result<()> {
    let before = generation(scene, "app").await?;
    for _ in 0..10 {
        apply().await?;
    }
    anyhow::ensure!(generation(scene, "app").await? == before, "the generation moved");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_manifests_applied_ten_times_at_rest_change_nothing() {
    play("reapply", async |scene| {
        let app = after_a_run(scene).await?;
        let host = scene.host("app");
        let all = app.with_service_and_route(&host);
        let created_before = scene.objects().ever_created("app").await?.len();
        unmoved_by(scene, async || scene.apply(&all).await?.succeeded()).await?;
        // The first server-side apply takes over from the client-side one: kubectl drops the annotation in which the
        // latter keeps its memory, and an annotation counts for a Deployment's generation.
        server_side(scene, &all).await?;
        unmoved_by(scene, async || server_side(scene, &all).await).await?;
        let diff = scene.kubectl_with(&["diff", "-f", "-"], &all).await?;
        assert_eq!(
            (diff.code, diff.out.as_str()),
            (Some(0), ""),
            "kubectl diff: {}",
            diff.err
        );
        assert_eq!(
            scene.objects().ever_created("app").await?.len(),
            created_before,
            "a pod of the target appeared"
        );
        let canary = scene.objects().canary("app").await?.expect("the canary");
        assert_eq!(canary.phase(), "Succeeded");
        assert_eq!(scene.reachable("app", Duration::from_secs(60)).await?, "v2");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_replica_count_reaches_the_primary_at_once_and_starts_no_run() {
    play("rescale", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        // Where the webhook could not look around in time, the app served by itself at first.
        let before = scene.objects().ever_created("app").await?.len();
        let applied = scene.apply(&app.replicas(4).manifest()).await?.succeeded()?;
        let deployments = scene.objects().deployments();
        wait_for("the primary to have 4 replicas", Duration::from_secs(20), async || {
            let primary = deployments.get("app-primary").await?;
            Ok((primary.spec.and_then(|spec| spec.replicas) == Some(4)).then_some(()))
        })
        .await?;
        println!("the primary had 4 replicas {:?} after the answer", applied.at.elapsed());
        assert_eq!(scene.objects().ever_created("app").await?.len(), before);
        let canary = scene.objects().canary("app").await?.expect("the canary");
        assert_eq!(canary.phase(), "Initialized");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_template_while_the_target_serves_loses_nothing_and_shows_no_unverified_pod() {
    play("retemplate", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        let objects = scene.objects();
        scene.at_weight("app", 50, PATIENCE).await?;
        // Half of the users are on v2 when v3 arrives; v3 must begin at its first step, not with half.
        scene.apply(&app.at("v3").manifest()).await?.succeeded()?;
        wait_for(
            "v3 to be analysed from its first step",
            Duration::from_secs(120),
            async || {
                let canary = objects.canary("app").await?;
                Ok(canary.filter(|canary| canary.weight() <= 20))
            },
        )
        .await?;
        // Or at its end: the promotion may be too quick to be seen in the status.
        wait_for("v3 to have everybody", PATIENCE, async || {
            let canary = objects.canary("app").await?;
            Ok(canary.filter(|canary| canary.weight() >= 100 || canary.phase() == "Succeeded"))
        })
        .await?;
        scene.apply(&app.at("v4").manifest()).await?.succeeded()?;
        wait_for("v4 to be released", PATIENCE, async || {
            let canary = objects
                .canary("app")
                .await?
                .filter(|canary| canary.phase() == "Succeeded");
            let on_v4 = scene.reachable("app", Duration::from_secs(1)).await? == "v4";
            Ok(canary.filter(|_| on_v4))
        })
        .await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        Ok(())
    })
    .await;
}
