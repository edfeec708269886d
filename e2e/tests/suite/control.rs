//! How people steer a release: annotations, suspension, a queue of revisions, rehearsals.

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::scene::{Answer, App, Scene, play, wait_for};
use serde_json::json;

use crate::gates::{analysis, hook, settled};
use crate::policy::PATIENCE;

const SOON: Duration = Duration::from_secs(60);

async fn annotate(scene: &Scene, annotation: &str) -> Result<()> {
    scene
        .kubectl(&["annotate", "canary", "app", annotation])
        .await?
        .succeeded()?;
    Ok(())
}

async fn said(scene: &Scene, part: &str) -> Result<usize> {
    let told = scene.objects().told("app").await?;
    Ok(told.iter().filter(|line| line.contains(part)).count())
}

async fn no_annotations_left(scene: &Scene) -> Result<()> {
    let seen = scene.objects().canary("app").await?;
    let seen = seen.map(|seen| seen.0).unwrap_or_default();
    // kubectl's own annotation quotes the whole Canary, so only keys tell.
    let mut annotations = seen["metadata"]["annotations"].as_object().into_iter().flatten();
    assert!(
        !annotations.any(|(key, _)| key.starts_with("flagger.app/")),
        "not consumed: {}",
        seen["metadata"]["annotations"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_revision_is_analysed_again_or_promoted_as_its_annotation_asks() {
    play("annotations", async |scene| {
        let hooks = scene.hooks().await?;
        let app = App::new("app", "v1");
        settled(scene, &app, &analysis(&[hook(&hooks, "rollout")])).await?;
        let running = scene.load("app")?.start()?;
        hooks.answer("/rollout", Answer::halt());
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Failed", PATIENCE).await?;
        let calls = hooks.calls("/rollout").len();
        annotate(scene, "flagger.app/reset=true").await?;
        scene.phase("app", "Progressing", SOON).await?;
        scene.phase("app", "Failed", PATIENCE).await?;
        assert_eq!(
            hooks.calls("/rollout").len(),
            2 * calls,
            "the whole analysis, once more"
        );
        no_annotations_left(scene).await?;
        annotate(scene, "flagger.app/skip-analysis=true").await?;
        scene.phase("app", "Promoting", SOON).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        no_annotations_left(scene).await?;
        assert_eq!(hooks.calls("/rollout").len(), 2 * calls, "no check was asked");
        assert_eq!(said(scene, "Canary analysis was skipped for app").await?, 1);
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_revision_waits_in_the_queue_until_the_first_is_promoted() {
    play("queue", async |scene| {
        let hooks = scene.hooks().await?;
        let app = App::new("app", "v1");
        let policy = json!({
            "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": scene.namespace},
            "spec": {"onNewRevision": "Queue"},
        });
        scene.apply(&policy.to_string()).await?.succeeded()?;
        let named = format!("coalmine.dev/policy={}", scene.namespace);
        let namespace = scene.namespace.clone();
        scene
            .kubectl(&["annotate", "namespace", &namespace, &named])
            .await?
            .succeeded()?;
        settled(scene, &app, &analysis(&[hook(&hooks, "confirm-promotion")])).await?;
        let running = scene.load("app")?.start()?;
        hooks.answer("/confirm-promotion", Answer::halt());
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "WaitingPromotion", PATIENCE).await?;
        scene.apply(&app.at("v3").manifest()).await?.succeeded()?;
        wait_for("the queue to be told", SOON, async || {
            Ok((said(scene, "waits for the end of the run").await? == 1).then_some(()))
        })
        .await?;
        scene.phase("app", "WaitingPromotion", Duration::from_secs(1)).await?;
        hooks.answer("/confirm-promotion", Answer::approve());
        wait_for("two promotions", PATIENCE * 2, async || {
            let seen = scene.objects().canary("app").await?;
            let over = seen.is_some_and(|seen| seen.phase() == "Succeeded");
            Ok((over && scene.reachable("app", SOON).await? == "v3").then_some(()))
        })
        .await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        let third = report.first_seen("v3").context("v3 is seen")?;
        let second = report.all_on_before("v2", third);
        assert!(second.is_some(), "v3 was seen before v2 had everybody");
        scene
            .kubectl(&["delete", "canarypolicy", &namespace])
            .await?
            .succeeded()?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_run_stands_still_without_a_word_and_goes_on() {
    play("suspended", async |scene| {
        let app = App::new("app", "v1");
        settled(scene, &app, &analysis(&[])).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        wait_for("traffic", SOON, async || {
            let seen = scene.objects().canary("app").await?;
            Ok(seen.filter(|seen| seen.weight() == 20))
        })
        .await?;
        let suspend = |on: bool| json!({"spec": {"suspend": on}}).to_string();
        scene
            .kubectl(&["patch", "canary", "app", "--type=merge", "-p", &suspend(true)])
            .await?
            .succeeded()?;
        // What was under way when it was suspended comes to its end.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let stood = scene.objects().canary("app").await?.unwrap();
        let (events, version) = (scene.objects().told("app").await?, &stood.0["status"]["run"]);
        tokio::time::sleep(Duration::from_secs(8)).await;
        let still = scene.objects().canary("app").await?.unwrap();
        assert_eq!(
            (&still.0["status"]["run"], &scene.objects().told("app").await?),
            (version, &events)
        );
        scene
            .kubectl(&["patch", "canary", "app", "--type=merge", "-p", &suspend(false)])
            .await?
            .succeeded()?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        running.stop().await?.nothing_lost()?;
        assert_eq!(said(scene, "New revision detected! Scaling up").await?, 1);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_happen_and_no_user_meets_the_revision_until_it_is_over() {
    play("rehearsal", async |scene| {
        let hooks = scene.hooks().await?;
        let app = App::new("app", "v1");
        settled(scene, &app, &analysis(&[hook(&hooks, "rollout")])).await?;
        annotate(scene, "coalmine.dev/dry-run=true").await?;
        let before = scene.objects().deployments().get("app-primary").await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        let called = hooks.called("/rollout", 2, Duration::from_secs(40)).await?;
        assert_eq!(called[0].body["canaryWeight"], 0);
        let over = scene.phase("app", "Waiting", PATIENCE).await?;
        assert_eq!(
            (over.weight(), over.condition("Promoted").unwrap()["status"].as_str()),
            (0, Some("Unknown"))
        );
        let message = over.condition("Promoted").unwrap()["message"].to_string();
        assert!(message.contains("Dry run"), "{message}");
        assert_eq!(said(scene, "Dry run: Advance app").await?, 2);
        assert_eq!(said(scene, "would be promoted").await?, 1);
        wait_for("the canary's pods to go", SOON, async || {
            Ok(scene.objects().pods_of("app").await?.is_empty().then_some(()))
        })
        .await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        assert_eq!(report.first_seen("v2"), None, "no user met it");
        let after = scene.objects().deployments().get("app-primary").await?;
        assert_eq!(before.metadata.generation, after.metadata.generation);

        annotate(scene, "coalmine.dev/dry-run-").await?;
        scene.phase("app", "Progressing", SOON).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        assert_eq!(scene.reachable("app", SOON).await?, "v2");
        Ok(())
    })
    .await;
}
