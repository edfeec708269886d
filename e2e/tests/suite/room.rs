//! Every stage has an end when there is no room: each case has a namespace of its own with a quota.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::scene::invariants::{
    exits, lost_at_most, nothing_lost, primary_is_what_was_promoted, serves_only_verified, stage,
};
use e2e::scene::{Answer, App, Hooks, Scene, Seen, Timeline, case, play, together, wait_for};
use serde_json::json;

use crate::quick::{
    SOON, apply, at_rest, by_service, held, labelled, left, let_go, policy, replicas, room_again, room_for, routed,
    shows, succeeded,
};

/// `progressDeadlineSeconds` of these Canaries: pods that have room keep it on a busy machine too.
const DEADLINE: u32 = 30;
/// What a ReplicaSet that was refused pods may wait before it tries again, and a release besides.
const AFTERWARDS: Duration = Duration::from_secs(240);
/// From the command on that takes primary's pods away until the gateway sends everybody to the canary: seconds, where it was
/// for ever.
const BLIP: Duration = Duration::from_secs(12);
/// Asked before each rise of the weight.
const RAISE: &str = "/raise";

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_needs_no_room_that_is_not_there_and_has_a_way_out() {
    play("room-promotion", async |scene| {
        let hooks = scene.hooks().await?;
        together(vec![
            case(
                "a full quota is enough",
                apart(scene, "full", async |own| full(own, &hooks).await),
            ),
            case(
                "stuck, and a newer revision",
                apart(scene, "newer", async |own| newer(own, &hooks).await),
            ),
            case(
                "stuck, and the Canary is deleted",
                apart(scene, "deleted", async |own| deleted(own, &hooks).await),
            ),
        ])
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_side_goes_or_gets_more_while_the_other_has_no_pods() {
    play("room-lost", async |scene| {
        let hooks = scene.hooks().await?;
        together(vec![
            case(
                "primary is gone in Draining",
                apart(scene, "drained", async |own| drained(own, &hooks).await),
            ),
            case(
                "half of the canary is gone",
                apart(scene, "halved", async |own| halved(own, &hooks).await),
            ),
            case(
                "leaving without room",
                apart(scene, "leaving", async |own| leaving(own, &hooks).await),
            ),
        ])
        .await
    })
    .await;
}

async fn apart(scene: &Scene, name: &str, body: impl AsyncFnOnce(&Scene) -> Result<()>) -> Result<()> {
    scene.apart(name, body).await
}

async fn full(scene: &Scene, hooks: &Hooks) -> Result<()> {
    labelled(scene, hooks).await?;
    let app = App::new("full", "v1");
    at_rest(scene, &app, &[app.deployment()]).await?;
    room_for(scene, 4).await?;
    let load = scene.light_load("full")?.start()?;
    let next = app.at("v2");
    apply(scene, &[next.deployment()]).await?;
    succeeded(scene, &next).await?;
    nothing_lost(&load.stop().await?)?;
    primary_is_what_was_promoted(scene, &next.deployment()).await
}

/// A verified v2 that primary cannot follow to: its old pod has gone, and the quota refuses the new one.
async fn stuck(scene: &Scene, hooks: &Hooks, name: &str) -> Result<App> {
    labelled(scene, hooks).await?;
    let app = App::new(name, "v1").replicas(1).deadline(DEADLINE);
    let canary = app.canary(&scene.host(name), &crate::quick::analysis(hooks), DEADLINE);
    at_rest(scene, &app, &[app.service(), canary, app.deployment()]).await?;
    let next = app.at("v2");
    held(scene, &next, hooks).await?;
    room_for(scene, 1).await?;
    let_go(&app, hooks);
    scene.says(name, &["exceeded quota", "room"], SOON).await?;
    Ok(next)
}

async fn newer(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = stuck(scene, hooks, "newer").await?;
    let load = scene.light_load("newer")?.start()?;
    let next = app.at("v3");
    apply(scene, &[next.deployment()]).await?;
    room_again(scene).await?;
    let promoted = async || Ok(primary_is_what_was_promoted(scene, &next.deployment()).await.ok());
    wait_for("the newer revision to be promoted", AFTERWARDS, promoted).await?;
    succeeded(scene, &next).await?;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    serves_only_verified(&report, &["v1", "v2", "v3"])?;
    assert!(report.first_all_on("v3").is_some(), "{:?}", report.versions());
    Ok(())
}

async fn deleted(scene: &Scene, hooks: &Hooks) -> Result<()> {
    stuck(scene, hooks, "deleted").await?;
    let load = by_service(scene, "deleted").await?;
    // With the label still there, the policy would make the next Canary at once.
    scene.unlabel().await?;
    scene
        .kubectl(&["delete", "canary", "deleted", "--timeout=120s"])
        .await?
        .succeeded()?;
    left(scene, "deleted").await?;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    serves_only_verified(&report, &["v2"])
}

async fn drained(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let mut slow = policy(hooks);
    // As long as two commands take on a busy machine.
    slow["drainSeconds"] = json!(15);
    scene.policy(&slow).await?;
    scene.label().await?;
    let app = App::new("drained", "v1").replicas(1);
    at_rest(scene, &app, &[app.deployment()]).await?;
    let load = scene.light_load("drained")?.start()?;
    let next = app.at("v2");
    apply(scene, &[next.deployment()]).await?;
    stage(scene, "drained", "Draining", SOON).await?;
    room_for(scene, 0).await?;
    let began = Instant::now();
    let gone = ["delete", "pod", "-l", "app=drained-primary", "--wait=false"];
    scene.kubectl(&gone).await?.succeeded()?;
    // The canary is there and verified, so it has everybody once more.
    routed(scene, "drained", 100).await?;
    shows().await;
    ensure!(
        replicas(scene, "drained").await? > 0,
        "the target went while primary had no pods"
    );
    room_again(scene).await?;
    scene.phase("drained", "Succeeded", AFTERWARDS).await?;
    exits(scene, "drained", SOON).await?;
    // What is answered after the bound is what is asked for, so something must be asked then.
    tokio::time::sleep_until((began + BLIP + Duration::from_secs(3)).into()).await;
    let report = load.stop().await?;
    lost_at_most(&report, began, BLIP)?;
    primary_is_what_was_promoted(scene, &next.deployment()).await
}

async fn halved(scene: &Scene, hooks: &Hooks) -> Result<()> {
    labelled(scene, hooks).await?;
    let app = App::new("halved", "v1");
    let raise = json!({"name": "raise", "type": "confirm-traffic-increase", "url": hooks.url(RAISE)});
    let analysis = json!({"interval": "2s", "threshold": 3, "stepWeights": [50, 80], "webhooks": [raise]});
    let canary = app.canary(&scene.host("halved"), &analysis, 60);
    at_rest(scene, &app, &[canary, app.deployment()]).await?;
    let timeline = Timeline::follow(scene, "halved");
    hooks.once(RAISE, Answer::approve());
    hooks.answer(RAISE, Answer::halt());
    let next = app.at("v2");
    apply(scene, &[next.deployment()]).await?;
    routed(scene, "halved", 50).await?;
    hooks.called(RAISE, 2, SOON).await?;
    room_for(scene, 0).await?;
    let objects = scene.objects();
    let victim = objects.pods_of("halved").await?.into_iter().next().unwrap_or_default();
    scene
        .kubectl(&["delete", "pod", &victim, "--wait=false"])
        .await?
        .succeeded()?;
    wait_for("one pod to be left", SOON, async || {
        Ok((objects.pods_at("halved").await?.len() == 1).then_some(()))
    })
    .await?;
    hooks.answer(RAISE, Answer::approve());
    scene.says("halved", &["not ready", "1 of 2"], SOON).await?;
    let lifted = Instant::now();
    room_again(scene).await?;
    scene.phase("halved", "Succeeded", AFTERWARDS).await?;
    let raised = timeline.stop().await?.into_iter().find(|moment| match moment.seen {
        Seen::Route { canary, .. } => canary > 50,
        Seen::Canary { .. } => false,
    });
    let raised = raised.map(|moment| moment.at);
    ensure!(
        raised.is_some_and(|at| at > lifted),
        "the weight was raised to 80 for one pod of two"
    );
    exits(scene, "halved", SOON).await
}

async fn leaving(scene: &Scene, hooks: &Hooks) -> Result<()> {
    labelled(scene, hooks).await?;
    let app = App::new("leaving", "v1").replicas(1);
    at_rest(scene, &app, &[app.service(), app.deployment()]).await?;
    room_for(scene, 1).await?;
    let load = by_service(scene, "leaving").await?;
    scene.unlabel().await?;
    scene.says("leaving", &["exceeded quota", "room"], SOON).await?;
    room_again(scene).await?;
    wait_for("the app to be left", AFTERWARDS, async || {
        Ok(scene.objects().canary("leaving").await?.is_none().then_some(()))
    })
    .await?;
    left(scene, "leaving").await?;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    serves_only_verified(&report, &["v1"])
}
