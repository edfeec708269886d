//! Ports belong to revisions: a release that changes them loses nothing, whether it succeeds or fails, and whatever
//! comes first in an apply.

use anyhow::{Context as _, Result};
use e2e::load::until_reachable;
use e2e::scene::invariants::{
    exits, nothing_lost, ports_belong_to_their_revision, primary_is_what_was_promoted, serves_only_verified,
};
use e2e::scene::{Answer, App, Hooks, Scene, case, play, together, wait_for};
use serde_json::{Value, json};

use crate::quick::{SOON, VERDICT, analysis, apply, at_rest, inside, labelled, shows, succeeded};

/// The port of the second versions.
const OTHER: u16 = 8080;

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_changes_its_port_by_name_or_by_label_only_loses_nothing() {
    play("ports", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        let moved = |app: &App| app.at("v2").on_port("http", OTHER);
        let renamed = |app: &App| app.at("v2").on_port("web", 9898);
        let named = |app: &App, name: &str| app.service_to(&json!(name));
        let [plain, bad, good, worse] = ["plain", "bad", "good", "worse"].map(app);
        together(vec![
            case("label only, promoted", async {
                let next = moved(&plain);
                changed(
                    scene,
                    &hooks,
                    [&plain, &next],
                    vec![],
                    vec![vec![next.deployment()]],
                    true,
                )
                .await
            }),
            case("label only, failed", async {
                let next = moved(&bad);
                changed(
                    scene,
                    &hooks,
                    [&bad, &next],
                    vec![],
                    vec![vec![next.deployment()]],
                    false,
                )
                .await
            }),
            case("renamed, promoted", async {
                let next = renamed(&good);
                let one = vec![named(&good, "web"), next.deployment()];
                changed(
                    scene,
                    &hooks,
                    [&good, &next],
                    vec![named(&good, "http")],
                    vec![one],
                    true,
                )
                .await
            }),
            case("renamed, failed", async {
                let next = renamed(&worse);
                let one = vec![next.deployment(), named(&worse, "web")];
                changed(
                    scene,
                    &hooks,
                    [&worse, &next],
                    vec![named(&worse, "http")],
                    vec![one],
                    false,
                )
                .await
            }),
        ])
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_changes_a_numbered_port_loses_nothing_and_services_follow_their_canary() {
    play("ports-numbers", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        let [first, last, bad] = ["first", "last", "bad"].map(app);
        let moved = |app: &App| app.at("v2").on_port("http", OTHER);
        let service = |app: &App| app.service_to(&json!(OTHER));
        together(vec![
            case("Service first, promoted", async {
                let next = moved(&first);
                let applied = vec![vec![service(&first)], vec![next.deployment()]];
                changed(scene, &hooks, [&first, &next], vec![first.service()], applied, true).await
            }),
            case("Deployment first, promoted", async {
                let next = moved(&last);
                let applied = vec![vec![next.deployment()], vec![service(&last)]];
                changed(scene, &hooks, [&last, &next], vec![last.service()], applied, true).await
            }),
            case("Service first, failed", async {
                let next = moved(&bad);
                let applied = vec![vec![service(&bad)], vec![next.deployment()]];
                changed(scene, &hooks, [&bad, &next], vec![bad.service()], applied, false).await
            }),
            case("a generated apex follows its Canary", apex_follows(scene, &hooks)),
            case("a port for metrics comes first", metrics_first(scene)),
            case("a UDP port comes first", udp_first(scene)),
        ])
        .await
    })
    .await;
}

fn app(name: &str) -> App {
    App::new(name, "v1").replicas(1)
}

/// From one version to another that has another port, under load on gateway and Service. `applied` are the applies that
/// make the second version.
async fn changed(
    scene: &Scene,
    hooks: &Hooks,
    [app, next]: [&App; 2],
    mut items: Vec<Value>,
    applied: Vec<Vec<Value>>,
    good: bool,
) -> Result<()> {
    let name = app.name();
    items.push(app.deployment());
    at_rest(scene, app, &items).await?;
    ports_belong_to_their_revision(scene, name).await?;
    if !good {
        hooks.answer_to(name, VERDICT, Answer::halt());
    }
    let outside = scene.light_load(name)?.start()?;
    let inside = inside(scene, name).await?;
    for items in applied {
        apply(scene, &items).await?;
    }
    if good {
        succeeded(scene, next).await?;
    } else {
        scene.phase(name, "Failed", SOON).await?;
        exits(scene, name, SOON).await?;
    }
    shows().await;
    let (outside, inside) = (outside.stop().await?, inside.stop().await?);
    nothing_lost(&outside).context("through the gateway")?;
    nothing_lost(&inside).context("by its Service")?;
    let last = if good { next } else { app };
    assert!(
        outside.first_all_on(last.version()).is_some(),
        "{:?}",
        outside.versions()
    );
    if !good {
        serves_only_verified(&inside, &["v1"])?;
    }
    ports_belong_to_their_revision(scene, name).await?;
    primary_is_what_was_promoted(scene, &last.deployment()).await
}

async fn apex_follows(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = app("apex");
    let canary = app.canary(&scene.host("apex"), &analysis(hooks), 60);
    at_rest(scene, &app, &[canary, app.deployment()]).await?;
    let load = scene.light_load("apex")?.start()?;
    let service = json!({"port": 80, "targetPort": 9898, "apex": {"annotations": {"team": "blue"}}});
    let patch = json!({"spec": {"service": service}}).to_string();
    scene
        .kubectl(&["patch", "canary", "apex", "--type=merge", "-p", &patch])
        .await?
        .succeeded()?;
    let services = scene.objects().services();
    wait_for("the apex to follow", SOON, async || {
        let apex = serde_json::to_value(services.get("apex").await?)?;
        let ports = apex["spec"]["ports"].as_array().into_iter().flatten();
        let on_80 = ports.into_iter().any(|port| port["port"] == 80);
        Ok((on_80 && apex["metadata"]["annotations"]["team"] == "blue").then_some(()))
    })
    .await?;
    let mut inside = scene.service_load("apex").await?;
    inside.address.set_port(80);
    assert_eq!(until_reachable(&inside, SOON).await?, "v1");
    shows().await;
    nothing_lost(&load.stop().await?)
}

async fn names(scene: &Scene, service: &str) -> Result<Vec<(String, String)>> {
    let found = serde_json::to_value(scene.objects().services().get(service).await?)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ports = found["spec"]["ports"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<_> = ports
        .iter()
        .map(|port| (text(&port["name"]), text(&port["protocol"])))
        .collect();
    names.sort();
    Ok(names)
}

fn pairs(names: [[&str; 2]; 2]) -> Vec<(String, String)> {
    names
        .map(|[name, protocol]| (name.to_owned(), protocol.to_owned()))
        .to_vec()
}

async fn metrics_first(scene: &Scene) -> Result<()> {
    let app = app("measured");
    let mut service = app.service();
    service["spec"]["ports"] = json!([
        {"name": "metrics", "port": 9090, "targetPort": 9090},
        {"name": "http", "port": 80, "targetPort": 9898},
    ]);
    at_rest(scene, &app, &[service, app.deployment()]).await?;
    let carried = names(scene, "measured-primary").await?;
    assert_eq!(carried, pairs([["http", "TCP"], ["metrics", "TCP"]]));
    Ok(())
}

async fn udp_first(scene: &Scene) -> Result<()> {
    let app = app("statsd");
    let mut deployment = app.deployment();
    let ports = &mut deployment["spec"]["template"]["spec"]["containers"][0]["ports"];
    *ports = json!([
        {"name": "statsd", "containerPort": 8125, "protocol": "UDP"},
        {"name": "http", "containerPort": 9898},
    ]);
    at_rest(scene, &app, &[deployment]).await?;
    let carried = names(scene, "statsd").await?;
    assert!(carried.contains(&("http".to_owned(), "TCP".to_owned())), "{carried:?}");
    assert!(
        !carried.contains(&("statsd".to_owned(), "TCP".to_owned())),
        "no TCP port is made of it: {carried:?}"
    );
    Ok(())
}
