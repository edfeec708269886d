//! Sessions: who was given a cookie is on that side alone, everybody else is drawn by lot, and a cookie of a run that is over keeps
//! nobody on a version that is gone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::load::{Load, Report, Running};
use e2e::scene::invariants::{exits, nothing_lost, serves_only_verified};
use e2e::scene::quick::{GATE, SOON, VERDICT, apply, let_go, shows, target_held_at};
use e2e::scene::sessions::{by_user, cookies, since_first, users_told};
use e2e::scene::{Answer, App, Hooks, Scene};
use serde_json::json;

use crate::plane::Plane;
use crate::released::{SHARE, analysis, often, saw};

const APP: &str = "kept";
/// Of who saw the canary, and of who saw primary.
const CANARYS: &str = "kept-canary";
const PRIMARYS: &str = "kept-stable";
/// How long the first holds, in seconds. The second holds for an interval.
const AGE: u32 = 600;
const INTERVAL: u32 = 4;
/// As long as everybody is looked at: those of 3,000 requests that are drawn one by one differ by 0.8 points.
const LOOK: Duration = Duration::from_secs(15);
/// How often somebody with a cookie asks.
const HOLDING: u32 = 40;
/// At least so many requests are asked with it meanwhile.
const ENOUGH: usize = 500;
/// Browsers that meet the release that fails.
const USERS: u32 = 40;

/// The lines that tell a browser to keep a cookie of each side, and to forget one.
fn kept(cookie: &str) -> String {
    format!("{cookie}; Max-Age={AGE}")
}

fn stays(cookie: &str) -> String {
    format!("{cookie}; Max-Age={INTERVAL}")
}

fn forgotten(cookie: &str) -> String {
    format!("{cookie}; Max-Age=-1")
}

/// Through a release that is promoted, and one that fails.
pub async fn kept_while_it_lasts(plane: Plane, scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new(APP, "v1");
    let mut settings = analysis(hooks);
    settings["interval"] = json!(format!("{INTERVAL}s"));
    settings["sessionAffinity"] = json!({"cookieName": CANARYS, "primaryCookieName": PRIMARYS, "maxAge": AGE});
    plane.at_rest(scene, &app, &settings).await?;
    let others = often(plane, scene, APP)?.start()?;
    promoted(plane, scene, hooks, &app.at("v2"), others).await?;
    rolled_back(plane, scene, hooks, &app.at("v3")).await
}

/// Everybody who has a cookie of the run is on its side, and who has that of the canary also when it is promoted.
async fn promoted(plane: Plane, scene: &Scene, hooks: &Hooks, next: &App, others: Running) -> Result<()> {
    target_held_at(scene, APP, plane.target(next), hooks, SHARE).await?;
    shows().await;
    let drawn = of_a_second(plane.load(scene, APP)?).await?;
    let (canarys, primarys) = (given(&drawn, "v2", CANARYS)?, given(&drawn, "v1", PRIMARYS)?);
    let (run, _) = cookies(scene, APP).await?;
    ensure!(run.as_deref() == Some(&*canarys), "{canarys} was given, not {run:?}");
    let holding = holder(plane, scene, &canarys)?.start()?;
    let staying = holder(plane, scene, &primarys)?.start()?;
    let from = Instant::now();
    tokio::time::sleep(LOOK).await;
    let until = Instant::now();
    let staying = staying.stop().await?;
    let_go(next, hooks);
    plane.promoted(scene, next).await?;
    shows().await;
    let (holding, others) = (holding.stop().await?, others.stop().await?);
    [&holding, &staying, &others].into_iter().try_for_each(nothing_lost)?;

    saw(plane, &others, "v2", SHARE as f64, (from, until))?;
    let drawn = others.since(from).before(until);
    let held = holding.since(from).before(until);
    let (on_canary, on_primary) = (on(&held, "v2"), on(&staying, "v1"));
    println!(
        "{plane:?}: sessions: {on_canary} of {} with the canary's cookie saw v2, {on_primary} of {} with primary's saw v1, {:.1} % \
         of {} with neither saw v2",
        held.requests(),
        staying.requests(),
        drawn.share_of("v2", from, until),
        drawn.requests()
    );
    ensure!(
        held.requests() >= ENOUGH && staying.requests() >= ENOUGH,
        "too few requests with a cookie"
    );
    // Also when everybody is on the canary, and when the canary is gone.
    serves_only_verified(&holding, &["v2"])?;
    serves_only_verified(&staying, &["v1"])?;
    let wanted = BTreeMap::from([(kept(&canarys), on(&drawn, "v2")), (stays(&primarys), on(&drawn, "v1"))]);
    let lines = drawn.set_cookies();
    ensure!(lines == wanted, "{lines:?} were set, not {wanted:?}");
    let forget = forgotten(&canarys);
    ensure!(holding.set_cookies().contains_key(&forget), "nobody was told {forget}");
    ensure!(
        !others.set_cookies().contains_key(&forget),
        "who never had it was told {forget}"
    );
    Ok(())
}

