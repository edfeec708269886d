//! A webhook configuration that somebody deletes stays away, and comes back when it is wanted.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Stage, residue};
use crate::scene::{App, SYSTEM, Scene, wait_for};

const SOON: Duration = Duration::from_secs(60);

pub async fn pulled(stage: &Stage) -> Result<()> {
    stage.installed().await?;
    let scene = Scene::open("un-brake").await?;
    scene.label().await?;
    let kind = "validatingwebhookconfiguration";
    scene.kubectl(&["delete", kind, "coalmine"]).await?.succeeded()?;
    let map = [
        "--namespace",
        SYSTEM,
        "get",
        "configmap",
        "coalmine-brake",
        "-o",
        "jsonpath={.data.validating}",
    ];
    wait_for("the brake to be noted", SOON, async || {
        let until = scene.kubectl(&map).await?.succeeded()?.out;
        Ok((!until.is_empty()).then_some(()))
    })
    .await?;
    let told = [
        "--namespace",
        SYSTEM,
        "get",
        "events",
        "-o",
        "jsonpath={.items[*].message}",
    ];
    wait_for("the brake to be said in an event", SOON, async || {
        let said = scene.kubectl(&told).await?.succeeded()?.out;
        Ok(said.contains("taken as an emergency brake").then_some(()))
    })
    .await?;
    // A restart heeds it as well, and the app is released without the webhook.
    let restart = [
        "--namespace",
        SYSTEM,
        "rollout",
        "restart",
        "deployment/coalmine-webhook",
    ];
    scene.kubectl(&restart).await?.succeeded()?;
    let status = [
        "--namespace",
        SYSTEM,
        "rollout",
        "status",
        "deployment/coalmine-webhook",
        "--timeout=120s",
    ];
    scene.kubectl(&status).await?.succeeded()?;
    let app = App::new("app", "v1");
    scene
        .apply(&app.with_service_and_route(&scene.host("app")))
        .await?
        .succeeded()?;
    scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
    let there = residue::configurations(&scene).await?;
    ensure!(!there.contains(kind), "it came back by itself: {there}");
    let release = ["--namespace", SYSTEM, "delete", "configmap", "coalmine-brake"];
    scene.kubectl(&release).await?.succeeded()?;
    wait_for("the webhook configuration to be back", SOON, async || {
        Ok(residue::configurations(&scene).await?.contains(kind).then_some(()))
    })
    .await?;
    // An edit is no brake.
    let edit = ["label", kind, "coalmine", "app.kubernetes.io/name=other", "--overwrite"];
    scene.kubectl(&edit).await?.succeeded()?;
    wait_for("the edit to be put back", SOON, async || {
        Ok(residue::configurations(&scene).await?.contains(kind).then_some(()))
    })
    .await?;
    residue::namespace_goes(&scene).await
}
