//! What people and tools do to a Deployment and what stands around it, and what they expect of it: several apps side by side.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::scene::{App, Scene, case, play, together, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;
use crate::quick::{replicas, scaled};

const SECONDS: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_every_day_does_what_they_mean() {
    play("habits", async |scene| {
        scene.label().await?;
        together(vec![
            case("asleep and awake", asleep_and_awake(scene)),
            case("asleep with a new revision", asleep_with_a_new_revision(scene)),
            case("an HPA on primary", an_autoscaler_on_primary(scene)),
            case("create, everything in one file", everything_by_create(scene)),
            case("apply of what was generated", apply_over_generated(scene)),
            case(
                "server-side apply of what was generated",
                server_side_apply_over_generated(scene),
            ),
        ])
        .await
    })
    .await;
}

async fn has(scene: &Scene, deployment: &str, count: i32) -> Result<()> {
    let what = format!("{deployment} to have {count} ready of {count}");
    wait_for(&what, SECONDS * 2, async || {
        let found = scene.objects().deployments().get(deployment).await?;
        let ready = found.status.and_then(|status| status.ready_replicas).unwrap_or(0);
        let wanted = found.spec.and_then(|spec| spec.replicas);
        Ok((ready == count && wanted == Some(count)).then_some(()))
    })
    .await
}

async fn initialized(scene: &Scene, app: &App) -> Result<()> {
    scene.apply(&app.manifest()).await?.succeeded()?;
    scene.phase(app.name(), "Initialized", PATIENCE).await?;
    Ok(())
}

// As a cron job does it at night and in the morning: every Deployment there is.
async fn asleep_and_awake(scene: &Scene) -> Result<()> {
    let app = App::new("night", "v1").replicas(1);
    initialized(scene, &app).await?;
    let both = ["night", "night-primary"];
    scaled(scene, &both, 0).await?;
    has(scene, "night-primary", 0).await?;
    ensure!(replicas(scene, "night").await? == 0);
    scaled(scene, &both, 2).await?;
    has(scene, "night-primary", 2).await?;
    ensure!(replicas(scene, "night").await? == 0, "what rests goes on resting");
    ensure!(scene.reachable("night", SECONDS).await? == "v1");
    wait_for("what was noted to be done", SECONDS, async || {
        let canary = scene.objects().canary("night").await?.context("the Canary")?;
        let noted = &canary.0["metadata"]["annotations"];
        ensure!(!noted.to_string().contains("coalmine.dev/replicas"), "{noted}");
        Ok(Some(()))
    })
    .await
}

async fn asleep_with_a_new_revision(scene: &Scene) -> Result<()> {
    let app = App::new("fresh", "v1").replicas(1);
    initialized(scene, &app).await?;
    scaled(scene, &["fresh"], 0).await?;
    has(scene, "fresh-primary", 0).await?;
    let said = scene
        .kubectl(&["set", "env", "deployment/fresh", "VERSION=v2"])
        .await?
        .succeeded()?;
    ensure!(said.err.contains("sleeps"), "{}", said.err);
    scene
        .says("fresh", &["No pods of Deployment fresh are wanted"], SECONDS)
        .await?;
    ensure!(replicas(scene, "fresh").await? == 0, "no pod of what nobody wants");
    scaled(scene, &["fresh"], 1).await?;
    scene.reachable("fresh", SECONDS).await?;
    let load = scene.light_load("fresh")?.start()?;
    scene.phase("fresh", "Succeeded", PATIENCE * 2).await?;
    load.stop().await?;
    has(scene, "fresh-primary", 1).await?;
    ensure!(scene.reachable("fresh", SECONDS).await? == "v2");
    Ok(())
}

async fn an_autoscaler_on_primary(scene: &Scene) -> Result<()> {
    let app = App::new("busy", "v1").replicas(1);
    initialized(scene, &app).await?;
    let autoscale = [
        "autoscale",
        "deployment",
        "busy-primary",
        "--min=2",
        "--max=3",
        "--cpu=90%",
    ];
    let said = scene.kubectl(&autoscale).await?;
    if said.code != Some(0) {
        let old = [
            "autoscale",
            "deployment",
            "busy-primary",
            "--min=2",
            "--max=3",
            "--cpu-percent=90",
        ];
        scene.kubectl(&old).await?.succeeded()?;
    }
    has(scene, "busy-primary", 2).await?;
    let before = scene.objects().deployments().get("busy-primary").await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = scene.objects().deployments().get("busy-primary").await?;
    ensure!(
        before.metadata.generation == after.metadata.generation,
        "nobody undoes what it decides"
    );
    ensure!(replicas(scene, "busy").await? == 0);
    Ok(())
}

fn route(app: &App, scene: &Scene) -> Value {
    app.route(&format!("www.{}", scene.host(app.name())))
}

// The Deployment first, as its file's name has it.
fn everything(app: &App, scene: &Scene) -> String {
    let mut service = app.service();
    service["spec"]["ports"] = json!([{"name": "http", "port": 9898, "targetPort": 9898}]);
    json!({"apiVersion": "v1", "kind": "List", "items": [app.deployment(), route(app, scene), service]}).to_string()
}

// Under its author's host, by his own route and Service.
async fn answers(scene: &Scene, app: &App) -> Result<()> {
    let name = app.name();
    ensure!(scene.reachable(&format!("www.{name}"), PATIENCE).await? == "v1");
    let found = scene.objects().routes().get(name).await?;
    let host = format!("www.{}", scene.host(name));
    ensure!(found.data["spec"]["hostnames"] == json!([host]), "{:#}", found.data);
    ensure!(
        found.metadata.owner_references.unwrap_or_default().is_empty(),
        "the route is its author's"
    );
    let service = scene.objects().services().get(name).await?;
    ensure!(
        service.metadata.owner_references.unwrap_or_default().is_empty(),
        "the Service is its author's"
    );
    Ok(())
}

async fn everything_by_create(scene: &Scene) -> Result<()> {
    let app = App::new("created", "v1").replicas(1);
    scene
        .kubectl_with(&["create", "-f", "-"], &everything(&app, scene))
        .await?
        .succeeded()?;
    scene.phase("created", "Initialized", PATIENCE).await?;
    answers(scene, &app).await
}

// What was generated is there, and serves.
async fn apply_over_generated(scene: &Scene) -> Result<()> {
    let app = App::new("applied", "v1").replicas(1);
    initialized(scene, &app).await?;
    scene.reachable("applied", SECONDS).await?;
    scene.apply(&everything(&app, scene)).await?.succeeded()?;
    answers(scene, &app).await?;
    // And stays his.
    tokio::time::sleep(Duration::from_secs(2)).await;
    answers(scene, &app).await
}

async fn server_side_apply_over_generated(scene: &Scene) -> Result<()> {
    let app = App::new("ssa", "v1").replicas(1);
    initialized(scene, &app).await?;
    scene.reachable("ssa", SECONDS).await?;
    let apply = ["apply", "--server-side", "--field-manager=helm", "-f", "-"];
    scene
        .kubectl_with(&apply, &everything(&app, scene))
        .await?
        .succeeded()?;
    answers(scene, &app).await
}
