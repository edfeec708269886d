//! Thirty releases at once keep their pace, and the one whose metrics server accepts and never answers delays no other.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::cluster::places::HOST;
use e2e::scene::{App, CanaryView, FakeNodes, Scene, play_alone, wait_for};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const CANARIES: usize = 30;
/// Apps whose pods are real; the others have fake ones.
const REAL: usize = 5;
/// The app whose metrics server hangs; its pods are fake.
const HUNG: usize = CANARIES - 1;
const INTERVAL: Duration = Duration::from_secs(5);
/// How far from its interval a check may be: none is left out. Whoever waited for the server that hangs would be its whole
/// patience late. How punctual checks are on a machine that has more to do than two cores can is no question of a test.
const LATE: Duration = INTERVAL;
const STEPS: [u32; 6] = [10, 20, 30, 40, 50, 60];

#[tokio::test(flavor = "multi_thread")]
async fn thirty_releases_keep_their_pace_while_the_metrics_server_of_one_hangs() {
    play_alone("many", async |scene| {
        let nodes = scene.fake_nodes(2).await?;
        let played = release(scene, &nodes).await;
        nodes.stop(scene).await?;
        played
    })
    .await;
}

async fn release(scene: &Scene, nodes: &FakeNodes) -> Result<()> {
    let hole = TcpListener::bind((HOST, 0)).await?;
    let hangs = format!("http://{}", hole.local_addr()?);
    let swallowing = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = hole.accept().await {
            held.push(connection);
        }
    });
    let templates = [
        template("answers", &scene.cluster.prometheus),
        template("hangs", &hangs),
    ];
    let canaries = (0..CANARIES).map(|number| canary(scene, number));
    let deployments = (0..CANARIES).map(|number| deployment(nodes, number, "v1"));
    scene.label().await?;
    apply(
        scene,
        templates.into_iter().chain(canaries).chain(deployments).collect(),
    )
    .await?;
    all(scene, "Initialized", CANARIES, Duration::from_secs(240)).await?;

    apply(
        scene,
        (0..CANARIES).map(|number| deployment(nodes, number, "v2")).collect(),
    )
    .await?;
    let ended = all(scene, "Succeeded", CANARIES - 1, Duration::from_secs(300)).await?;
    swallowing.abort();

    let mut late = Vec::new();
    for number in (0..CANARIES).filter(|number| *number != HUNG) {
        let seen = ended.iter().find(|seen| seen.0["metadata"]["name"] == name(number));
        let times = checks(seen.context("a Canary is gone")?)?;
        ensure!(
            times.len() >= STEPS.len(),
            "{}: only {} checks",
            name(number),
            times.len()
        );
        let interval = SignedDuration::try_from(INTERVAL)?;
        late.extend(
            times
                .windows(2)
                .map(|pair| (pair[1].duration_since(pair[0]) - interval).abs()),
        );
    }
    late.sort_unstable();
    let p99 = late[late.len() * 99 / 100];
    println!(
        "{} intervals, p99 {:.2} s from their length",
        late.len(),
        p99.as_secs_f64()
    );
    ensure!(
        p99 <= SignedDuration::try_from(LATE)?,
        "a check of a hundred is {p99:?} from its interval"
    );
    let hung = ended.iter().find(|seen| seen.0["metadata"]["name"] == name(HUNG));
    let hung = hung.context("the hung Canary is gone")?;
    ensure!(hung.phase() != "Succeeded", "a release without an answer was promoted");
    Ok(())
}

fn name(number: usize) -> String {
    format!("app-{number}")
}

fn template(name: &str, address: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": name},
        "spec": {"provider": {"type": "prometheus", "address": address}, "query": "vector(1)"}})
}

fn canary(scene: &Scene, number: usize) -> Value {
    let template = if number == HUNG { "hangs" } else { "answers" };
    let name = name(number);
    let analysis = json!({
        "interval": format!("{}s", INTERVAL.as_secs()), "threshold": 3, "stepWeights": STEPS,
        "metrics": [{"name": "one", "templateRef": {"name": template}, "thresholdRange": {"min": 1}, "interval": "5s"}]});
    App::new(&name, "v1").canary(&scene.host(&name), &analysis, 120)
}

fn deployment(nodes: &FakeNodes, number: usize, version: &str) -> Value {
    let mut deployment = App::new(&name(number), version).replicas(1).deployment();
    if number >= REAL {
        nodes.place(&mut deployment, number);
    }
    deployment
}

async fn apply(scene: &Scene, items: Vec<Value>) -> Result<()> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    scene.apply(&list.to_string()).await?.succeeded()?;
    Ok(())
}

/// Waits until so many Canaries are in `phase`; answers all of them.
async fn all(scene: &Scene, phase: &str, wanted: usize, within: Duration) -> Result<Vec<CanaryView>> {
    let objects = scene.objects();
    wait_for(&format!("{wanted} Canaries to be {phase}"), within, async || {
        let listed = objects.canaries().list(&Default::default()).await?;
        let seen = listed
            .into_iter()
            .map(|object| Ok(CanaryView(serde_json::to_value(object)?)))
            .collect::<Result<Vec<_>>>()?;
        let there = seen.iter().filter(|seen| seen.phase() == phase).count();
        Ok((there >= wanted).then_some(seen))
    })
    .await
}

/// When each check was made, in order.
fn checks(seen: &CanaryView) -> Result<Vec<Timestamp>> {
    let recorded = seen.0["status"]["canaryAnalysis"].as_array();
    let recorded = recorded.context("no check is recorded")?.iter();
    recorded
        .map(|check| Ok(check["time"].as_str().context("a check has a time")?.parse()?))
        .collect()
}
