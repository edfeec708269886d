//! Mirroring through a gateway that can copy requests: Envoy, led by Istio's pilot. What the copies were and that nobody
//! was answered by the new version is counted in the pods.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::cluster::MESH_GATEWAY_NAME;
use e2e::load::until_reachable;
use e2e::scene::templates::success_rate;
use e2e::scene::{App, Scene, play};
use serde_json::{Value, json};

use crate::policy::PATIENCE;
use crate::shares::{Counts, count, mirrored};

/// How far the copied share may be from what was asked for, in points.
const POINTS: f64 = 6.0;
/// Envoy draws for each request: a thousand of them in an interval have a standard deviation of at most 1.6 points.
const INTERVAL: &str = "12s";

/// Copies are measured by the requests that primary answered.
fn answered([answered, _]: [u64; 2]) -> u64 {
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn blue_green_with_copies_in_rising_shares_shows_nobody_the_new_version_before_its_time() {
    play("copies-rising", async |scene| {
        let analysis = json!({"interval": INTERVAL, "threshold": 2, "iterations": 3, "mirror": true});
        let (app, mut canary) = through_mesh(scene, &analysis);
        canary["spec"]["canaryAnalysis"] = json!({"stepWeightPromotion": 20, "maxMirrorWeight": 60});
        at_rest_behind_the_mesh(scene, &app, &canary).await?;
        let running = scene.mesh_load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        let counted = copied(scene).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        println!("{} requests, 0 lost", report.requests());
        for share in [20, 40, 60] {
            let copies = counted
                .get(&share)
                .with_context(|| format!("no share of {share} in {counted:?}"))?;
            copies.are(share, POINTS, answered)?;
        }
        ensure!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weighted_release_is_first_checked_with_copies() {
    play("copies-weighted", async |scene| {
        let analysis = json!({
            "interval": INTERVAL, "threshold": 2, "stepWeights": [30, 60], "mirror": true, "mirrorWeight": 50,
        });
        let (app, canary) = through_mesh(scene, &analysis);
        at_rest_behind_the_mesh(scene, &app, &canary).await?;
        let running = scene.mesh_load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        let counted = copied(scene).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        println!("{} requests, 0 lost", report.requests());
        let copies = counted.get(&50).context("no copies before the first weight")?;
        copies.are(50, POINTS, answered)?;
        ensure!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_on_copies_is_rolled_back_before_any_user_met_it() {
    play("copies-bad", async |scene| {
        let probe = json!({
            "name": "copies", "templateRef": {"name": "copies"}, "thresholdRange": {"min": 99}, "interval": "4s",
        });
        let analysis = json!({
            "interval": "4s", "threshold": 2, "iterations": 5, "mirror": true, "metrics": [probe],
        });
        let (app, canary) = through_mesh(scene, &analysis);
        let template = success_rate(scene, "copies", "app");
        scene.apply(&template.to_string()).await?.succeeded()?;
        at_rest_behind_the_mesh(scene, &app, &canary).await?;
        let running = scene.mesh_load("app")?.start()?;
        let failing = app.at("v2").with("ERROR_RATE", "0.5");
        scene.apply(&failing.manifest()).await?.succeeded()?;
        scene.phase("app", "Failed", PATIENCE).await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        println!("{} requests, 0 lost, {:?}", report.requests(), report.versions());
        ensure!(
            report.first_seen("v2").is_none(),
            "a user met v2: {:?}",
            report.versions()
        );
        let judged = "advancement copies";
        scene.told("app", judged, |said| said.contains(judged)).await?;
        Ok(())
    })
    .await;
}

fn through_mesh(scene: &Scene, analysis: &Value) -> (App, Value) {
    let app = App::new("app", "v1");
    let mut canary = app.canary(&scene.host("app"), analysis, 60);
    canary["spec"]["service"]["gatewayRefs"] = json!([{"name": MESH_GATEWAY_NAME, "namespace": "gateway-system"}]);
    (app, canary)
}

async fn at_rest_behind_the_mesh(scene: &Scene, app: &App, canary: &Value) -> Result<()> {
    scene.mesh_gateway().await?;
    scene.paired(app, canary).await?;
    until_reachable(&scene.mesh_load("app")?, Duration::from_secs(60)).await?;
    Ok(())
}

/// What primary was asked and what the canary got copies of, by the share that the route asked for.
async fn copied(scene: &Scene) -> Result<BTreeMap<u64, Counts>> {
    let (host, shadow) = (scene.host("app"), format!("{}-shadow", scene.host("app")));
    let sides = [("app-primary", host.as_str()), ("app", shadow.as_str())];
    count(scene, sides, |_, route| mirrored(route)).await
}
