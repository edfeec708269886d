//! Coalmine itself goes away, and what was promised holds.

use std::time::Duration;

use e2e::scene::{App, Component, SYSTEM, Scene, Seen, Timeline, play_alone, wait_for};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;

use crate::policy::PATIENCE;

const KILLS: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_while_the_webhook_is_away_goes_through_and_is_analysed_once_it_is_back() {
    play_alone("bypassed", async |scene| {
        let (app, anew) = (App::new("app", "v1"), App::new("anew", "v1"));
        scene.settled(&app).await?;
        scene.settled(&anew).await?;
        let (running, beside) = (scene.load("app")?.start()?, scene.load("anew")?.start()?);
        let replicas = scale_webhook(scene, 0).await?;
        let applied = scene.apply(&app.at("v2").manifest()).await;
        let deleted = scene.kubectl(&["delete", "deployment/anew"]).await;
        let created = scene.apply(&anew.at("v2").manifest()).await;
        scale_webhook(scene, replicas).await?;
        for said in [applied, deleted, created] {
            said?.succeeded()?;
        }
        for name in ["app", "anew"] {
            scene.phase(name, "Succeeded", PATIENCE).await?;
            analysed_once_as_bypassed(scene, name).await?;
        }
        for load in [running, beside] {
            let report = load.stop().await?;
            report.nothing_lost()?;
            assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
        }
        Ok(())
    })
    .await;
}

async fn analysed_once_as_bypassed(scene: &Scene, name: &str) -> anyhow::Result<()> {
    for once in ["bypassed admission", "New revision detected"] {
        scene.told_times(name, once, 1).await?;
    }
    let target = scene.objects().deployments().get(name).await?;
    let labels = target.metadata.labels.unwrap_or_default();
    assert!(labels.contains_key("coalmine.dev/revision"), "{name}: {labels:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_killed_again_and_again_ends_every_run_as_it_would_have() {
    play_alone("killed", async |scene| {
        let app = App::new("app", "v1");
        scene.settled(&app).await?;
        let running = scene.load("app")?.start()?;
        let timeline = Timeline::follow(scene, "app");
        let (mut killed, mut version) = (0, 1);
        while killed < KILLS {
            version += 1;
            let next = format!("v{version}");
            scene.apply(&app.at(&next).manifest()).await?.succeeded()?;
            while !released(scene, &next).await? {
                // Moments that walk through the run, a different stretch of it each time.
                let pause = 700 + u64::from(killed) * 337 % 4300;
                tokio::time::sleep(Duration::from_millis(pause)).await;
                if killed < KILLS {
                    kill_controller(scene).await?;
                    killed += 1;
                }
            }
        }
        let moments = timeline.stop().await?;
        let report = running.stop().await?;
        println!("{killed} kills in {} runs", version - 1);
        report.nothing_lost()?;
        for moment in moments {
            if let Seen::Route { primary, canary } = moment.seen {
                assert_eq!(primary + canary, 100, "the weights sum to 100 at every instant");
            }
        }
        Ok(())
    })
    .await;
}

async fn released(scene: &Scene, version: &str) -> anyhow::Result<bool> {
    let canary = scene.objects().canary("app").await?;
    let phase = canary.map(|canary| canary.phase().to_owned()).unwrap_or_default();
    anyhow::ensure!(phase != "Failed", "a good release failed");
    let primary = scene.objects().deployments().get("app-primary").await?;
    let text = serde_json::to_string(&primary.spec)?;
    Ok(phase == "Succeeded" && text.contains(&format!("\"value\":\"{version}\"")))
}

/// SIGKILL, as the kernel sends it when memory is out, and a new controller at once: the kubelet would back off from
/// starting it again, and a successor would wait until the lease of the dead one runs out.
async fn kill_controller(scene: &Scene) -> anyhow::Result<()> {
    for process in Component::Controller.programs() {
        // One that has ended meanwhile is as good as killed.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
    let pods = [
        "delete",
        "pod",
        "-n",
        SYSTEM,
        "-l",
        "app.kubernetes.io/component=controller",
    ];
    scene
        .kubectl(&[&pods[..], &["--grace-period=0", "--force"]].concat())
        .await?
        .succeeded()?;
    let lease = [
        "delete",
        "lease",
        "-n",
        SYSTEM,
        coalmine::controller::lease::NAME,
        "--ignore-not-found",
    ];
    scene.kubectl(&lease).await?.succeeded()?;
    let leases: kube::Api<Lease> = kube::Api::namespaced(scene.client.clone(), SYSTEM);
    wait_for("a new leader", Duration::from_secs(120), async || {
        let lease = leases.get_opt(coalmine::controller::lease::NAME).await?;
        let holder = lease.and_then(|lease| lease.spec).and_then(|spec| spec.holder_identity);
        Ok(holder.filter(|holder| !holder.is_empty()).map(drop))
    })
    .await
}

/// Scales the webhook and waits until that many pods answer; returns how many there were.
pub async fn scale_webhook(scene: &Scene, replicas: i32) -> anyhow::Result<i32> {
    use k8s_openapi::api::apps::v1::Deployment;
    let system: kube::Api<Deployment> = kube::Api::namespaced(scene.client.clone(), SYSTEM);
    let before = system.get("coalmine-webhook").await?;
    let count = format!("--replicas={replicas}");
    let args = ["scale", "-n", SYSTEM, "deployment/coalmine-webhook", &count];
    scene.kubectl(&args).await?.succeeded()?;
    let spec = before.spec.unwrap_or_default();
    let labels = spec.selector.match_labels.unwrap_or_default();
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let all = ListParams::default().labels(&labels.join(","));
    let pods: kube::Api<Pod> = kube::Api::namespaced(scene.client.clone(), SYSTEM);
    wait_for("the webhook to be scaled", Duration::from_secs(120), async || {
        let status = system.get("coalmine-webhook").await?.status.unwrap_or_default();
        let ready = status.ready_replicas.unwrap_or_default() == replicas;
        // One that is asked to go still serves for a while.
        let left = i32::try_from(pods.list(&all).await?.items.len())?;
        Ok((ready && left == replicas).then_some(()))
    })
    .await?;
    Ok(spec.replicas.unwrap_or(1))
}
