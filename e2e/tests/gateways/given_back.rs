//! A route of the author's own that leads to another Service as well: it is edited, moved and given back, and what of it is not the
//! app's stays as it was.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use e2e::load::{Load, until_reachable};
use e2e::scene::invariants::{nothing_lost, serves_only_verified};
use e2e::scene::quick::{SOON, apply, failed, held, left, let_go, promoted, shows};
use e2e::scene::{App, Hooks, Scene, fronts, wait_for};
use serde_json::Value;

use crate::plane::Plane;
use crate::released::{looked, often, saw};

/// No request is lost in any release, none when the app leaves, and none when it comes in again while it serves.
pub async fn untouched(plane: Plane, scene: &Scene, hooks: &Hooks) -> Result<()> {
    let (app, other) = (App::new("own", "v1"), App::new("other", "v0"));
    let (mine, foreign) = plane.shared(scene, app.name(), other.name())?;
    let items = [
        other.service(),
        other.pod(),
        app.service(),
        mine.clone(),
        app.deployment(),
    ];
    apply(scene, &items).await?;
    adopted(plane, scene, &app).await?;
    let past = Load {
        path: fronts::OTHERS_PATH.to_owned(),
        ..plane.load(scene, app.name())?
    };
    let (running, past) = (often(plane, scene, app.name())?.start()?, past.start()?);

    held(scene, &app.at("v2"), hooks).await?;
    is_foreign(plane, scene, &mine, foreign).await?;
    // Git says it again in mid-run.
    apply(scene, std::slice::from_ref(&mine)).await?;
    is_foreign(plane, scene, &mine, foreign).await?;
    let looked = looked().await;
    let_go(&app, hooks);
    promoted(scene, &app.at("v2")).await?;
    failed(scene, &app.at("v3").with("ERROR_RATE", "1"), hooks).await?;

    let leaving = Instant::now();
    scene.unlabel().await?;
    left(scene, app.name()).await?;
    wait_for("the route to be its author's again", SOON, async || {
        let spec = stored(plane, scene, &mine).await?;
        ensure!(spec == mine["spec"], "{spec}");
        Ok(Some(()))
    })
    .await?;
    shows().await;
    let entering = Instant::now();
    scene.label().await?;
    scene.phase(app.name(), "Initialized", SOON).await?;
    shows().await;
    let (report, past) = (running.stop().await?, past.stop().await?);
    println!(
        "{plane:?}: {} requests by the author's own route; {} lost in releases, {} when the app left, {} when it came in again",
        report.requests(),
        report.before(leaving).lost(),
        report.since(leaving).before(entering).lost(),
        report.since(entering).lost(),
    );
    nothing_lost(&report)?;
    nothing_lost(&past)?;
    serves_only_verified(&past, &[other.version()])?;
    // Of the app's three quarters each half has one half.
    [("v0", 25.0), ("v1", 37.5), ("v2", 37.5)]
        .into_iter()
        .try_for_each(|(version, wanted)| saw(plane, &report, version, wanted, looked))
}

/// The Canary that the policy makes is of the provider whose route there is, and the first version serves both ways.
async fn adopted(plane: Plane, scene: &Scene, app: &App) -> Result<()> {
    scene.phase(app.name(), "Initialized", SOON).await?;
    let canary = scene.objects().canary(app.name()).await?.context("the Canary")?;
    ensure!(canary.0["spec"]["provider"] == plane.provider(), "{}", canary.0["spec"]);
    let made = plane.routes(scene).get_opt(&plane.route(app.name())).await?;
    ensure!(made.is_none(), "one was made beside the author's");
    let load = plane.load(scene, app.name())?;
    wait_for("the app's part to be answered", SOON, async || {
        let version = until_reachable(&load, SOON).await?;
        Ok((version == app.version()).then_some(()))
    })
    .await
}

async fn stored(plane: Plane, scene: &Scene, mine: &Value) -> Result<Value> {
    let name = mine["metadata"]["name"].as_str().context("it has a name")?;
    Ok(plane.routes(scene).get(name).await?.data["spec"].clone())
}

/// What is nobody's to change is as it was written.
async fn is_foreign(plane: Plane, scene: &Scene, mine: &Value, foreign: &[&str]) -> Result<()> {
    let spec = stored(plane, scene, mine).await?;
    for at in foreign {
        ensure!(spec.pointer(at) == mine["spec"].pointer(at), "{at}: {spec}");
    }
    Ok(())
}
