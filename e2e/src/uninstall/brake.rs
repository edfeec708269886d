//! A webhook configuration that somebody deletes stays away, and comes back when it is wanted.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Stage, residue};
use crate::scene::{App, SYSTEM, Scene, wait_for};

const SOON: Duration = Duration::from_secs(60);
const KIND: &str = "validatingwebhookconfiguration";

pub async fn pulled(stage: &Stage) -> Result<()> {
    stage.installed().await?;
    let scene = Scene::open("un-brake").await?;
    scene.label().await?;
    scene.kubectl(&["delete", KIND, "coalmine"]).await?.succeeded()?;
    is_told(&scene).await?;
    restarts(&scene).await?;
    let app = App::new("app", "v1");
    scene
        .apply(&app.with_service_and_route(&scene.host("app")))
        .await?
        .succeeded()?;
    scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
    let there = residue::configurations(&scene).await?;
    ensure!(!there.contains(KIND), "it came back by itself: {there}");
    scene
        .kubectl(&["--namespace", SYSTEM, "delete", "configmap", "coalmine-brake"])
        .await?
        .succeeded()?;
    is_back(&scene, "the webhook configuration to be back").await?;
    // An edit is no brake.
    let edit = ["label", KIND, "coalmine", "app.kubernetes.io/name=other", "--overwrite"];
    scene.kubectl(&edit).await?.succeeded()?;
    is_back(&scene, "the edit to be put back").await?;
    residue::namespace_goes(&scene).await
}

/// The brake is noted in a ConfigMap, and said in an event.
async fn is_told(scene: &Scene) -> Result<()> {
    let until = "jsonpath={.data.validating}";
    let map = ["--namespace", SYSTEM, "get", "configmap", "coalmine-brake", "-o", until];
    wait_for("the brake to be noted", SOON, async || {
        let until = scene.kubectl(&map).await?.succeeded()?.out;
        Ok((!until.is_empty()).then_some(()))
    })
    .await?;
    let messages = "jsonpath={.items[*].message}";
    let told = ["--namespace", SYSTEM, "get", "events", "-o", messages];
    wait_for("the brake to be said in an event", SOON, async || {
        let said = scene.kubectl(&told).await?.succeeded()?.out;
        Ok(said.contains("taken as an emergency brake").then_some(()))
    })
    .await
}

/// A restart heeds it as well, and apps are released without the webhook.
async fn restarts(scene: &Scene) -> Result<()> {
    let webhook = "deployment/coalmine-webhook";
    let restart = ["--namespace", SYSTEM, "rollout", "restart", webhook];
    scene.kubectl(&restart).await?.succeeded()?;
    let status = ["--namespace", SYSTEM, "rollout", "status", webhook, "--timeout=120s"];
    scene.kubectl(&status).await?.succeeded()?;
    Ok(())
}

async fn is_back(scene: &Scene, what: &str) -> Result<()> {
    wait_for(what, SOON, async || {
        Ok(residue::configurations(scene).await?.contains(KIND).then_some(()))
    })
    .await
}
