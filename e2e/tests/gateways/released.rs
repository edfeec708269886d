//! A good release and a bad one while 200 requests a second come.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::load::{Load, Report};
use e2e::scene::invariants::{exits, nothing_lost};
use e2e::scene::quick::{self, GATE, SOON, VERDICT, apply, let_go, shows, target_held_at};
use e2e::scene::{Answer, App, Hooks, Scene};
use serde_json::{Value, json};

use crate::convergence::{self, Followed};
use crate::plane::Plane;

/// As long as a share is looked at, and how often it is asked for.
const LOOK: Duration = Duration::from_secs(25);
const RATE: u32 = 200;
/// At least so much of what is sent says what a share is: a few may come late.
const ENOUGH: f64 = 0.98;
/// The canary's one weight, in percent.
pub const SHARE: u64 = 25;
/// Points by which what users saw may differ from the share. Those of 5,000 that are drawn one by one differ by 0.6.
const POINTS: f64 = 3.0;

/// One step, whose end the scene decides; long enough to be told apart from what comes before.
pub fn analysis(hooks: &Hooks) -> Value {
    let mut analysis = quick::analysis(hooks);
    analysis["interval"] = json!("4s");
    analysis["stepWeights"] = json!([SHARE]);
    analysis
}

/// Both lose no request, users meet the canary in its share, and follow a weight soon.
pub async fn good_and_bad(plane: Plane, scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("web", "v1");
    plane.at_rest(scene, &app, &analysis(hooks)).await?;
    let load = often(plane, scene, app.name())?;
    let (running, followed) = (load.start()?, Followed::begin(plane, scene, app.name()));
    let next = app.at("v2");
    target_held_at(scene, next.name(), plane.target(&next), hooks, SHARE).await?;
    let looked = looked().await;
    let_go(&app, hooks);
    plane.promoted(scene, &next).await?;
    bad(plane, scene, &app.at("v3").with("ERROR_RATE", "1"), hooks).await?;
    let (weights, report) = (followed.stop().await?, running.stop().await?);
    nothing_lost(&report)?;
    ensure!(report.errors_of("v3") > 0, "nobody met v3: {:?}", report.versions());
    println!("{plane:?}: {} requests, {} lost", report.requests(), report.lost());
    saw(plane, &report, "v2", SHARE as f64, looked)?;
    let given = convergence::given(&weights, SHARE, &report, "v2")?;
    convergence::told(plane, given, convergence::taken(&weights, &report, "v3")?)
}

/// The load by which shares are looked at.
pub fn often(plane: Plane, scene: &Scene, app: &str) -> Result<Load> {
    Ok(Load {
        rate: RATE,
        ..plane.load(scene, app)?
    })
}

/// Looks at a share that has just been written: from when, and until when.
pub async fn looked() -> (Instant, Instant) {
    shows().await;
    let from = Instant::now();
    tokio::time::sleep(LOOK).await;
    (from, Instant::now())
}

/// It is given its share, and fails at its next check.
async fn bad(plane: Plane, scene: &Scene, next: &App, hooks: &Hooks) -> Result<()> {
    hooks.answer_to(next.name(), GATE, Answer::halt());
    apply(scene, &[plane.target(next)]).await?;
    plane.gives(scene, next.name(), SHARE).await?;
    hooks.answer_to(next.name(), VERDICT, Answer::halt());
    scene.phase(next.name(), "Failed", SOON).await?;
    exits(scene, next.name(), SOON).await?;
    shows().await;
    Ok(())
}

/// In that time so many percent of the users met a version, within the points.
pub fn saw(plane: Plane, report: &Report, version: &str, wanted: f64, looked: (Instant, Instant)) -> Result<()> {
    let (from, until) = looked;
    let asked = report.since(from).before(until).requests();
    let sent = until.saturating_duration_since(from).as_secs_f64() * f64::from(RATE);
    ensure!(
        asked as f64 >= sent * ENOUGH,
        "only {asked} requests were sent while the share was looked at"
    );
    let share = report.share_of(version, from, until);
    println!("{plane:?}: {wanted} % asked for, {share:.1} % of {asked} requests saw {version}");
    ensure!(
        (share - wanted).abs() <= POINTS,
        "{share:.1} % saw {version}, not {wanted} %"
    );
    Ok(())
}
