//! Canary pods on other nodes (`canaryAnalysis.templateVariables`): primary keeps what its author wrote, whoever applies
//! what again, and nothing is lost on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::scene::{App, Scene, play, wait_for};
use k8s_openapi::api::core::v1::PodSpec;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::policy::PATIENCE;

const RECORD: &str = "coalmine.dev/pod-overrides";

/// What the author's pods ask of their nodes, and what the canary's do; one node has both labels.
fn own() -> Value {
    json!({"kubernetes.io/os": "linux"})
}

fn wish() -> Value {
    json!({"nodeSelector": {"kubernetes.io/arch": e2e::cluster::architecture()}, "tolerations": [{"key": "spot", "operator": "Exists"}]})
}

fn manifest(app: &App) -> String {
    let mut deployment = app.deployment();
    deployment["spec"]["template"]["spec"]["nodeSelector"] = own();
    deployment.to_string()
}

fn canary(scene: &Scene, app: &App, wish: &Value, deadline: u32) -> String {
    let analysis = json!({"interval": "5s", "threshold": 3, "stepWeights": [20, 50]});
    let mut canary = app.canary(&scene.host(app.name()), &analysis, deadline);
    canary["spec"]["canaryAnalysis"] = json!({"templateVariables": wish});
    canary.to_string()
}

async fn serving(scene: &Scene, app: &App, wish: &Value, deadline: u32) -> Result<()> {
    scene.apply(&canary(scene, app, wish, deadline)).await?.succeeded()?;
    scene.apply(&manifest(app)).await?.succeeded()?;
    scene.phase(app.name(), "Initialized", Duration::from_secs(120)).await?;
    scene.reachable(app.name(), Duration::from_secs(60)).await?;
    Ok(())
}

/// What the Deployment of that name makes pods of.
async fn pod_spec(scene: &Scene, name: &str) -> Result<PodSpec> {
    let found = scene.objects().deployments().get(name).await?;
    let template = found.spec.map(|spec| spec.template);
    template
        .and_then(|template| template.spec)
        .context("a Deployment has a pod template")
}

fn selects(spec: &PodSpec) -> Value {
    json!(spec.node_selector)
}

/// The pods that run with the label `app` of that value, by their node selector.
async fn running(scene: &Scene, app: &str) -> Result<Vec<PodSpec>> {
    let pods = scene
        .objects()
        .pods()
        .list(&ListParams::default().labels(&format!("app={app}")))
        .await?;
    let live = pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    Ok(live.filter_map(|pod| pod.spec).collect())
}

/// In mid-run: the canary's pods where the Canary wants them, primary's where their author does.
async fn each_on_its_nodes(scene: &Scene, wish: &Value) -> Result<()> {
    for spec in running(scene, "app").await? {
        assert_eq!(selects(&spec), wish["nodeSelector"]);
        assert!(
            spec.tolerations
                .iter()
                .flatten()
                .any(|t| t.key.as_deref() == Some("spot")),
            "{:?}",
            spec.tolerations
        );
    }
    for spec in running(scene, "app-primary").await? {
        assert_eq!(selects(&spec), own());
        assert!(
            !spec
                .tolerations
                .iter()
                .flatten()
                .any(|t| t.key.as_deref() == Some("spot")),
            "{:?}",
            spec.tolerations
        );
    }
    Ok(())
}

async fn generation(scene: &Scene) -> Result<Option<i64>> {
    Ok(scene.objects().deployments().get("app").await?.metadata.generation)
}

async fn unmoved_by(scene: &Scene, mut apply: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    let before = generation(scene).await?;
    for _ in 0..3 {
        apply().await?;
    }
    ensure!(generation(scene).await? == before, "the generation moved");
    Ok(())
}

async fn server_side(scene: &Scene, manifest: &str) -> Result<()> {
    for manager in ["team-a", "team-b"] {
        let manager = format!("--field-manager={manager}");
        scene
            .kubectl_with(&["apply", "--server-side", &manager, "-f", "-"], manifest)
            .await?
            .succeeded()?;
    }
    Ok(())
}

