//! An A/B test by a header: who has it is on the new version, and nobody else is.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::load::until_reachable;
use e2e::scene::invariants::nothing_lost;
use e2e::scene::quick::{GATE, SOON, apply, let_go, promoted, shows};
use e2e::scene::{Answer, App, Hooks, Scene, wait_for};
use serde_json::json;

use crate::plane::Plane;
use crate::released::analysis;

/// As long as both kinds of users are looked at: 1,000 requests of each.
const LOOK: Duration = Duration::from_secs(10);

/// Not one request is where it should not be.
pub async fn by_a_header(plane: Plane, scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("tested", "v1");
    let mut settings = analysis(hooks);
    settings["iterations"] = json!(2);
    settings["match"] = json!([{"headers": {"x-canary": {"exact": "yes"}}}]);
    if let Some(members) = settings.as_object_mut() {
        members.remove("stepWeights");
    }
    plane.at_rest(scene, &app, &settings).await?;
    let others = plane.load(scene, app.name())?.start()?;
    hooks.answer_to(app.name(), GATE, Answer::halt());
    apply(scene, &[app.at("v2").deployment()]).await?;
    scene.phase(app.name(), "WaitingPromotion", SOON).await?;
    let matching = plane.load(scene, app.name())?.header("x-canary", "yes");
    wait_for("who matches to see v2", SOON, async || {
        Ok((until_reachable(&matching, SOON).await? == "v2").then_some(()))
    })
    .await?;
    shows().await;
    let from = Instant::now();
    let matching = matching.start()?;
    tokio::time::sleep(LOOK).await;
    let until = Instant::now();
    let matching = matching.stop().await?;
    let_go(&app, hooks);
    promoted(scene, &app.at("v2")).await?;
    let others = others.stop().await?;
    nothing_lost(&matching)?;
    nothing_lost(&others)?;
    let (seen, strayed) = (matching.share_of("v2", from, until), others.share_of("v2", from, until));
    let asked = others.since(from).before(until).requests();
    println!(
        "{plane:?}: {seen} % of {} who match saw v2, {strayed} % of {asked} others",
        matching.requests()
    );
    ensure!(
        seen == 100.0 && strayed == 0.0,
        "{seen:.1} % who match saw v2, and {strayed:.1} % of the others"
    );
    Ok(())
}
