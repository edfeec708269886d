//! Provider nginx: the author's Ingress leads to the app, and a second one beside it carries the canary's share for as long
//! as there is one. Its requests go through Traefik's provider for these annotations.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::load::{Load, until_reachable};
use e2e::scene::fronts::ingress;
use e2e::scene::invariants::nothing_lost;
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::definitions::judged;
use crate::quick::{
    GATE, SOON, ab_test, analysis, apply, at_rest, failed, held, held_in_test, labelled_by, left, let_go, marked,
    shows, succeeded,
};

/// As long as a share is looked at.
const LOOK: Duration = Duration::from_secs(8);
/// Points by which what users saw may differ from the share.
const POINTS: f64 = 6.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ingress_carries_the_share_and_goes_with_it() {
    play("nginx", async |scene| {
        let hooks = scene.hooks().await?;
        labelled_by(scene, &hooks, "nginx").await?;
        together(vec![
            case("golden objects", judged(scene, "nginx", 1)),
            case("by shares", released(scene, &hooks)),
            case("by a header", tested(scene, &hooks)),
            case("one that is taken", taken(scene, &hooks)),
            case("two apps behind one", shared(scene, &hooks)),
        ])
        .await?;
        // One of them is in mid-run.
        scene.unlabel().await?;
        for name in ["app", "taken", "left", "right"] {
            left(scene, name).await?;
        }
        let own = [
            "app-front",
            "both-front",
            "taken-front",
            "taken-front-canary",
            "tested-front",
        ];
        wait_for("the authors' own Ingresses to be all", SOON, async || {
            let names = scene.objects().ingresses().list(&ListParams::default()).await?;
            let names: Vec<_> = names.into_iter().filter_map(|one| one.metadata.name).collect();
            ensure!(names == own, "{names:?}");
            Ok(Some(()))
        })
        .await
    })
    .await;
}

/// The second Ingress of an app, as its annotations without nginx's prefix.
async fn beside(scene: &Scene, app: &str) -> Result<Option<Value>> {
    let Some(found) = scene
        .objects()
        .ingresses()
        .get_opt(&format!("{app}-front-canary"))
        .await?
    else {
        return Ok(None);
    };
    let all = found.metadata.annotations.unwrap_or_default();
    let ours = all.into_iter().filter_map(|(key, value)| {
        let name = key.strip_prefix("nginx.ingress.kubernetes.io/")?;
        Some((name.to_owned(), Value::String(value)))
    });
    Ok(Some(Value::Object(ours.collect())))
}

async fn gone(scene: &Scene, app: &str) -> Result<()> {
    wait_for("the second Ingress to go", SOON, async || {
        Ok(beside(scene, app).await?.is_none().then_some(()))
    })
    .await
}

async fn released(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("app", "v1");
    at_rest(scene, &app, &[app.service(), ingress(scene, "app"), app.deployment()]).await?;
    let canary = scene.objects().canary("app").await?.context("the Canary")?;
    ensure!(canary.0["spec"]["provider"] == "nginx", "{}", canary.0["spec"]);
    ensure!(
        canary.0["spec"]["ingressRef"]["name"] == "app-front",
        "{}",
        canary.0["spec"]
    );
    ensure!(
        beside(scene, "app").await?.is_none(),
        "there is a second Ingress at rest"
    );
    let load = scene.light_load("app")?.start()?;

    held(scene, &app.at("v2"), hooks).await?;
    let found = beside(scene, "app").await?.context("the second Ingress")?;
    let wanted = json!({"canary": "true", "canary-weight": "50", "proxy-body-size": "8m"});
    ensure!(found == wanted, "{found}");
    shows().await;
    let from = Instant::now();
    tokio::time::sleep(LOOK).await;
    let until = Instant::now();
    // Somebody's edit is undone within the run.
    let edit = [
        "annotate",
        "ingress/app-front-canary",
        "nginx.ingress.kubernetes.io/canary-weight=7",
        "--overwrite",
    ];
    scene.kubectl(&edit).await?.succeeded()?;
    wait_for("the share to be put right", SOON, async || {
        let found = beside(scene, "app").await?.context("the second Ingress")?;
        Ok((found["canary-weight"] == "50").then_some(()))
    })
    .await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    gone(scene, "app").await?;

    failed(scene, &app.at("v3").with("ERROR_RATE", "0"), hooks).await?;
    gone(scene, "app").await?;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    let share = report.share_of("v2", from, until);
    println!("50 % asked for, {share:.1} % of {} requests seen", report.requests());
    ensure!((share - 50.0).abs() <= POINTS, "{share:.1} % saw v2");
    Ok(())
}