async fn released(scene: &Scene, manifest: &str) -> Result<()> {
    scene.apply(manifest).await?.succeeded()?;
    scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
    scene.phase("app", "Succeeded", PATIENCE).await?;
    scene.rests("app", Duration::from_secs(60)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn canary_pods_run_on_other_nodes_and_primary_where_its_author_wants_it() {
    play("overrides", async |scene| {
        let app = App::new("app", "v1");
        scene.label().await?;
        serving(scene, &app, &wish(), 60).await?;
        let load = scene.load("app")?.start()?;
        let app = app.at("v2");
        scene.apply(&manifest(&app)).await?.succeeded()?;
        scene.at_weight("app", 20, PATIENCE).await?;
        assert_eq!(running(scene, "app").await?.len(), 2);
        each_on_its_nodes(scene, &wish()).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        scene.rests("app", Duration::from_secs(60)).await?;
        assert_eq!(selects(&pod_spec(scene, "app-primary").await?), own());
        assert_eq!(selects(&pod_spec(scene, "app").await?), wish()["nodeSelector"]);

        // The same again, by whoever, is no change; and the Canary's next wish waits for the next run.
        unmoved_by(scene, async || {
            scene.apply(&manifest(&app)).await?.succeeded().map(drop)
        })
        .await?;
        let diff = scene.kubectl_with(&["diff", "-f", "-"], &manifest(&app)).await?;
        assert_eq!(
            (diff.code, diff.out.as_str()),
            (Some(0), ""),
            "kubectl diff: {}",
            diff.err
        );
        server_side(scene, &manifest(&app)).await?;
        unmoved_by(scene, async || server_side(scene, &manifest(&app)).await).await?;
        let next = json!({"tolerations": [{"key": "spot", "operator": "Exists"}]});
        scene.apply(&canary(scene, &app, &next, 60)).await?.succeeded()?;
        unmoved_by(scene, async || server_side(scene, &manifest(&app)).await).await?;
        scene.phase("app", "Succeeded", Duration::from_secs(1)).await?;

        released(scene, &manifest(&app.at("v3"))).await?;
        assert_eq!(
            selects(&pod_spec(scene, "app").await?),
            own(),
            "the next run has the next wish"
        );
        scene
            .kubectl(&["rollout", "undo", "deployment/app"])
            .await?
            .succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        assert_eq!(scene.reachable("app", Duration::from_secs(60)).await?, "v2");
        assert_eq!(
            selects(&pod_spec(scene, "app-primary").await?),
            own(),
            "the canary's nodes did not leak"
        );
        load.stop().await?.nothing_lost()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_leaves_gives_its_authors_nodes_back() {
    play("overrides-exit", async |scene| {
        let app = App::new("app", "v1");
        scene.label().await?;
        let with_all = app.with_service_and_route(&scene.host("app"));
        scene.apply(&canary(scene, &app, &wish(), 60)).await?.succeeded()?;
        scene.apply(&with_all).await?.succeeded()?;
        scene.apply(&manifest(&app)).await?.succeeded()?;
        scene.phase("app", "Initialized", Duration::from_secs(120)).await?;
        scene.reachable("app", Duration::from_secs(60)).await?;
        let load = scene.load("app")?.start()?;
        released(scene, &manifest(&app.at("v2"))).await?;
        scene.unlabel().await?;
        scene.kubectl(&["delete", "canary", "app"]).await?.succeeded()?;
        let objects = scene.objects();
        wait_for("primary to be gone", Duration::from_secs(120), async || {
            Ok(objects
                .deployments()
                .get_opt("app-primary")
                .await?
                .is_none()
                .then_some(()))
        })
        .await?;
        assert_eq!(selects(&pod_spec(scene, "app").await?), own());
        let target = objects.deployments().get("app").await?;
        let annotations: BTreeMap<String, String> = target.metadata.annotations.unwrap_or_default();
        assert_eq!(annotations.get(RECORD), None);
        let report = load.stop().await?;
        report.nothing_lost()?;
        assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_do_not_exist_are_named_in_the_rollback() {
    play("overrides-pending", async |scene| {
        let app = App::new("app", "v1");
        scene.label().await?;
        serving(scene, &app, &json!({"nodeSelector": {"example.com/pool": "none"}}), 15).await?;
        let load = scene.load("app")?.start()?;
        scene.apply(&manifest(&app.at("v2"))).await?.succeeded()?;
        scene.phase("app", "Progressing", Duration::from_secs(90)).await?;
        scene.phase("app", "Failed", PATIENCE).await?;
        let report = load.stop().await?;
        report.nothing_lost()?;
        assert_eq!(report.first_seen("v2"), None, "no user met it");
        let why = "Unschedulable";
        scene.told("app", why, |said| said.contains(why)).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_webhook_the_controller_moves_canary_pods_by_itself() {
    play("overrides-webhookless", async |scene| {
        let app = App::new("app", "v1");
        serving(scene, &app, &wish(), 60).await?;
        let load = scene.load("app")?.start()?;
        scene.apply(&manifest(&app.at("v2"))).await?.succeeded()?;
        scene.at_weight("app", 20, PATIENCE).await?;
        assert_eq!(running(scene, "app").await?.len(), 2);
        each_on_its_nodes(scene, &wish()).await?;
        scene.phase("app", "Succeeded", PATIENCE).await?;
        scene.rests("app", Duration::from_secs(60)).await?;
        assert_eq!(selects(&pod_spec(scene, "app-primary").await?), own());
        load.stop().await?.nothing_lost()
    })
    .await;
}
