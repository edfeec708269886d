//! How people steer a release: annotations, suspension, a queue of revisions, dry runs.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::scene::{Answer, App, Mirror, Scene, play, wait_for};
use serde_json::{Value, json};

use crate::gates::{analysis, hook};
use crate::policy::PATIENCE;

const SOON: Duration = Duration::from_secs(120);
/// Spacing of the checks of the run that is suspended: time to suspend it at its first weight.
const INTERVAL: Duration = Duration::from_secs(5);

async fn annotate(scene: &Scene, annotation: &str) -> Result<()> {
    scene
        .kubectl(&["annotate", "canary", "app", annotation])
        .await?
        .succeeded()?;
    Ok(())
}

async fn no_annotations_left(scene: &Scene) -> Result<()> {
    wait_for("the annotations to be consumed", Duration::from_secs(60), async || {
        let seen = scene.objects().canary("app").await?.context("the canary")?.0;
        // kubectl's own annotation quotes the whole Canary, so only keys tell.
        let mut annotations = seen["metadata"]["annotations"].as_object().into_iter().flatten();
        let left = annotations.any(|(key, _)| key.starts_with("flagger.app/"));
        ensure!(!left, "{}", seen["metadata"]["annotations"]);
        Ok(Some(()))
    })
    .await
}

/// A suspended run and what was said of it, once both have been the same for longer than an interval: what was under way comes
/// to its end.
async fn standing(scene: &Scene) -> Result<(Value, Vec<String>)> {
    let look = async || {
        let canary = scene.objects().canary("app").await?.context("the canary")?;
        ensure!(canary.phase() == "Progressing", "it is {}", canary.phase());
        anyhow::Ok((canary.0["status"]["run"].clone(), scene.objects().told("app").await?))
    };
    wait_for("the run to stand", Duration::from_secs(40), async || {
        let before = look().await?;
        tokio::time::sleep(INTERVAL + Duration::from_secs(1)).await;
        let after = look().await?;
        Ok((before == after).then_some(after))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_revision_is_analysed_again_or_promoted_as_its_annotation_asks() {
    play("annotations", async |scene| {
        let hooks = scene.hooks().await?;
        let app = App::new("app", "v1");
        scene.settled_under(&app, &analysis(&[hook(&hooks, "rollout")])).await?;
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
        scene
            .told_times("app", "Canary analysis was skipped for app", 1)
            .await?;
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
        scene
            .settled_under(&app, &analysis(&[hook(&hooks, "confirm-promotion")]))
            .await?;
        let running = scene.load("app")?.start()?;
        hooks.answer("/confirm-promotion", Answer::halt());
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "WaitingPromotion", PATIENCE).await?;
        scene.apply(&app.at("v3").manifest()).await?.succeeded()?;
        scene.told_times("app", "waits for the end of the run", 1).await?;
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
        let mut slow = analysis(&[]);
        slow["interval"] = json!(format!("{}s", INTERVAL.as_secs()));
        scene.settled_under(&app, &slow).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        let traffic = |seen: &Mirror| seen.canary("app").filter(|canary| canary.weight() == 20);
        scene.mirror().until("traffic", SOON, traffic).await?;
        let suspend = |on: bool| json!({"spec": {"suspend": on}}).to_string();
        scene
            .kubectl(&["patch", "canary", "app", "--type=merge", "-p", &suspend(true)])
            .await?
            .succeeded()?;
        let (run, events) = standing(scene).await?;
        tokio::time::sleep(Duration::from_secs(8)).await;
        let still = scene.objects().canary("app").await?.unwrap();
        assert_eq!(
            (&still.0["status"]["run"], &scene.objects().told("app").await?),
            (&run, &events)
        );
        scene
            .kubectl(&["patch", "canary", "app", "--type=merge", "-p", &suspend(false)])
            .await?
            .succeeded()?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        running.stop().await?.nothing_lost()?;
        scene.told_times("app", "New revision detected! Scaling up", 1).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_happen_and_no_user_meets_the_revision_until_it_is_over() {
    play("dry-run-release", async |scene| {
        let hooks = scene.hooks().await?;
        let app = App::new("app", "v1");
        scene.settled_under(&app, &analysis(&[hook(&hooks, "rollout")])).await?;
        annotate(scene, "coalmine.dev/dry-run=true").await?;
        let before = scene.objects().deployments().get("app-primary").await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        let called = hooks.called("/rollout", 2, SOON).await?;
        assert_eq!(called[0].body["canaryWeight"], 0);
        let over = scene.phase("app", "Waiting", PATIENCE).await?;
        assert_eq!(
            (over.weight(), over.condition("Promoted").unwrap()["status"].as_str()),
            (0, Some("Unknown"))
        );
        let message = over.condition("Promoted").unwrap()["message"].to_string();
        assert!(message.contains("Dry run"), "{message}");
        scene.told_times("app", "Dry run: Advance app", 2).await?;
        scene.told_times("app", "would be promoted", 1).await?;
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
