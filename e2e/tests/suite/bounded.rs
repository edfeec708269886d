//! Whatever servers say, however large objects are and whatever a Canary's own query asks for: the controller keeps its
//! memory, nobody's etcd is filled, and other apps' releases go on.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use e2e::scene::{App, Component, SYSTEM, Scene, http_client, play, play_alone, wait_for};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};

use crate::policy::PATIENCE;

const MINUTE: Duration = Duration::from_secs(60);
/// What an event may say, which is Kubernetes' own limit.
const SAID: usize = 1024;
/// Warnings that one object may have in the first minutes: a budget of 64, one a minute, and one that stands for the rest.
const EVENTS: usize = 70;
/// How much more memory a scene may take from the controller, in MiB.
const GROWTH: u64 = 24;

fn controller_pods(scene: &Scene) -> Api<Pod> {
    Api::namespaced(scene.client.clone(), SYSTEM)
}

/// Pods of Coalmine, and how often each was restarted.
async fn restarts(scene: &Scene) -> Result<BTreeMap<String, i32>> {
    let pods = controller_pods(scene).list(&ListParams::default()).await?;
    let count = |pod: &Pod| {
        let statuses = pod
            .status
            .as_ref()
            .and_then(|status| status.container_statuses.as_ref());
        statuses.into_iter().flatten().map(|one| one.restart_count).sum()
    };
    Ok(pods
        .iter()
        .map(|pod| (pod.metadata.name.clone().unwrap_or_default(), count(pod)))
        .collect())
}

/// Resident memory of the largest controller, in MiB.
fn memory() -> Result<u64> {
    let mut most = 0;
    for process in Component::Controller.programs() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line
            .context("the kernel says no VmRSS")?
            .trim()
            .trim_end_matches(" kB")
            .parse()?;
        most = most.max(kib / 1024);
    }
    ensure!(most > 0, "no controller runs on this machine");
    Ok(most)
}

