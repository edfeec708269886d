//! An A/B test by a header and by a cookie: who has one of them is on the new version, and nobody else is.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::load::{Load, Report, until_reachable};
use e2e::scene::invariants::nothing_lost;
use e2e::scene::quick::{SOON, ab_test, held_in_test, let_go, promoted, shows};
use e2e::scene::{App, Hooks, Scene, wait_for};
use serde_json::json;

use crate::plane::Plane;
use crate::released::analysis;

/// As long as a kind of users is looked at: 1,000 requests.
const LOOK: Duration = Duration::from_secs(10);
/// A header that is meant.
const HEADER: (&str, &str) = ("x-canary", "yes");
/// A cookie that is meant, and one of the same name that is not.
const COOKIES: [&str; 2] = ["canary=always; theme=dark", "canary=never; theme=dark"];

/// Not one request is where it should not be.
pub async fn by_what_they_send(plane: Plane, scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("tested", "v1");
    let by_header = json!({"headers": {(HEADER.0): {"exact": HEADER.1}}});
    let by_cookie = plane.by_cookie().map(|cookie| json!({"headers": {"cookie": cookie}}));
    let entries: Vec<_> = [by_header].into_iter().chain(by_cookie).collect();
    let settings = ab_test(analysis(hooks), 2, &json!(entries));
    plane.at_rest(scene, &app, &settings).await?;
    let others = plane.load(scene, app.name())?.start()?;
    held_in_test(scene, &app.at("v2"), hooks).await?;
    let load = plane.load(scene, app.name())?;
    let matching = load.clone().header(HEADER.0, HEADER.1);
    sees_the_new_one(&matching).await?;
    shows().await;
    let from = Instant::now();
    let matching = looked_at(matching).await?;
    let until = Instant::now();
    if plane.by_cookie().is_some() {
        tells_cookies_apart(plane, &load).await?;
    }
    let_go(&app, hooks);
    promoted(scene, &app.at("v2")).await?;
    let others = others.stop().await?;
    nothing_lost(&others)?;
    let (on_it, strayed) = (on_the_new_one(&matching), others.share_of("v2", from, until));
    let (matched, asked) = (matching.requests(), others.since(from).before(until).requests());
    println!("{plane:?}: header: {on_it} of {matched} who match saw v2, {strayed} % of {asked} others");
    ensure!(
        on_it == matched && strayed == 0.0,
        "{on_it} of {matched} who match saw v2, and {strayed:.1} % of the others"
    );
    Ok(())
}

/// The cookie is meant with one value, and with no other.
async fn tells_cookies_apart(plane: Plane, load: &Load) -> Result<()> {
    let [meant, other] = COOKIES.map(|cookie| load.clone().header("cookie", cookie));
    sees_the_new_one(&meant).await?;
    shows().await;
    let (meant, other) = tokio::try_join!(looked_at(meant), looked_at(other))?;
    let (on_it, strayed) = (on_the_new_one(&meant), on_the_new_one(&other));
    let (matched, asked) = (meant.requests(), other.requests());
    println!("{plane:?}: cookie: {on_it} of {matched}; {strayed} of {asked}");
    ensure!(
        on_it == matched && strayed == 0,
        "{on_it} of {matched} with the cookie saw v2, and {strayed} of {asked} with another value of it"
    );
    Ok(())
}

async fn sees_the_new_one(load: &Load) -> Result<()> {
    wait_for("who matches to see v2", SOON, async || {
        Ok((until_reachable(load, SOON).await? == "v2").then_some(()))
    })
    .await
}

/// What users of a kind meet.
async fn looked_at(load: Load) -> Result<Report> {
    let running = load.start()?;
    tokio::time::sleep(LOOK).await;
    let report = running.stop().await?;
    nothing_lost(&report)?;
    Ok(report)
}

fn on_the_new_one(report: &Report) -> usize {
    let met = |version: Option<&str>| version == Some("v2");
    report.records().iter().filter(|record| met(record.version())).count()
}
