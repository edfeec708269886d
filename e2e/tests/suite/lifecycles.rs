//! Apps from their first day to their last, as their authors' own tools take them there.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use e2e::load::until_reachable;
use e2e::scene::invariants::nothing_lost;
use e2e::scene::{App, Hooks, Scene, case, play, together, wait_for};
use serde_json::json;
use tokio::process::Command;

use crate::policy::PATIENCE;
use crate::quick::{SOON, apply, at_rest, has_a_pod, inside, labelled, policy, shows, succeeded};

#[tokio::test(flavor = "multi_thread")]
async fn what_an_author_and_his_tools_do_ends_as_he_means_it() {
    play("lifecycles", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        together(vec![
            case("by Helm", async {
                scene
                    .apart("lifecycles-helm", async |own| by_helm(own, &hooks).await)
                    .await
            }),
            case("paused by its author", paused(scene)),
            case("deleted and its pods left", orphaned(scene)),
            case("a port by hand on what was generated", port_by_hand(scene)),
            case(
                "a Canary by hand, and a Service that is shared",
                shared_by_hand(scene, &hooks),
            ),
        ])
        .await
    })
    .await;
}

fn chart(folder: &Path, app: &App) -> Result<()> {
    let templates = folder.join("templates");
    std::fs::create_dir_all(&templates)?;
    std::fs::write(
        folder.join("Chart.yaml"),
        "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    )?;
    std::fs::write(folder.join("values.yaml"), "version: v1\n")?;
    let of_version = app
        .at("OF_VERSION")
        .deployment()
        .to_string()
        .replace("OF_VERSION", "{{ .Values.version }}");
    std::fs::write(templates.join("deployment.yaml"), of_version)?;
    std::fs::write(templates.join("service.yaml"), app.service().to_string())?;
    Ok(())
}

async fn helm(scene: &Scene, args: &[&str]) -> Result<()> {
    let mut helm = Command::new(&scene.cluster.helm);
    helm.args(["--namespace", &scene.namespace])
        .args(args)
        .env("KUBECONFIG", &scene.cluster.kubeconfig);
    let output = helm.output().await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "helm {args:?}: {said}");
    Ok(())
}

/// Installed, upgraded, rolled back and uninstalled.
async fn by_helm(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let mut soon_gone = policy(hooks);
    soon_gone["deletionGraceSeconds"] = json!(5);
    scene.policy(&soon_gone).await?;
    scene.label().await?;
    let app = App::new("shop", "v1").replicas(1);
    let folder = tempfile::tempdir()?;
    chart(folder.path(), &app)?;
    let path = folder.path().to_str().context("a path")?;
    helm(scene, &["install", "shop", path]).await?;
    scene.phase("shop", "Initialized", SOON).await?;
    let load = inside(scene, "shop").await?;
    helm(scene, &["upgrade", "shop", path, "--set", "version=v2"]).await?;
    succeeded(scene, &app.at("v2")).await?;
    helm(scene, &["rollback", "shop", "1"]).await?;
    succeeded(scene, &app).await?;
    nothing_lost(&load.stop().await?)?;
    helm(scene, &["uninstall", "shop"]).await?;
    wait_for("nothing to be left of what Helm took away", PATIENCE, async || {
        let objects = scene.objects();
        let canary = objects.canary("shop").await?.is_some();
        let primary = objects.deployments().get_opt("shop-primary").await?.is_some();
        let services = objects.services().list(&Default::default()).await?.items.len();
        Ok((!canary && !primary && services == 0).then_some(()))
    })
    .await
}

async fn paused(scene: &Scene) -> Result<()> {
    let app = App::new("paused", "v1").replicas(1);
    at_rest(scene, &app, &[app.deployment()]).await?;
    let rollout = async |verb: &str| {
        scene
            .kubectl(&["rollout", verb, "deployment/paused"])
            .await?
            .succeeded()
    };
    rollout("pause").await?;
    let said = scene
        .kubectl(&["set", "env", "deployment/paused", "VERSION=v2"])
        .await?
        .succeeded()?;
    ensure!(said.err.contains("under your pause"), "{}", said.err);
    scene.says("paused", &["is paused"], SOON).await?;
    ensure!(
        scene.reachable("paused", SOON).await? == "v1",
        "nothing starts meanwhile"
    );
    rollout("resume").await?;
    succeeded(scene, &app.at("v2")).await
}

/// The ReplicaSets stay, and are the next Deployment's of that name.
async fn orphaned(scene: &Scene) -> Result<()> {
    let app = App::new("orphaned", "v1").replicas(1);
    at_rest(scene, &app, &[app.deployment()]).await?;
    let load = scene.light_load("orphaned")?.start()?;
    let delete = ["delete", "deployment", "orphaned", "--cascade=orphan"];
    scene.kubectl(&delete).await?.succeeded()?;
    shows().await;
    let next = app.at("v2");
    apply(scene, &[next.deployment()]).await?;
    succeeded(scene, &next).await?;
    nothing_lost(&load.stop().await?)
}

/// Beside the one that was generated, and both lead to who serves.
async fn port_by_hand(scene: &Scene) -> Result<()> {
    let app = App::new("ported", "v1").replicas(1);
    at_rest(scene, &app, &[app.deployment()]).await?;
    let load = inside(scene, "ported").await?;
    let port =
        json!([{"op": "add", "path": "/spec/ports/-", "value": {"name": "admin", "port": 9090, "targetPort": 9898}}]);
    scene
        .kubectl(&["patch", "service", "ported", "--type=json", "-p", &port.to_string()])
        .await?
        .succeeded()?;
    let mut second = scene.service_load("ported").await?;
    second.address.set_port(9090);
    until_reachable(&second, SOON).await?;
    let next = app.at("v2");
    apply(scene, &[next.deployment()]).await?;
    succeeded(scene, &next).await?;
    nothing_lost(&load.stop().await?)?;
    ensure!(until_reachable(&second, SOON).await? == "v2", "the second port");
    Ok(())
}

/// Nothing is held for it, and it is released as soon as nobody shares any more.
async fn shared_by_hand(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let part = |part: &str| {
        let app = App::new(&format!("hand-{part}"), "v1").replicas(1);
        app.labelled(&[("app", "hand"), ("part", part)])
    };
    let (web, worker) = (part("web"), part("worker"));
    let mut service = web.service();
    service["metadata"]["name"] = json!("hand");
    service["spec"]["selector"] = json!({"app": "hand"});
    let canary = web.canary(&scene.host("hand-web"), &crate::quick::analysis(hooks), 60);
    apply(scene, &[service, canary, worker.deployment(), web.deployment()]).await?;
    scene.says("hand-web", &["NotReleased", "Service hand"], SOON).await?;
    has_a_pod(scene, "hand-web").await?;
    has_a_pod(scene, "hand-worker").await?;
    scene
        .kubectl(&["delete", "deployment", "hand-worker"])
        .await?
        .succeeded()?;
    scene.phase("hand-web", "Initialized", PATIENCE).await?;
    Ok(())
}
