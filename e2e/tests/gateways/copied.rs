//! Copies of requests, counted in the pods, and that nobody is answered by the new version before its time.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::scene::invariants::nothing_lost;
use e2e::scene::policy::PATIENCE;
use e2e::scene::quick::shows;
use e2e::scene::shares::count_by;
use e2e::scene::{App, Scene};
use serde_json::json;

use crate::plane::Plane;

/// How many requests are copied, in percent.
const COPIED: u64 = 50;
/// How far the copied share may be from that, in points: Envoy draws for each request, a thousand or so in an interval.
const POINTS: f64 = 6.0;
/// As long as a release may take to begin.
const BEGUN: Duration = Duration::from_secs(90);

/// Half of the requests are copied while the canary is tried, and then everybody is on it.
pub async fn every_other(plane: Plane, scene: &Scene) -> Result<()> {
    let app = App::new("app", "v1");
    let analysis = json!({
        "interval": "12s", "threshold": 2, "iterations": 2, "mirror": true, "mirrorWeight": COPIED,
    });
    plane.at_rest(scene, &app, &analysis).await?;
    let running = plane.load(scene, app.name())?.start()?;
    scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
    scene.phase(app.name(), "Progressing", BEGUN).await?;
    // Envoy says by the name of the host that a request is a copy.
    let (host, shadow) = (scene.host(app.name()), format!("{}-shadow", scene.host(app.name())));
    let sides = [("app-primary", host.as_str()), ("app", shadow.as_str())];
    let counted = count_by(scene, &plane.routes(scene), sides, |_, route| plane.copied(route)).await?;
    scene.phase(app.name(), "Succeeded", PATIENCE).await?;
    shows().await;
    let report = running.stop().await?;
    nothing_lost(&report)?;
    println!("{plane:?}: {} requests beside copies, 0 lost", report.requests());
    let copies = counted
        .get(&COPIED)
        .with_context(|| format!("no copies of {COPIED} % in {counted:?}"))?;
    copies.are(COPIED, POINTS, |[answered, _]| answered)?;
    ensure!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
    Ok(())
}
