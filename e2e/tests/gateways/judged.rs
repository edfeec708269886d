//! Releases that the data plane's own series decide, by the built-in metrics as Flagger words them.

use anyhow::{Result, ensure};
use e2e::scene::invariants::{exits, nothing_lost};
use e2e::scene::policy::PATIENCE;
use e2e::scene::quick::{SOON, apply, promoted};
use e2e::scene::{App, Scene};
use serde_json::{Value, json};

use crate::plane::Plane;

fn analysis() -> Value {
    json!({
        "interval": "5s", "threshold": 3, "stepWeights": [25], "metrics": [
            {"name": "request-success-rate", "interval": "15s", "thresholdRange": {"min": 99}},
            {"name": "request-duration", "interval": "15s", "thresholdRange": {"max": 5000}},
        ],
    })
}

/// A good one passes, so there are figures; and then a bad one fails.
pub async fn by_its_own_series(plane: Plane, scene: &Scene) -> Result<()> {
    let app = App::new("judged", "v1");
    plane.at_rest(scene, &app, &analysis()).await?;
    let running = plane.load(scene, app.name())?.start()?;
    apply(scene, &[app.at("v2").deployment()]).await?;
    promoted(scene, &app.at("v2")).await?;
    apply(scene, &[app.at("v3").with("ERROR_RATE", "1").deployment()]).await?;
    scene.phase(app.name(), "Failed", PATIENCE).await?;
    exits(scene, app.name(), SOON).await?;
    let report = running.stop().await?;
    nothing_lost(&report)?;
    ensure!(report.errors_of("v3") > 0, "nobody met v3: {:?}", report.versions());
    println!("{plane:?}: one release passed by its own series, and one failed by them");
    Ok(())
}
