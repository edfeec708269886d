//! `stepWeightPromotion`: once primary runs the verified revision, it gets its traffic back in steps.

use std::time::Duration;

use anyhow::Context as _;
use e2e::scene::{App, CanaryView, play};
use serde_json::{Value, json};

use crate::policy::PATIENCE;
use crate::shares::count;

/// How far a share may be from what was asked for, in points.
const POINTS: f64 = 8.0;

#[tokio::test(flavor = "multi_thread")]
async fn primary_gets_its_traffic_back_in_steps() {
    play("promotion-steps", async |scene| {
        let app = App::new("app", "v1");
        // Long enough to count each share, however busy the machine is.
        let analysis = json!({"interval": "12s", "threshold": 2, "stepWeights": [50], "stepWeightPromotion": 30});
        let host = scene.host("app");
        scene.label().await?;
        scene
            .apply(&app.canary(&host, &analysis, 60).to_string())
            .await?
            .succeeded()?;
        scene.apply(&app.manifest()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        let counted = count(scene, [("app-primary", &host), ("app", &host)], on_the_way_back).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        println!("{} requests, 0 lost", report.requests());
        for share in [70, 40, 10] {
            let counts = counted
                .get(&share)
                .with_context(|| format!("no share of {share} in {counted:?}"))?;
            counts.are(share, POINTS, |[primary, canary]| primary + canary)?;
        }
        for weight in [30, 60, 90] {
            let line = format!("Advance app.{} primary weight {weight}", scene.namespace);
            scene.told("app", &line, |said| said == line).await?;
        }
        Ok(())
    })
    .await;
}

/// The canary's share while traffic goes back.
fn on_the_way_back(canary: &CanaryView, route: &Value) -> Option<u64> {
    let returning = canary.0["status"]["run"]["stage"] == "Returning";
    let backends = route.pointer("/spec/rules/0/backendRefs")?.as_array()?;
    let ours = backends.iter().find(|backend| backend["name"] == "app-canary")?;
    ours["weight"].as_u64().filter(|_| returning)
}