/// Whom browsers' cookies keep on a release is off it when it has failed, and so is who holds on to the cookie.
async fn rolled_back(plane: Plane, scene: &Scene, hooks: &Hooks, next: &App) -> Result<()> {
    let users = plane.load(scene, APP)?.users(USERS).start()?;
    hooks.answer_to(APP, GATE, Answer::halt());
    apply(scene, &[plane.target(next)]).await?;
    scene.at_weight(APP, SHARE, SOON).await?;
    hooks.answer_to(APP, VERDICT, Answer::halt());
    scene.phase(APP, "Failed", SOON).await?;
    exits(scene, APP, SOON).await?;
    shows().await;
    let over = Instant::now();
    let (run, previous) = cookies(scene, APP).await?;
    ensure!(run.is_none(), "{run:?} is a cookie of no run");
    let cookie = previous.context("the cookie of the run before")?;
    let late = holder(plane, scene, &cookie)?.start()?;
    shows().await;
    let (users, late) = (users.stop().await?, late.stop().await?);
    [&users, &late].into_iter().try_for_each(nothing_lost)?;

    let (keep, forget) = (
        users_told(&users, &kept(&cookie)),
        users_told(&users, &forgotten(&cookie)),
    );
    println!(
        "{plane:?}: sessions: {} of {USERS} users were kept on v3 until it failed, {} of them told to forget it; {} of {} with its \
         cookie saw it afterwards",
        keep.len(),
        keep.intersection(&forget).count(),
        on(&late, "v3"),
        late.requests()
    );
    ensure!(!keep.is_empty(), "nobody met v3: {:?}", users.versions());
    ensure!(keep == forget, "{keep:?} were told to keep it, {forget:?} to forget it");
    for asked in by_user(&users).values() {
        let seen = since_first(asked, |one| one.version() == Some("v3"));
        let back = seen.iter().skip_while(|version| **version == "v3");
        ensure!(
            back.clone().all(|version| *version == "v2"),
            "went to and fro: {seen:?}"
        );
    }
    serves_only_verified(&users.since(over), &["v2"])?;
    serves_only_verified(&late, &["v2"])
}

/// Somebody who sends that cookie among others, whatever is answered.
fn holder(plane: Plane, scene: &Scene, cookie: &str) -> Result<Load> {
    let load = plane
        .load(scene, APP)?
        .header("cookie", &format!("theme=dark; {cookie}"));
    Ok(Load { rate: HOLDING, ..load })
}

async fn of_a_second(load: Load) -> Result<Report> {
    let running = load.start()?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.stop().await
}

/// The cookie of that name which answers of a version give, as it is sent back.
fn given(report: &Report, version: &str, name: &str) -> Result<String> {
    let begin = format!("{name}=");
    let own = report.records().iter().filter(|one| one.version() == Some(version));
    let mut lines = own.flat_map(|one| &one.set_cookies);
    let line = lines.find(|line| line.starts_with(&begin));
    let cookie = line.and_then(|line| line.split(';').next());
    cookie.map(str::to_owned).with_context(|| {
        let (seen, lines) = (report.versions(), report.set_cookies());
        format!("{version} gives no {name}: {seen:?}, {lines:?}")
    })
}

fn on(report: &Report, version: &str) -> usize {
    let own = |one: Option<&str>| one == Some(version);
    report.records().iter().filter(|one| own(one.version())).count()
}
