//! `make demo`: a plain `kubectl apply` of a plain Deployment becomes a canary release, watched live.

mod release;
mod table;
mod view;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::cluster::Cluster;
use crate::install::{Profile, install};
use crate::load::{Load, Report};
use crate::scene::{App, OPT_IN, Scene, wait_for};
use release::{DemoRelease, Wanted};
use view::View;

/// The demo's namespace; it stays, so that people can go on by hand.
const NAMESPACE: &str = "demo";
const APP: &str = "app";

/// Shows a good and a bad release on the real cluster. Fails unless everything held.
pub async fn demo() -> Result<()> {
    let began = Instant::now();
    say("1. A real Kubernetes, a gateway, Prometheus; and Coalmine, installed from its chart");
    let cluster = Cluster::up()?;
    install(&cluster, Profile::Dev).await?;

    let scene = fresh_namespace(cluster).await?;
    let first = App::new(APP, "v1");
    say("2. The namespace opts in, and a plain Deployment is applied");
    scene.label().await?;
    println!("   $ kubectl label namespace {NAMESPACE} {OPT_IN}=true");
    apply(&scene, &first).await?;
    scene.phase(APP, "Initialized", Duration::from_secs(60)).await?;
    scene.reachable(APP, Duration::from_secs(20)).await?;
    println!("   http://{} is served", scene.host(APP));

    let load: Load = scene.load(APP)?;
    say(&format!(
        "3. {} requests a second from now on, to an app that dies at once on SIGTERM",
        load.rate
    ));
    let running = load.start()?;
    let view = View::follow(&scene, APP, running.live());
    let played = play(&scene, &first).await;
    drop(view);
    let report = running.stop().await?;
    let releases = match played {
        Ok(releases) => releases,
        Err(error) => {
            scene.dump().await;
            return Err(error);
        }
    };
    close(&scene, &releases, &report, began)
}

async fn play(scene: &Scene, first: &App) -> Result<Vec<DemoRelease>> {
    tokio::time::sleep(Duration::from_secs(3)).await;
    say("4. A good release: the same Deployment, VERSION=v2");
    let good = DemoRelease::make(scene, first, &first.at("v2"), Wanted::Promoted).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    say("5. A bad release: VERSION=v3 answers half of its requests with 500");
    let failing = first.at("v3").with("ERROR_RATE", "0.5");
    let bad = DemoRelease::make(scene, &first.at("v2"), &failing, Wanted::RolledBack).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    Ok(vec![good, bad])
}

fn close(scene: &Scene, releases: &[DemoRelease], report: &Report, began: Instant) -> Result<()> {
    println!();
    print!("{}", table::render(releases, report));
    println!();
    let kubeconfig = scene.cluster.kubeconfig.display();
    println!("Go on by hand:");
    println!("  export KUBECONFIG={kubeconfig}");
    println!("  kubectl -n {NAMESPACE} set env deployment/{APP} VERSION=v4 ERROR_RATE=0");
    println!("  kubectl -n {NAMESPACE} get canaries --watch");
    println!(
        "  curl -H 'Host: {}' http://{}/",
        scene.host(APP),
        scene.cluster.gateway
    );
    println!("Take it down: make down");
    table::verdict(releases, report)?;
    println!("Everything held; the demo took {:.0} s.", began.elapsed().as_secs_f64());
    Ok(())
}

async fn apply(scene: &Scene, app: &App) -> Result<()> {
    let said = scene.apply(&app.manifest()).await?.succeeded()?;
    println!("   $ kubectl apply -f {APP}.yaml    # VERSION={}", app.version());
    for line in said.err.lines().chain(said.out.lines()) {
        println!("     {line}");
    }
    Ok(())
}

/// A namespace without anything from an earlier demo.
async fn fresh_namespace(cluster: Cluster) -> Result<Scene> {
    use k8s_openapi::api::core::v1::Namespace;
    use kube::api::{Api, DeleteParams};
    let namespaces: Api<Namespace> = Api::all(cluster.client().await?);
    if namespaces.get_opt(NAMESPACE).await?.is_some() {
        println!("   deleting what an earlier demo left");
        namespaces.delete(NAMESPACE, &DeleteParams::default()).await?;
        wait_for("the earlier demo to be gone", Duration::from_secs(60), async || {
            let left = namespaces.get_opt(NAMESPACE).await?;
            Ok(left.is_none().then_some(()))
        })
        .await?;
    }
    let scene = Scene::on(cluster, NAMESPACE)
        .await
        .context("the demo needs its namespace")?;
    ensure!(
        scene.objects().canary(APP).await?.is_none(),
        "the fresh namespace already has a canary"
    );
    Ok(scene)
}

fn say(step: &str) {
    println!("\n{step}");
}