/// A server that pods reach, which answers everything alike; its URL, and how often it was asked.
async fn server(scene: &Scene, answer: fn(usize) -> (StatusCode, Body)) -> Result<(String, Arc<AtomicUsize>)> {
    let host = scene
        .cluster
        .host
        .context("set HOST_ADDRESS to where pods reach this machine")?;
    let listener = tokio::net::TcpListener::bind((host, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let asked = Arc::<AtomicUsize>::default();
    let count = asked.clone();
    let router = Router::new().fallback(move || {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move { answer(number) }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, asked))
}

/// A Canary without a gateway, with that analysis.
fn canary(app: &App, analysis: &Value) -> Value {
    let mut canary = app.canary("", analysis, 60);
    canary["spec"]["provider"] = json!("kubernetes");
    canary["spec"]["service"] = json!({"port": 9898});
    canary
}

async fn initialized(scene: &Scene, app: &App, canary: &Value) -> Result<()> {
    scene.apply(&app.manifest()).await?.succeeded()?;
    scene.apply(&canary.to_string()).await?.succeeded()?;
    scene.phase(app.name(), "Initialized", PATIENCE).await?;
    Ok(())
}

/// A release in a namespace of its own goes well.
async fn others_go_on(scene: &Scene) -> Result<()> {
    scene
        .apart("others", async |other| {
            let app = App::new("app", "v1").replicas(1);
            other.settled(&app).await?;
            let load = other.light_load("app")?.start()?;
            other.apply(&app.at("v2").manifest()).await?.succeeded()?;
            other.phase("app", "Succeeded", PATIENCE).await?;
            load.stop().await?.nothing_lost()
        })
        .await
}

// Another megabyte each time.
fn babble(number: usize) -> (StatusCode, Body) {
    let word = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        Body::from(format!("{word:016x}").repeat(65_536)),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metrics_server_that_answers_megabytes_of_anything_fills_nothing() {
    play_alone("babble", async |scene| {
        let (before, (url, asked)) = (restarts(scene).await?, server(scene, babble).await?);
        let app = App::new("app", "v1").replicas(1);
        let analysis = json!({"interval": "1s", "threshold": 1000, "iterations": 1000,
            "metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 99}}]});
        let mut canary = canary(&app, &analysis);
        canary["spec"]["metricsServer"] = json!(url);
        initialized(scene, &app, &canary).await?;
        let resident = memory()?;
        scene.apply(&app.at("v2").manifest()).await?.succeeded()?;
        wait_for("100 answers", MINUTE * 4, async || {
            Ok((asked.load(Ordering::SeqCst) >= 100).then_some(()))
        })
        .await?;
        let events = scene.objects().events().list(&ListParams::default()).await?;
        let said: Vec<usize> = events
            .iter()
            .filter(|event| event.involved_object.kind.as_deref() == Some("Canary"))
            .map(|event| event.message.as_ref().map_or(0, String::len))
            .collect();
        let (longest, sum) = (said.iter().max().copied().unwrap_or(0), said.iter().sum::<usize>());
        let grown = memory()?.saturating_sub(resident);
        println!(
            "{} events, the longest {longest}, all {sum} bytes; {grown} MiB more than {resident}",
            said.len()
        );
        assert!(longest > 0 && longest <= SAID, "{longest}");
        // Those of the start are Normal and have a budget of their own.
        assert!(said.len() <= EVENTS + 20, "{}", said.len());
        assert!(grown <= GROWTH, "{grown} MiB");
        assert_eq!(restarts(scene).await?, before);
        Ok(())
    })
    .await;
}

// It says that all is well, and never ends.
fn endless(_: usize) -> (StatusCode, Body) {
    let chunk = Ok::<_, Infallible>(Bytes::from(vec![b'a'; 1 << 20]));
    let first = futures::stream::iter([Ok(Bytes::from_static(b"\""))]);
    (
        StatusCode::OK,
        Body::from_stream(first.chain(futures::stream::repeat(chunk))),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_receiver_whose_answer_never_ends_takes_no_memory() {
    play_alone("endless", async |scene| {
        let (before, (url, asked)) = (restarts(scene).await?, server(scene, endless).await?);
        let resident = memory()?;
        let mut alerts = Vec::new();
        for kind in ["slack", "webhook"] {
            let provider = json!({"apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider",
                "metadata": {"name": kind}, "spec": {"type": kind, "address": format!("{url}/{kind}")}});
            scene.apply(&provider.to_string()).await?.succeeded()?;
            alerts.push(json!({"name": kind, "severity": "info", "providerRef": {"name": kind}}));
        }
        let app = App::new("app", "v1").replicas(1);
        let analysis = json!({"interval": "1s", "threshold": 5, "iterations": 1, "alerts": alerts});
        initialized(scene, &app, &canary(&app, &analysis)).await?;
        wait_for("both alerts", MINUTE, async || {
            Ok((asked.load(Ordering::SeqCst) >= 2).then_some(()))
        })
        .await?;
        // The time an alert has, and as much again.
        let mut grown = 0;
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            grown = grown.max(memory()?.saturating_sub(resident));
        }
        println!(
            "{} alerts, {grown} MiB more than {resident}",
            asked.load(Ordering::SeqCst)
        );
        assert!(grown <= GROWTH, "{grown} MiB");
        assert_eq!(restarts(scene).await?, before);
        Ok(())
    })
    .await;
}

/// ConfigMaps, and as many Secrets, of a megabyte each.
const LARGE: usize = 55;

async fn make_large(scene: &Scene, number: usize) -> Result<()> {
    let meta = json!({"name": format!("big-{number}"), "labels": {"size": "large"}});
    let text = "a".repeat(1_000_000);
    let config: ConfigMap = serde_json::from_value(json!({"metadata": meta, "data": {"x": text}}))?;
    let secret: Secret = serde_json::from_value(json!({"metadata": meta, "stringData": {"x": text}}))?;
    let (objects, params) = (scene.objects(), PostParams::default());
    objects.config_maps().create(&params, &config).await?;
    objects.secrets().create(&params, &secret).await?;
    Ok(())
}

async fn among_large_configs(scene: &Scene) -> Result<()> {
    let before = restarts(scene).await?;
    let made: Vec<Result<()>> = futures::stream::iter(0..LARGE)
        .map(|number| make_large(scene, number))
        .buffer_unordered(4)
        .collect()
        .await;
    made.into_iter().collect::<Result<()>>()?;
    // One that reads ten of them: more than are copied together.
    let app = App::new("app", "v1").replicas(1);
    let mut reads = app.deployment();
    let volumes = (0..10).map(|n| json!({"name": format!("v{n}"), "configMap": {"name": format!("big-{n}")}}));
    reads["spec"]["template"]["spec"]["volumes"] = volumes.collect();
    scene.label().await?;
    scene.apply(&reads.to_string()).await?.succeeded()?;
    scene.phase("app", "Initialized", PATIENCE).await?;
    let shared = "ConfigMap big-8 and 1 more are not released with their pods";
    scene.told("app", shared, |said| said.contains(shared)).await?;
    let copies = scene.objects().config_maps().list(&ListParams::default()).await?;
    let copies = copies.iter().filter(|copy| {
        copy.metadata
            .name
            .as_ref()
            .is_some_and(|name| name.ends_with("-primary"))
    });
    assert_eq!(copies.count(), 8);
    others_go_on(scene).await?;
    println!("{} MiB", memory()?);
    assert_eq!(restarts(scene).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_configs_of_a_megabyte_stop_nobodys_release() {
    play_alone("large", async |scene| {
        let outcome = among_large_configs(scene).await;
        scene.unlabel().await?;
        for kind in ["configmaps", "secrets"] {
            scene
                .kubectl(&["delete", kind, "-l", "size=large", "--wait=false"])
                .await?
                .succeeded()?;
        }
        outcome
    })
    .await;
}

async fn series(scene: &Scene) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let mine = ListParams::default().labels("app.kubernetes.io/component=controller");
    for pod in controller_pods(scene).list(&mine).await? {
        let Some(address) = pod.status.and_then(|status| status.pod_ip) else {
            continue;
        };
        let text = http_client()
            .get(format!("http://{address}:8080/metrics"))
            .send()
            .await?
            .text()
            .await?;
        let own = format!("\"{}\"", scene.namespace);
        lines.extend(text.lines().filter(|line| line.contains(&own)).map(str::to_owned));
    }
    Ok(lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_deleted_canary_no_series_is_left() {
    play("series", async |scene| {
        let app = App::new("app", "v1").replicas(1);
        let analysis = json!({"interval": "10s", "threshold": 3, "iterations": 1});
        initialized(scene, &app, &canary(&app, &analysis)).await?;
        wait_for("series", MINUTE, async || {
            Ok((series(scene).await?.len() >= 3).then_some(()))
        })
        .await?;
        scene
            .kubectl(&["delete", "canary/app", "--timeout=60s"])
            .await?
            .succeeded()?;
        wait_for("no series", MINUTE, async || {
            Ok(series(scene).await?.is_empty().then_some(()))
        })
        .await
    })
    .await;
}

fn hostile() -> [(&'static str, String); 2] {
    let chain = format!("{{{{if name}}}}a{}{{{{end}}}}", "{{else if name}}a".repeat(30_000));
    let doubles = format!(
        "{{{{ $x := \"0123456789abcdef\" }}}}{}vector({{{{ len $x }}}})",
        "{{ $x = print $x $x }}".repeat(24)
    );
    [("chain", chain), ("doubles", doubles)]
}

// Stored where admission lets it pass: in a namespace the webhook does not look at. `false` where it is refused there too.
async fn stored(scene: &Scene, place: &str, query: &str) -> Result<bool> {
    let app = App::new("hostile", "v1").replicas(1);
    let analysis = json!({"interval": "1s", "threshold": 1000, "iterations": 1000,
        "metrics": [{"name": "m", "thresholdRange": {"max": 1}, "query": query}]});
    scene
        .kubectl_with(&["apply", "-n", place, "-f", "-"], &app.manifest())
        .await?
        .succeeded()?;
    let canary = canary(&app, &analysis).to_string();
    let said = scene.kubectl_with(&["create", "-n", place, "-f", "-"], &canary).await?;
    if said.code != Some(0) {
        println!("{place}: refused: {}", said.err.chars().take(200).collect::<String>());
        return Ok(false);
    }
    let initialized = [
        "wait",
        "-n",
        place,
        "canary/hostile",
        "--for=jsonpath={.status.phase}=Initialized",
        "--timeout=60s",
    ];
    if scene.kubectl(&initialized).await?.code != Some(0) {
        println!("{place}: stored, and not worked in");
        return Ok(false);
    }
    scene
        .kubectl(&["set", "env", "-n", place, "deployment/hostile", "V=2"])
        .await?
        .succeeded()?;
    Ok(true)
}

async fn removed(scene: &Scene, place: &str) -> Result<()> {
    let bare = [
        "patch",
        "-n",
        place,
        "canary/hostile",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ];
    scene.kubectl(&bare).await?;
    let all = "canary/hostile,deployment/hostile,deployment/hostile-primary".split(',');
    let args = ["delete", "-n", place, "--ignore-not-found", "--wait=false"]
        .into_iter()
        .chain(all);
    scene.kubectl(&args.collect::<Vec<_>>()).await?.succeeded()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_query_that_is_stored_all_the_same_ends_nothing() {
    play_alone("hostile", async |scene| {
        let before = restarts(scene).await?;
        for (name, query) in hostile() {
            for place in [scene.namespace.as_str(), "kube-public"] {
                let outcome = match stored(scene, place, &query).await {
                    Ok(true) => {
                        println!("{name} is stored in {place}");
                        others_go_on(scene).await
                    }
                    other => other.map(drop),
                };
                removed(scene, place).await?;
                outcome?;
                assert_eq!(restarts(scene).await?, before, "{name} in {place}");
            }
        }
        Ok(())
    })
    .await;
}
