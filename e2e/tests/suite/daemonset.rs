//! A DaemonSet released as a canary: one pod a side on the one node, and nothing lost.

use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::scene::{App, Scene, play, wait_for};
use k8s_openapi::api::apps::v1::DaemonSet;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::policy::PATIENCE;

const ZERO: &str = "flagger.app/scale-to-zero";

fn daemon_set(app: &App) -> Value {
    let mut object = app.replicas(None).deployment();
    object["kind"] = json!("DaemonSet");
    object
}

fn manifest(app: &App) -> String {
    daemon_set(app).to_string()
}

fn canary(scene: &Scene, app: &App) -> String {
    let analysis = json!({"interval": "5s", "threshold": 3, "stepWeights": [20, 50, 80]});
    let mut canary = app.canary(&scene.host(app.name()), &analysis, 60);
    canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    canary.to_string()
}

fn daemon_sets(scene: &Scene) -> Api<DaemonSet> {
    Api::namespaced(scene.client.clone(), &scene.namespace)
}

/// A DaemonSet of the user's own that serves by its own Service and route.
async fn live(scene: &Scene) -> Result<App> {
    let app = App::new("app", "v1");
    let items = [app.service(), app.route(&scene.host("app")), daemon_set(&app)];
    let all = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    scene.apply(&all).await?.succeeded()?;
    scene.reachable("app", Duration::from_secs(60)).await?;
    Ok(app)
}

async fn stored(scene: &Scene, name: &str) -> Result<Value> {
    Ok(serde_json::to_value(daemon_sets(scene).get(name).await?)?)
}

async fn pods(scene: &Scene, app: &str) -> Result<Vec<String>> {
    let pods = scene
        .objects()
        .pods()
        .list(&ListParams::default().labels(&format!("app={app}")))
        .await?;
    let live = pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    Ok(live.filter_map(|pod| pod.metadata.name).collect())
}

/// The phase is stored before the target is written.
async fn at_zero(scene: &Scene) -> Result<()> {
    wait_for("the target to be at zero", Duration::from_secs(120), async || {
        let marked = zero(&stored(scene, "app").await?) == "true";
        Ok((marked && pods(scene, "app").await?.is_empty()).then_some(()))
    })
    .await
}

fn zero(object: &Value) -> &Value {
    &object["spec"]["template"]["spec"]["nodeSelector"][ZERO]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_daemon_set_is_taken_over_released_and_let_go_without_a_lost_request() {
    play("daemonset", async |scene| {
        let app = live(scene).await?;
        let load = scene.load("app")?.start()?;
        scene.label().await?;
        scene.apply(&canary(scene, &app)).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        at_zero(scene).await?;

        let app = app.at("v2");
        scene.apply(&manifest(&app)).await?.succeeded()?;
        scene.at_weight("app", 50, PATIENCE).await?;
        assert_eq!(pods(scene, "app").await?.len(), 1);
        assert_eq!(zero(&stored(scene, "app").await?), &Value::Null);
        scene.phase("app", "Succeeded", PATIENCE).await?;
        let primary = stored(scene, "app-primary").await?;
        assert_eq!(
            primary["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"],
            "v2"
        );
        assert_eq!(zero(&primary), &Value::Null);

        at_zero(scene).await?;
        let before = stored(scene, "app").await?["metadata"]["generation"].clone();
        scene.apply(&manifest(&app)).await?.succeeded()?;
        let server_side = ["apply", "--server-side", "--field-manager=team-a", "-f", "-"];
        scene.kubectl_with(&server_side, &manifest(&app)).await?.succeeded()?;
        assert_eq!(stored(scene, "app").await?["metadata"]["generation"], before);

        scene.unlabel().await?;
        scene.kubectl(&["delete", "canary", "app"]).await?.succeeded()?;
        let left = daemon_sets(scene);
        wait_for("primary to be gone", Duration::from_secs(120), async || {
            Ok(left.get_opt("app-primary").await?.is_none().then_some(()))
        })
        .await?;
        let target = stored(scene, "app").await?;
        assert_eq!(zero(&target), &Value::Null);
        let labels = target["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        assert!(!labels.keys().any(|key| key.starts_with("coalmine.dev/")), "{labels:?}");
        let report = load.stop().await?;
        report.nothing_lost()?;
        assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_template_while_the_daemon_set_serves_is_held_and_then_released() {
    play("daemonset-held", async |scene| {
        let app = App::new("app", "v1");
        scene.label().await?;
        scene.apply(&canary(scene, &app)).await?.succeeded()?;
        scene.apply(&manifest(&app)).await?.succeeded()?;
        assert_eq!(zero(&stored(scene, "app").await?), "true", "no pod runs twice");
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let load = scene.load("app")?.start()?;
        scene.apply(&manifest(&app.at("v2"))).await?.succeeded()?;
        scene.at_weight("app", 50, PATIENCE).await?;
        let serving = pods(scene, "app").await?;
        scene.apply(&manifest(&app.at("v3"))).await?.succeeded()?;
        let held = stored(scene, "app").await?;
        assert_eq!(held["spec"]["updateStrategy"]["type"], "OnDelete");
        assert_eq!(pods(scene, "app").await?, serving, "the pods that serve stay");
        wait_for("v3 to be released", PATIENCE, async || {
            let canary = scene.objects().canary("app").await?;
            let done = canary.is_some_and(|canary| canary.phase() == "Succeeded");
            Ok((done && scene.reachable("app", Duration::from_secs(1)).await? == "v3").then_some(()))
        })
        .await?;
        wait_for("the author's update strategy", Duration::from_secs(120), async || {
            let target = stored(scene, "app").await?;
            let own = target["spec"]["updateStrategy"]["type"] == "RollingUpdate";
            let kept = &target["metadata"]["annotations"]["coalmine.dev/update-strategy"];
            Ok((own && kept.is_null()).then_some(()))
        })
        .await?;
        load.stop().await?.nothing_lost()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_set_that_never_gets_ready_is_rolled_back_and_primary_serves() {
    play("daemonset-broken", async |scene| {
        let app = App::new("app", "v1");
        scene.label().await?;
        let mut short: Value = serde_json::from_str(&canary(scene, &app)).context("our own manifest")?;
        short["spec"]["progressDeadlineSeconds"] = json!(15);
        scene.apply(&short.to_string()).await?.succeeded()?;
        scene.apply(&manifest(&app)).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let load = scene.load("app")?.start()?;
        scene
            .apply(&manifest(&app.at("v2").with("NEVER_READY", "1")))
            .await?
            .succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.phase("app", "Failed", PATIENCE).await?;
        let report = load.stop().await?;
        report.nothing_lost()?;
        assert_eq!(report.first_seen("v2"), None, "no user met it");
        let late = "canary damonset app.";
        scene.told("app", late, |said| said.starts_with(late)).await?;
        at_zero(scene).await
    })
    .await;
}
