//! `e2e record`: what the real Flagger does in the histories of `tests/flagger`, written back into them. The program's own
//! tests replay them against our machine, so the recording is made once, whenever a history is added or Flagger moves.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Event;
use kube::api::DynamicObject;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::install::{Profile, install, root};
use crate::peer::{self, Flagger};
use crate::scene::{Answer, App, Hooks, Scene};

/// What client-go puts before a message once an object has had many events; Flagger did not write it.
const COMBINED: &str = "(combined from similar events): ";
const QUERY: &str = "/api/v1/query";
/// No history takes longer; Flagger raises intervals to 10 s.
const LONGEST: Duration = Duration::from_secs(400);
/// Events of the end are on their way when the phase is seen; a history that goes on afterwards says for how long.
const AFTERWARDS: u64 = 5;

/// Records the histories of these names, or all.
pub async fn record(names: &[String]) -> Result<()> {
    let cluster = Cluster::up()?;
    install(&cluster, Profile::Dev).await?;
    let stage = Scene::open("record").await?;
    peer::coalmine(&stage, 0).await?;
    let flagger = Flagger::start(&stage).await?;
    let recorded = futures::stream::iter(histories(names)?)
        .map(|file| async move { one(&file).await.with_context(|| file.display().to_string()) })
        .buffer_unordered(5)
        .try_collect::<()>()
        .await;
    flagger.stop(&stage).await?;
    peer::coalmine(&stage, peer::INSTALLED).await?;
    stage.close().await?;
    recorded
}

fn histories(names: &[String]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/flagger"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "json") && (names.is_empty() || names.contains(&name)) {
            files.push(path);
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "no history has that name");
    Ok(files)
}

async fn one(file: &Path) -> Result<()> {
    let mut history: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let scene = Scene::open(&format!("rec-{name}")).await?;
    let seen = play(&scene, &history).await?;
    scene.close().await?;
    history["flagger"] = seen;
    std::fs::write(file, format!("{}\n", serde_json::to_string_pretty(&history)?))?;
    println!("{name}: recorded");
    Ok(())
}

async fn play(scene: &Scene, history: &Value) -> Result<Value> {
    let metrics = scene.hooks().await?;
    metrics.answer(QUERY, answer("pass"));
    let app = App::new("app", "v1");
    scene.apply(&app.manifest()).await?.succeeded()?;
    scene.apply(&template(&metrics).to_string()).await?.succeeded()?;
    scene
        .apply(&canary(scene, &app, history)?.to_string())
        .await?
        .succeeded()?;
    scene.phase("app", "Initialized", Duration::from_secs(180)).await?;
    script(&metrics, history)?;
    let seen = follow(scene, &app, history).await;
    if seen.is_err() {
        scene.dump().await;
    }
    seen
}

// What the checks find, one after the other; the last answer stands for all that follow.
fn script(metrics: &Hooks, history: &Value) -> Result<()> {
    let answers = history["answers"].as_array().context("answers")?;
    let (last, first) = answers.split_last().context("at least one answer")?;
    for word in first {
        metrics.once(QUERY, answer(word.as_str().unwrap_or_default()));
    }
    metrics.answer(QUERY, answer(last.as_str().unwrap_or_default()));
    Ok(())
}

fn answer(word: &str) -> Answer {
    let result = match word {
        "none" => json!([]),
        // The availability check of a provider wants a 1.
        word => json!([{"metric": {}, "value": [0, if word == "pass" { "1" } else { "0" }]}]),
    };
    Answer::approve().body(json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string())
}

fn template(metrics: &Hooks) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "probe"},
        "spec": {"provider": {"type": "prometheus", "address": metrics.url("")}, "query": "probe"},
    })
}

fn canary(scene: &Scene, app: &App, history: &Value) -> Result<Value> {
    let mut analysis = history["analysis"].clone();
    analysis["metrics"] = json!([{
        "name": "probe", "templateRef": {"name": "probe"}, "thresholdRange": {"min": 1}, "interval": "10s",
    }]);
    let mut canary = app.canary(&scene.host("app"), &analysis, 120);
    if history["skipAnalysis"] == true {
        canary["spec"]["skipAnalysis"] = json!(true);
    }
    Ok(canary)
}

// What is seen from the first act on: events as they are written, phases as they change.
async fn follow(scene: &Scene, app: &App, history: &Value) -> Result<Value> {
    let objects = scene.objects();
    let about = watcher::Config::default().fields("involvedObject.kind=Canary,involvedObject.name=app");
    let mut events = watcher(objects.events(), about).applied_objects().boxed();
    let mut canaries = watcher(objects.canaries(), watcher::Config::default())
        .applied_objects()
        .boxed();
    let mut acts = history["script"].as_array().context("script")?.iter().peekable();
    let (mut said, mut phases): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let until = history["until"].as_str().context("until")?;
    let afterwards = Duration::from_secs(history["afterwards"].as_u64().unwrap_or(AFTERWARDS));
    let (began, mut ended) = (Instant::now(), None::<Instant>);
    let mut listing = true;
    let mut pause = tokio::time::interval(Duration::from_millis(200));
    loop {
        while let Some(act) = acts.next_if(|act| !listing && is_time(act, &said, &scene.namespace)) {
            let version = act["apply"].as_str().context("apply")?;
            scene.apply(&app.at(version).manifest()).await?.succeeded()?;
        }
        tokio::select! {
            event = events.try_next() => if let Some(message) = event?.and_then(|e: Event| e.message) && !listing {
                said.push(message.replace(&scene.namespace, "NS").replace(COMBINED, ""));
            },
            canary = canaries.try_next() => if let Some(phase) = canary?.and_then(phase) && !listing && phases.last() != Some(&phase) {
                phases.push(phase);
            },
            // What was there before the first act is listed at once.
            _ = pause.tick() => listing = listing && began.elapsed() < Duration::from_secs(2),
        }
        let over = acts.peek().is_none() && phases.last().is_some_and(|phase| phase == until) && phases.len() > 1;
        match ended {
            _ if !over => ended = None,
            None => ended = Some(Instant::now()),
            Some(since) if since.elapsed() > afterwards => break,
            Some(_) => {}
        }
        if began.elapsed() > LONGEST {
            bail!("it never was {until}: {phases:?} {said:?}");
        }
    }
    said.retain(|message| !message.contains("not ready: waiting for rollout"));
    Ok(json!({"events": said, "phases": phases}))
}

fn is_time(act: &Value, said: &[String], namespace: &str) -> bool {
    let after = act["after"].as_str().unwrap_or_default();
    after.is_empty() || said.iter().any(|message| message.replace(namespace, "NS") == after)
}

fn phase(canary: DynamicObject) -> Option<String> {
    canary
        .data
        .pointer("/status/phase")
        .and_then(Value::as_str)
        .map(str::to_owned)
}
