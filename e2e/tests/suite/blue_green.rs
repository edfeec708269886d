//! Blue/green: the new version is checked without a user, then everybody is on it at once.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::load::{Load, Report, until_reachable};
use e2e::scene::{App, CanaryView, Scene, play};
use serde_json::{Value, json};

use crate::policy::PATIENCE;

/// Less than from one check to the next: by then a share that rises would not be everybody's.
const AT_ONCE: Duration = Duration::from_millis(3500);

fn analysis() -> Value {
    json!({"interval": "4s", "threshold": 2, "iterations": 2})
}

/// Follows the run to its end: what the canary's pods were asked while they were checked without users.
async fn asked_while_checked(scene: &Scene) -> Result<u64> {
    let objects = scene.objects();
    let began = Instant::now();
    let mut most = 0;
    loop {
        let canary = objects.canary("app").await?.context("the canary")?;
        if is_checked(&canary) {
            // A pod that has just gone cannot be asked; the next round sees the others.
            let asked = objects.received("app", &scene.host("app"), "/").await.unwrap_or(0);
            // Users may have come since the look before: what counts is what was asked until the look after.
            if objects.canary("app").await?.as_ref().is_some_and(is_checked) {
                most = most.max(asked);
            }
        }
        if matches!(canary.phase(), "Succeeded" | "Failed") {
            return Ok(most);
        }
        anyhow::ensure!(
            began.elapsed() < PATIENCE,
            "the run does not end: {}",
            canary.0["status"]
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Whether it is checked, without a user.
fn is_checked(canary: &CanaryView) -> bool {
    canary.stage() == "Analysing" && canary.weight() == 0
}

fn at_once(report: &Report) -> Result<()> {
    report.nothing_lost()?;
    let first = report.first_seen("v2").context("v2 is seen")?;
    let all = report.first_all_on("v2").context("everybody is on v2 at the end")?;
    let took = all.saturating_duration_since(first);
    println!(
        "{} requests, 0 lost; from the first user on v2 to all of them {took:?}",
        report.requests()
    );
    assert!(took < AT_ONCE, "the switch took {took:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_the_new_version_until_everybody_does() {
    play("blue-green", async |scene| {
        let app = App::new("app", "v1");
        scene.settled_under(&app, &analysis()).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        let asked = asked_while_checked(scene).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        at_once(&running.stop().await?)?;
        assert_eq!(asked, 0, "the canary was asked while it was checked");
        let of_run = |line: &str| format!("Advance app.{} canary iteration {line}", scene.namespace);
        for line in [of_run("1/2"), of_run("2/2"), "Routing all traffic to canary".to_owned()] {
            scene.told("app", &line, |said| said == line).await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_alone_is_switched_without_a_lost_connection() {
    play("blue-green-service", async |scene| {
        let app = App::new("app", "v1");
        let mut canary = app.canary(&scene.host("app"), &analysis(), 60);
        canary["spec"]["provider"] = json!("kubernetes");
        scene.paired(&app, &canary).await?;
        let load = Load {
            rate: 50,
            host: scene.host("app"),
            ..scene.service_load("app").await?
        };
        // Its rules reach the nodes a moment after its endpoints are known.
        until_reachable(&load, Duration::from_secs(60)).await?;
        let running = load.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        let asked = asked_while_checked(scene).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        at_once(&running.stop().await?)?;
        assert_eq!(asked, 0, "the canary was asked while it was checked");
        assert!(
            scene.objects().routes().get_opt("app").await?.is_none(),
            "a route was made"
        );
        Ok(())
    })
    .await;
}
