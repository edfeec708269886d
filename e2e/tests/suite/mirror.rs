//! Mirroring. Traefik, this cluster's gateway, has no RequestMirror filter and would answer 500 to every request of a rule
//! that has one: the webhook says so, and a Canary that was stored before anybody knew is analysed without a mirror.

use std::time::Duration;

use anyhow::Context as _;
use e2e::scene::{App, play};
use serde_json::json;

use crate::policy::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_cannot_copy_requests_is_named_and_loses_none() {
    play("mirror", async |scene| {
        let app = App::new("app", "v1");
        let host = scene.host("app");
        let analysis = json!({"interval": "4s", "threshold": 2, "iterations": 2, "mirror": true, "mirrorWeight": 50});
        let canary = app.canary(&host, &analysis, 60);
        scene.label().await?;
        // The first Canary here: no route has told yet whose gateway it is.
        scene.apply(&canary.to_string()).await?.succeeded()?;
        scene.apply(&app.manifest()).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let running = scene.load("app")?.start()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let report = running.stop().await?;
        report.nothing_lost()?;
        println!("{} requests, 0 lost, {:?}", report.requests(), report.versions());
        let why = "no RequestMirror filter";
        scene.told("app", why, |said| said.contains(why)).await?;

        // From now on the webhook knows.
        let mut other = canary.clone();
        other["metadata"]["name"] = json!("other");
        other["spec"]["targetRef"]["name"] = json!("other");
        let refused = scene.apply(&other.to_string()).await?.refused()?;
        let why = refused.err.lines().find(|line| line.contains("spec.analysis.mirror"));
        println!(
            "{}",
            why.with_context(|| format!("the mirror is not named: {}", refused.err))?
        );
        assert!(refused.err.contains("traefik.io/gateway-controller"), "{}", refused.err);
        Ok(())
    })
    .await;
}
