//! Edits of the Canary, of primary and of numbers of pods while a release is under way, and routes that cannot be.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::scene::invariants::{exits, nothing_lost};
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use serde_json::json;

use crate::policy::PATIENCE;
use crate::quick::{
    SOON, analysis, apply, at_rest, held, labelled, let_go, own_at_rest, replicas, scaled, shows, succeeded,
};

/// What follows an edit does so within this.
const SECONDS: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn edits_in_a_run_lose_nothing_and_are_said_no_to_where_they_would() {
    play("edits", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        together(vec![
            case("another provider in a run", provider_in_a_run(scene, &hooks)),
            case("another provider at rest", provider_at_rest(scene, &hooks)),
            case(
                "more replicas in a run, and primary scaled down",
                replicas_in_a_run(scene, &hooks),
            ),
            case("more rules than a route may have", too_many_rules(scene)),
        ])
        .await
    })
    .await;
}

async fn provider_in_a_run(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("running", "v1").replicas(1);
    own_at_rest(scene, &app, hooks).await?;
    let next = app.at("v2");
    held(scene, &next, hooks).await?;
    let load = scene.light_load("running")?.start()?;
    let patch = json!({"spec": {"provider": "kubernetes"}}).to_string();
    let edit = ["patch", "canary", "running", "--type=merge", "-p", &patch];
    let said = scene.kubectl(&edit).await?.refused()?;
    ensure!(
        said.err.contains("spec.provider") && said.err.contains("run"),
        "{}",
        said.err
    );
    let_go(&app, hooks);
    succeeded(scene, &next).await?;
    nothing_lost(&load.stop().await?)
}

async fn provider_at_rest(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("resting", "v1").replicas(1);
    let host = scene.host("resting");
    let canary = app.canary(&host, &analysis(hooks), 60);
    at_rest(
        scene,
        &app,
        &[app.service(), app.route(&host), canary, app.deployment()],
    )
    .await?;
    let objects = scene.objects();
    let names = async || {
        let weights = objects.weights("resting").await?.unwrap_or_default();
        anyhow::Ok(weights.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
    };
    // The author's own route leads to the app before ours do.
    wait_for("the route to lead to primary", SECONDS, async || {
        Ok(names().await?.contains(&"resting-primary".to_owned()).then_some(()))
    })
    .await?;
    let load = scene.light_load("resting")?.start()?;
    let once = json!({"interval": "1s", "threshold": 1, "iterations": 1, "stepWeights": null});
    let patch = json!({"spec": {"provider": "kubernetes", "analysis": once}}).to_string();
    scene
        .kubectl(&["patch", "canary", "resting", "--type=merge", "-p", &patch])
        .await?
        .succeeded()?;
    wait_for("the route to be its author's again", SECONDS, async || {
        Ok((names().await? == ["resting"]).then_some(()))
    })
    .await?;
    let next = app.at("v2");
    apply(scene, &[next.deployment()]).await?;
    succeeded(scene, &next).await?;
    shows().await;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    ensure!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
    Ok(())
}

async fn primary_has(scene: &Scene, primary: &str, ready: i32) -> Result<()> {
    let objects = scene.objects();
    wait_for(&format!("{primary} to have {ready} pods"), SECONDS * 2, async || {
        let found = objects.deployments().get(primary).await?;
        let has = found.status.and_then(|status| status.ready_replicas);
        Ok((has == Some(ready)).then_some(()))
    })
    .await
}

async fn replicas_in_a_run(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("scaled", "v1").replicas(1);
    own_at_rest(scene, &app, hooks).await?;
    held(scene, &app.at("v2"), hooks).await?;
    let next = app.at("v2").replicas(3);
    apply(scene, &[next.deployment()]).await?;
    primary_has(scene, "scaled-primary", 3).await?;
    // What carries users loses no pod; the number is the app's once the run has ended.
    scaled(scene, &["scaled-primary"], 2).await?;
    primary_has(scene, "scaled-primary", 3).await?;
    scene
        .phase("scaled", "WaitingPromotion", Duration::from_secs(1))
        .await?;
    let_go(&app, hooks);
    succeeded(scene, &next).await?;
    // Primary's number follows its target's.
    wait_for("as many as were asked for last in the run", SECONDS, async || {
        Ok((replicas(scene, "scaled-primary").await? == 2).then_some(()))
    })
    .await
}

/// Each rule becomes two for the duration of an A/B test, and a route has 16 at most.
async fn too_many_rules(scene: &Scene) -> Result<()> {
    let app = App::new("rules", "v1").replicas(1);
    let host = scene.host("rules");
    let mut route = app.route(&host);
    let rule = |number: usize| {
        let path = json!({"path": {"type": "PathPrefix", "value": format!("/{number}")}});
        json!({"matches": [path], "backendRefs": [{"name": "rules", "port": 9898}]})
    };
    let whole = json!({"backendRefs": [{"name": "rules", "port": 9898}]});
    route["spec"]["rules"] = (1..9).map(rule).chain([whole]).collect();
    let insiders = json!([{"headers": {"x-canary": {"exact": "insider"}}}]);
    let analysis = json!({"interval": "1s", "threshold": 1, "iterations": 2, "match": insiders});
    let canary = app.canary(&host, &analysis, 60);
    apply(scene, &[app.service(), route, app.deployment()]).await?;
    let said = scene.apply(&canary.to_string()).await?;
    if said.code != Some(0) {
        ensure!(said.err.contains("16") && said.err.contains("rules"), "{}", said.err);
        return Ok(());
    }
    scene.phase("rules", "Initialized", SOON).await?;
    scene.reachable("rules", SOON).await?;
    let load = scene.light_load("rules")?.start()?;
    apply(scene, &[app.at("v2").deployment()]).await?;
    if !said.err.contains("16") {
        scene.says("rules", &["16", "rules"], SOON).await?;
    }
    // However it ends: it does not wait for ever.
    exits(scene, "rules", PATIENCE).await?;
    nothing_lost(&load.stop().await?)
}
