//! A target that goes, in whatever its release is doing, and one that comes back with another selector.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::load::{Load, Report, Running};
use e2e::scene::invariants::{exits, lost_at_most, nothing_lost, primary_is_what_was_promoted, stage};
use e2e::scene::{App, Hooks, Scene, case, play, together};
use serde_json::{Value, json};

use crate::quick::{SOON, apply, at_rest, held, labelled, let_go, own_at_rest, shows, succeeded};

/// How long is asked after a bound.
const ASKED_AFTER: Duration = Duration::from_secs(3);
/// Pods that get no warning lose what they are asked until the gateway knows: seconds, where it was for ever. The command that
/// takes them away is in it.
const BLIP: Duration = Duration::from_secs(12);
/// The same where primary, which was idle, is just being made anew and has to start first.
const PRIMARY_STARTS: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_goes_leaves_primary_with_everybody_and_comes_back_as_any_release() {
    play("target-goes", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        together(vec![
            case("at a weight, hand-written", at_a_weight(scene, &hooks, "hand", true)),
            case("at a weight, generated", at_a_weight(scene, &hooks, "generated", false)),
            case("while primary is replaced", while_replacing(scene, &hooks)),
            case("replaced by force with another selector", by_force(scene)),
            case(
                "made again with its Service and another selector",
                with_its_service(scene),
            ),
        ])
        .await
    })
    .await;
}

fn load(scene: &Scene, app: &App) -> Result<Running> {
    let load = scene.load(app.name())?;
    Load { rate: 50, ..load }.start()
}

/// Deletes the target, waits for the Canary to be at rest again, and tells when, and what the load saw.
async fn deleted(scene: &Scene, app: &App, load: Running, bound: Duration) -> Result<(Instant, Report)> {
    let began = Instant::now();
    let target = format!("deployment/{}", app.name());
    scene.kubectl(&["delete", &target, "--wait=false"]).await?.succeeded()?;
    scene.says(app.name(), &["TargetMissing"], SOON).await?;
    exits(scene, app.name(), SOON).await?;
    // What is answered after the bound is what is asked for, so something must be asked then.
    tokio::time::sleep_until((began + bound + ASKED_AFTER).into()).await;
    Ok((began, load.stop().await?))
}

async fn at_a_weight(scene: &Scene, hooks: &Hooks, name: &str, own: bool) -> Result<()> {
    let app = App::new(name, "v1").replicas(1);
    if own {
        own_at_rest(scene, &app, hooks).await?;
    } else {
        at_rest(scene, &app, &[app.deployment()]).await?;
    }
    held(scene, &app.at("v2"), hooks).await?;
    let running = load(scene, &app)?;
    shows().await;
    let (began, report) = deleted(scene, &app, running, BLIP).await?;
    lost_at_most(&report, began, BLIP)?;
    assert!(report.first_all_on("v1").is_some(), "{:?}", report.versions());
    let_go(&app, hooks);
    let next = app.at("v3");
    apply(scene, &[next.deployment()]).await?;
    succeeded(scene, &next).await?;
    primary_is_what_was_promoted(scene, &next.deployment()).await
}

async fn while_replacing(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("replacing", "v1").replicas(1).min_ready(4);
    own_at_rest(scene, &app, hooks).await?;
    let running = load(scene, &app)?;
    let next = app.at("v2");
    apply(scene, &[next.deployment()]).await?;
    stage(scene, "replacing", "Replacing", SOON).await?;
    let (began, report) = deleted(scene, &app, running, PRIMARY_STARTS).await?;
    lost_at_most(&report, began, PRIMARY_STARTS)?;
    // v2 was verified, so it is what serves, and applied again it is nothing new.
    assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
    primary_is_what_was_promoted(scene, &next.deployment()).await?;
    apply(scene, &[next.deployment()]).await?;
    exits(scene, "replacing", SOON).await
}

/// The labels that charts have come to give.
fn relabelled(app: &App) -> App {
    let labels = [
        ("app.kubernetes.io/name", app.name()),
        ("app.kubernetes.io/instance", "prod"),
    ];
    app.at("v2").labelled(&labels)
}

async fn selects(scene: &Scene, primary: &str) -> Result<Value> {
    let found = scene.objects().deployments().get(primary).await?;
    Ok(json!(found.spec.map(|spec| spec.selector.match_labels)))
}

async fn by_force(scene: &Scene) -> Result<()> {
    let app = App::new("force", "v1").replicas(1);
    at_rest(scene, &app, &[app.deployment()]).await?;
    let running = load(scene, &app)?;
    let next = relabelled(&app);
    let replace = ["replace", "--force", "-f", "-"];
    scene.kubectl_with(&replace, &next.manifest()).await?.succeeded()?;
    ends_relabelled(scene, &next, running).await
}

async fn with_its_service(scene: &Scene) -> Result<()> {
    let app = App::new("chart", "v1").replicas(1);
    at_rest(scene, &app, &[app.service(), app.deployment()]).await?;
    let running = load(scene, &app)?;
    let next = relabelled(&app);
    scene.kubectl(&["delete", "deployment", "chart"]).await?.succeeded()?;
    apply(scene, &[next.service(), next.deployment()]).await?;
    ends_relabelled(scene, &next, running).await
}

async fn ends_relabelled(scene: &Scene, next: &App, running: Running) -> Result<()> {
    succeeded(scene, next).await?;
    shows().await;
    let report = running.stop().await?;
    nothing_lost(&report)?;
    assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
    let selector = selects(scene, &format!("{}-primary", next.name())).await?;
    let keys: Vec<&String> = selector
        .as_object()
        .into_iter()
        .flat_map(|labels| labels.keys())
        .collect();
    assert_eq!(
        keys,
        ["app.kubernetes.io/instance", "app.kubernetes.io/name"],
        "{selector}"
    );
    primary_is_what_was_promoted(scene, &next.deployment()).await
}
