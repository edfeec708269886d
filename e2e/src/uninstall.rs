//! Coalmine goes, in every order things can be deleted in: apps serve by themselves afterwards, nothing of ours is left, and
//! whatever is deleted goes. It takes the installation away, so it is no scene of the suite: it runs after it, alone.

mod brake;
mod closed;
mod residue;

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::install::{self, Profile, run};
use crate::load::Running;
use crate::scene::{App, SYSTEM, Scene, wait_for};

/// Every definition.
const DEFINITIONS: [&str; 4] = [
    "canaries.flagger.app",
    "metrictemplates.flagger.app",
    "alertproviders.flagger.app",
    "canarypolicies.coalmine.dev",
];
/// What somebody would like an administrator to make for him.
const PLANTED: &str = "coalmine-e2e-planted";
/// For what takes a rollout and a drain.
const SOON: Duration = Duration::from_secs(120);

/// A cluster and the image to install from.
struct Stage {
    cluster: Cluster,
    tag: String,
}

/// Two apps in a namespace of their own, under load: `app`, of the label alone, and `mine`, with a Canary that its author
/// wrote.
struct Apps {
    scene: Scene,
    loads: Vec<Running>,
}

/// All orders, one after the other.
pub async fn every_order() -> Result<()> {
    let cluster = Cluster::attach().context("this plays on a cluster that is up: make up")?;
    let tag = install::images(&cluster, Profile::Dev).await?;
    let stage = Stage { cluster, tag };
    told("the webhook configurations", brake::pulled(&stage)).await?;
    told("the webhook, which fails closed,", closed::to_specs_alone(&stage)).await?;
    told("a namespace with apps", namespace_first(&stage)).await?;
    told("helm uninstall", by_helm(&stage)).await?;
    told("the definitions", definitions_first(&stage)).await?;
    told("the program", program_first(&stage)).await?;
    told("the program, which comes back to leave,", back_to_leave(&stage)).await?;
    told("the program's namespace", programs_namespace_first(&stage)).await
}

async fn told(first: &str, order: impl Future<Output = Result<()>>) -> Result<()> {
    let began = Instant::now();
    order.await.with_context(|| format!("{first} first"))?;
    println!("{first} first: {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

async fn namespace_first(stage: &Stage) -> Result<()> {
    stage.installed().await?;
    let apps = stage.enrolled("un-namespace").await?;
    for load in apps.loads {
        drop(load.stop().await?);
    }
    residue::namespace_goes(&apps.scene).await
}

async fn by_helm(stage: &Stage) -> Result<()> {
    stage.installed().await?;
    let apps = stage.enrolled("un-helm").await?;
    stage
        .helm(&["uninstall", "coalmine", "--wait", "--timeout", "300s"])
        .await?;
    residue::no_configurations(&apps.scene).await?;
    apps.serve_by_themselves().await?;
    let mine = apps
        .scene
        .objects()
        .canary("mine")
        .await?
        .context("what somebody wrote stays")?;
    ensure!(
        mine.conditions().iter().any(|line| line.starts_with("GivenBack: ")),
        "the Canary does not say that its app was given back: {:?}",
        mine.conditions()
    );
    residue::none_of_pairs(&apps.scene).await?;
    // A new installation takes up what was left, and nobody stays on his way out.
    stage.installed().await?;
    apps.scene.phase("mine", "Initialized", SOON).await?;
    apps.scene.phase("app", "Initialized", SOON).await?;
    let scene = apps.nothing_lost().await?;
    residue::namespace_goes(&scene).await
}

async fn definitions_first(stage: &Stage) -> Result<()> {
    stage.installed().await?;
    let apps = stage.enrolled("un-definitions").await?;
    let mut args = vec!["delete", "crd", "--timeout=240s"];
    args.extend(DEFINITIONS);
    apps.scene.kubectl(&args).await?.succeeded()?;
    apps.serve_by_themselves().await?;
    // Nothing is held for a pair that nobody can make any more.
    let brand_new = App::new("late", "v1");
    apps.scene.apply(&brand_new.manifest()).await?.succeeded()?;
    wait_for("a new app to serve without Canaries", SOON, async || {
        let late = apps.scene.objects().deployments().get("late").await?;
        Ok((late.status.and_then(|status| status.ready_replicas) == Some(2)).then_some(()))
    })
    .await?;
    residue::none_of_pairs(&apps.scene).await?;
    stage
        .helm(&["uninstall", "coalmine", "--wait", "--timeout", "300s"])
        .await?;
    residue::no_configurations(&apps.scene).await?;
    let scene = apps.nothing_lost().await?;
    residue::namespace_goes(&scene).await
}

async fn program_first(stage: &Stage) -> Result<()> {
    stage.installed().await?;
    let apps = stage.enrolled("un-program").await?;
    stage.helm(&["uninstall", "coalmine", "--no-hooks", "--wait"]).await?;
    // They belong to what is gone.
    residue::no_configurations(&apps.scene).await?;
    stage.rescued(apps).await
}

/// The shorter way out where the image can still be had.
async fn back_to_leave(stage: &Stage) -> Result<()> {
    stage.installed().await?;
    let apps = stage.enrolled("un-back").await?;
    stage.helm(&["uninstall", "coalmine", "--no-hooks", "--wait"]).await?;
    residue::no_configurations(&apps.scene).await?;
    stage.installed().await?;
    stage
        .helm(&["uninstall", "coalmine", "--wait", "--timeout", "300s"])
        .await?;
    residue::no_configurations(&apps.scene).await?;
    apps.serve_by_themselves().await?;
    residue::none_of_pairs(&apps.scene).await?;
    let scene = apps.nothing_lost().await?;
    residue::namespace_goes(&scene).await
}

async fn programs_namespace_first(stage: &Stage) -> Result<()> {
    stage.installed().await?;
    let apps = stage.enrolled("un-system").await?;
    let args = ["delete", "namespace", SYSTEM, "--timeout=240s"];
    apps.scene.kubectl(&args).await?.succeeded()?;
    stage.rescued(apps).await
}

impl Stage {
    async fn installed(&self) -> Result<()> {
        install::chart(&self.cluster, &self.tag).await
    }

    async fn helm(&self, args: &[&str]) -> Result<String> {
        let mut helm = Command::new(&self.cluster.helm);
        helm.args(["--namespace", SYSTEM])
            .args(args)
            .env("KUBECONFIG", &self.cluster.kubeconfig);
        run(&mut helm).await
    }

    async fn enrolled(&self, name: &str) -> Result<Apps> {
        let scene = Scene::open(name).await?;
        match loaded(&scene).await {
            Ok(loads) => Ok(Apps { scene, loads }),
            Err(error) => {
                scene.dump().await;
                Err(error)
            }
        }
    }

    /// The lines of the manual, with nothing but kubectl.
    async fn rescued(&self, apps: Apps) -> Result<()> {
        plant(&apps.scene).await?;
        let folder = self.cluster.kubectl.parent().context("kubectl is in a folder")?;
        let path = std::env::var("PATH").unwrap_or_default();
        let mut sh = Command::new("sh");
        // As the manual has it.
        sh.arg("-c")
            .arg(coalmine::cli::rescue())
            .env("KUBECONFIG", &self.cluster.kubeconfig)
            .env("PATH", format!("{}:{path}", folder.display()));
        println!("{}", run(&mut sh).await?);
        nothing_grew(&apps.scene).await?;
        residue::no_configurations(&apps.scene).await?;
        // The gateway has to follow the routes before primaries go.
        tokio::time::sleep(Duration::from_secs(5)).await;
        apps.scene
            .kubectl(&["delete", "canaries", "--all", "--timeout=120s"])
            .await?
            .succeeded()?;
        apps.user_service_serves().await?;
        let scene = apps.scene;
        for load in apps.loads {
            load.stop().await?.nothing_lost()?;
        }
        residue::namespace_goes(&scene).await
    }
}

// A Service whose note of its selector ends its own command and begins another.
async fn plant(scene: &Scene) -> Result<()> {
    let command = format!("create clusterrolebinding {PLANTED} --clusterrole=view --serviceaccount=default:default");
    let note = format!("{{}}}}]'\n{command}\nversion --client '");
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "planted", "annotations": {"coalmine.dev/original-selector": note}},
        "spec": {"selector": {"app": "planted"}, "ports": [{"port": 80}]},
    });
    scene.apply(&service.to_string()).await?.succeeded()?;
    Ok(())
}