async fn tested(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("tested", "v1");
    let settings = ab_test(analysis(hooks), 2, &marked());
    let mut canary = app.canary(&scene.host("tested"), &settings, 60);
    canary["spec"]["provider"] = json!("nginx");
    canary["spec"]["ingressRef"] =
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "tested-front"});
    canary["spec"]["service"] = json!({"port": 9898});
    at_rest(scene, &app, &[canary, ingress(scene, "tested"), app.deployment()]).await?;
    let others = scene.light_load("tested")?.start()?;
    held_in_test(scene, &app.at("v2"), hooks).await?;
    let found = beside(scene, "tested").await?.context("the second Ingress")?;
    ensure!(
        found["canary-by-header"] == "x-canary" && found["canary-by-header-value"] == "yes",
        "{found}"
    );
    let matching: Load = scene.light_load("tested")?.header("x-canary", "yes");
    wait_for("who matches to see v2", SOON, async || {
        Ok((until_reachable(&matching, SOON).await? == "v2").then_some(()))
    })
    .await?;
    let from = Instant::now();
    let matching = matching.start()?;
    tokio::time::sleep(LOOK / 2).await;
    let until = Instant::now();
    let matching = matching.stop().await?;
    let_go(&app, hooks);
    succeeded(scene, &app.at("v2")).await?;
    gone(scene, "tested").await?;
    let others = others.stop().await?;
    nothing_lost(&others)?;
    nothing_lost(&matching)?;
    let (seen, strayed) = (matching.share_of("v2", from, until), others.share_of("v2", from, until));
    ensure!(
        seen == 100.0 && strayed == 0.0,
        "{seen:.1} % who match saw v2, and {strayed:.1} % of the others"
    );
    Ok(())
}

/// Each has a second one of its own, and their releases do not meet.
async fn shared(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let (one, other) = (App::new("left", "v1").replicas(1), App::new("right", "v1").replicas(1));
    let mut front = ingress(scene, "both");
    let mut rules = Vec::new();
    for app in [&one, &other] {
        let mut rule = front["spec"]["rules"][0].clone();
        rule["host"] = json!(scene.host(app.name()));
        rule["http"]["paths"][0]["backend"]["service"]["name"] = json!(app.name());
        rules.push(rule);
    }
    front["spec"]["rules"] = Value::Array(rules);
    let items = [one.service(), other.service(), front];
    at_rest(scene, &one, &[&items[..], &[one.deployment()]].concat()).await?;
    at_rest(scene, &other, &[other.deployment()]).await?;
    let loads = [scene.light_load("left")?.start()?, scene.light_load("right")?.start()?];
    held(scene, &one.at("v2"), hooks).await?;
    held(scene, &other.at("v2"), hooks).await?;
    for app in [&one, &other] {
        let name = format!("both-front-{}-canary", app.name());
        let found = scene.objects().ingresses().get(&name).await?;
        ensure!(
            found.data["spec"]["rules"].as_array().map(Vec::len) == Some(1),
            "{}",
            found.data
        );
    }
    shows().await;
    let_go(&one, hooks);
    succeeded(scene, &one.at("v2")).await?;
    let_go(&other, hooks);
    succeeded(scene, &other.at("v2")).await?;
    for load in loads {
        nothing_lost(&load.stop().await?)?;
    }
    Ok(())
}

/// An Ingress of the author's own has the name that the second one would have.
async fn taken(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("taken", "v1");
    let mut own = ingress(scene, "taken");
    own["metadata"]["name"] = json!("taken-front-canary");
    own["spec"]["rules"][0]["host"] = json!("preview.example.com");
    own["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = json!("preview");
    at_rest(
        scene,
        &app,
        &[app.service(), ingress(scene, "taken"), own.clone(), app.deployment()],
    )
    .await?;
    hooks.answer_to("taken", GATE, e2e::scene::Answer::halt());
    apply(scene, &[app.at("v2").deployment()]).await?;
    scene.says("taken", &["Ingress", "taken-front-canary"], SOON).await?;
    let live = scene.objects().ingresses().get("taken-front-canary").await?;
    ensure!(live.data["spec"]["rules"] == own["spec"]["rules"], "{}", live.data);
    Ok(())
}