async fn nothing_grew(scene: &Scene) -> Result<()> {
    let args = ["get", "clusterrolebinding", PLANTED, "--ignore-not-found", "-o", "name"];
    let grown = scene.kubectl(&args).await?.succeeded()?.out;
    ensure!(
        grown.trim().is_empty(),
        "an annotation had the rescue lines make {grown}"
    );
    Ok(())
}

async fn loaded(scene: &Scene) -> Result<Vec<Running>> {
    let (app, mine) = (App::new("app", "v1"), App::new("mine", "v1"));
    scene.label().await?;
    let analysis = json!({"interval": "10s", "threshold": 3, "iterations": 2});
    let canary = mine.canary(&scene.host("mine"), &analysis, 60);
    // Whoever deletes the Canary wants the app served all the same: Service and route are its author's own.
    let items =
        json!({"apiVersion": "v1", "kind": "List", "items": [mine.service(), mine.route(&scene.host("mine")), canary]});
    scene.apply(&items.to_string()).await?.succeeded()?;
    scene.apply(&mine.manifest()).await?.succeeded()?;
    scene
        .apply(&app.with_service_and_route(&scene.host("app")))
        .await?
        .succeeded()?;
    let mut loads = Vec::new();
    for name in ["app", "mine"] {
        scene.phase(name, "Initialized", SOON).await?;
        scene.reachable(name, SOON).await?;
        loads.push(scene.light_load(name)?.start()?);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(loads)
}

impl Apps {
    async fn serve_by_themselves(&self) -> Result<()> {
        for name in ["app", "mine"] {
            residue::plain(&self.scene, name).await?;
        }
        // As long as requests on the old way might take to show.
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(())
    }

    // Primaries go with their Canaries, and nobody but the Deployments is left to serve.
    async fn user_service_serves(&self) -> Result<()> {
        let deployments = self.scene.objects().deployments();
        wait_for("primaries to go with their Canaries", SOON, async || {
            let left = [
                deployments.get_opt("app-primary").await?,
                deployments.get_opt("mine-primary").await?,
            ];
            Ok(left.iter().all(Option::is_none).then_some(()))
        })
        .await?;
        self.serve_by_themselves().await
    }

    async fn nothing_lost(self) -> Result<Scene> {
        for load in self.loads {
            let report = load.stop().await?;
            report.nothing_lost()?;
            println!("{} requests, 0 lost", report.requests());
        }
        Ok(self.scene)
    }
}
