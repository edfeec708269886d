//! Two webhooks and two controllers, one of which is replaced, killed, stopped or cut off, while people go on applying.
//!
//! No apply may fail, every app must be at rest again afterwards, and a release that was applied in the middle of it is
//! found and analysed once. What is measured is printed, and is what docs/reliability.md says.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::cluster::BlackHole;
use e2e::scene::{App, Component, Replica, Report, SYSTEM, Scene, play_alone, wait_for};
use rustix::process::Signal;
use serde_json::json;

use crate::policy::PATIENCE;
use crate::quick::SOON;

/// Apps at rest that are applied again and again.
const APPLIED: usize = 10;
/// Applies a second: as many as an API server and the debug build carry on two cores beside everything else.
const RATE: u32 = 40;
/// How long a stopped or cut off replica stays so: longer than its probes need to notice.
const AWAY: Duration = Duration::from_secs(14);
/// How long a controller that leads is away: longer than its lease.
const LEADER_AWAY: Duration = Duration::from_secs(20);
/// Applies before the fault and after it.
const AROUND: Duration = Duration::from_secs(1);

/// What is done to a replica.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// `kubectl rollout restart`: all of them, one after the other.
    Rolled,
    /// SIGKILL.
    Killed,
    /// SIGSTOP, and SIGCONT when others have long taken over.
    Stopped(Duration),
    /// All its packets are dropped.
    CutOff(Duration),
}

impl Fault {
    fn word(self) -> &'static str {
        match self {
            Self::Rolled => "rolled",
            Self::Killed => "killed",
            Self::Stopped(_) => "stopped",
            Self::CutOff(_) => "cut-off",
        }
    }

    /// Of the applies meanwhile, how many the API server may have stored without waiting for the webhook. Those on their
    /// way to a replica that is gone are lost with it; one that does not answer costs what its probes need to notice.
    fn not_held(self, component: Component) -> usize {
        match (component, self) {
            (Component::Controller, _) | (_, Self::Rolled) => 0,
            (Component::Webhook, Self::Killed) => 60,
            (Component::Webhook, Self::Stopped(_) | Self::CutOff(_)) => 900,
        }
    }
}

const FAULTS: [(Component, Fault); 8] = [
    (Component::Webhook, Fault::Rolled),
    (Component::Webhook, Fault::Killed),
    (Component::Webhook, Fault::Stopped(AWAY)),
    (Component::Webhook, Fault::CutOff(AWAY)),
    (Component::Controller, Fault::Rolled),
    (Component::Controller, Fault::Killed),
    (Component::Controller, Fault::Stopped(LEADER_AWAY)),
    (Component::Controller, Fault::CutOff(LEADER_AWAY)),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_may_go_in_any_way_and_no_apply_fails_is_missed_or_analysed_twice() {
    play_alone("two", async |scene| {
        let applied: Vec<App> = (0..APPLIED).map(|number| one(&format!("app-{number}"))).collect();
        let released: Vec<App> = FAULTS
            .iter()
            .map(|(component, fault)| one(&release(*component, *fault)))
            .collect();
        at_rest(scene, applied.iter().chain(&released)).await?;
        for ((component, fault), app) in FAULTS.into_iter().zip(&released) {
            let report = under(scene, &applied, app, component, fault).await?;
            report.none_failed()?;
            ensure!(report.not_held <= fault.not_held(component), "{}", report.line());
        }
        for app in &applied {
            scene.rests(app.name(), SOON).await?;
            ensure!(detected(scene, app).await? == 0, "{} was analysed", app.name());
        }
        Ok(())
    })
    .await;
}

fn one(name: &str) -> App {
    App::new(name, "v1").replicas(1)
}

fn release(component: Component, fault: Fault) -> String {
    format!("{}-{}", component.word(), fault.word())
}

/// Enrols these apps, with one step and nothing that could fail it, and waits until they rest.
pub async fn at_rest(scene: &Scene, apps: impl Iterator<Item = &App> + Clone) -> Result<()> {
    scene.policy(&policy()).await?;
    scene.label().await?;
    let items: Vec<_> = apps.clone().map(App::deployment).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    scene.apply(&list.to_string()).await?.succeeded()?;
    for app in apps {
        scene.phase(app.name(), "Initialized", PATIENCE).await?;
        scene.rests(app.name(), SOON).await?;
    }
    Ok(())
}

/// One step, and nothing that could fail it.
fn policy() -> serde_json::Value {
    json!({
        "provider": "gatewayapi:v1", "gatewayRefs": [{"name": "gateway", "namespace": "gateway-system"}],
        "hostnameTemplate": "{{ name }}.{{ namespace }}.example.com", "settleSeconds": 1, "drainSeconds": 1,
        "analysis": {"interval": "2s", "threshold": 1, "stepWeights": [50]},
    })
}

/// Applies, with the fault in the middle of them and a release in the middle of the fault.
async fn under(scene: &Scene, applied: &[App], app: &App, component: Component, fault: Fault) -> Result<Report> {
    let replicas = scene.complete(component, SOON).await?;
    ensure!(
        replicas.len() == 2,
        "two of the {} are wanted: {replicas:?}",
        component.word()
    );
    let applies = scene.applies(applied, RATE);
    let victim = match component {
        Component::Controller => scene.leader(SOON).await?,
        Component::Webhook => busiest(&replicas).await?,
    };
    let (done, asked) = tokio::join!(befall(scene, component, fault, &victim), async {
        tokio::time::sleep(AROUND).await;
        scene.apply(&app.at("v2").manifest()).await
    });
    let back = scene.complete(component, PATIENCE).await;
    tokio::time::sleep(AROUND).await;
    let report = applies.stop().await?;
    println!("{} {}: {}", component.word(), fault.word(), report.line());
    done?;
    back?;
    asked?.succeeded()?;
    analysed_once(scene, app).await?;
    Ok(report)
}

/// Who works most while people apply: an API server keeps to one of several webhooks, and the other's end is none.
async fn busiest(replicas: &[Replica]) -> Result<Replica> {
    let before: Vec<u64> = replicas.iter().map(Replica::used).collect::<Result<_>>()?;
    tokio::time::sleep(2 * AROUND).await;
    let mut worked = Vec::new();
    for (replica, before) in replicas.iter().zip(before) {
        worked.push((replica.used()?.saturating_sub(before), replica));
    }
    let most = worked.into_iter().max_by_key(|(ticks, _)| *ticks);
    most.map(|(_, replica)| replica.clone()).context("a replica")
}

async fn befall(scene: &Scene, component: Component, fault: Fault, victim: &Replica) -> Result<()> {
    let name = format!("deployment/{}", component.deployment());
    match fault {
        Fault::Rolled => {
            scene
                .kubectl(&["rollout", "restart", "-n", SYSTEM, &name])
                .await?
                .succeeded()?;
            let status = ["rollout", "status", "-n", SYSTEM, &name, "--timeout=120s"];
            scene.kubectl(&status).await?.succeeded()?;
        }
        Fault::Killed => {
            victim.signal(Signal::KILL)?;
            gone(scene, component, victim).await?;
        }
        Fault::Stopped(time) => {
            victim.signal(Signal::STOP)?;
            tokio::time::sleep(time).await;
            // The kubelet may have killed it meanwhile, because its liveness probe failed.
            let _ = victim.signal(Signal::CONT);
        }
        Fault::CutOff(time) => {
            let _hole = BlackHole::around(victim.address)?;
            tokio::time::sleep(time).await;
        }
    }
    Ok(())
}

/// A killed one is not ready for a moment, which is when the next look must not count it.
async fn gone(scene: &Scene, component: Component, victim: &Replica) -> Result<()> {
    wait_for("the killed one to be missed", SOON, async || {
        let left = scene.replicas(component).await?;
        Ok((!left.iter().any(|one| one.name == victim.name)).then_some(()))
    })
    .await
}

async fn analysed_once(scene: &Scene, app: &App) -> Result<()> {
    let began = Instant::now();
    scene.phase(app.name(), "Succeeded", PATIENCE).await?;
    wait_for("the event of its revision", SOON, async || {
        Ok((detected(scene, app).await? > 0).then_some(()))
    })
    .await?;
    let count = detected(scene, app).await?;
    ensure!(count == 1, "{} was analysed {count} times", app.name());
    println!(
        "  {}: Succeeded {:.1} s after the fault",
        app.name(),
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// How often a new revision of the app was detected.
async fn detected(scene: &Scene, app: &App) -> Result<i32> {
    let about = kube::api::ListParams::default().fields(&format!(
        "involvedObject.kind=Canary,involvedObject.name={}",
        app.name()
    ));
    let events = scene.objects().events().list(&about).await?;
    let told = events.items.into_iter();
    let told = told.filter(|event| {
        event
            .message
            .as_ref()
            .is_some_and(|said| said.contains("New revision detected"))
    });
    Ok(told.map(|event| event.count.unwrap_or(1)).sum())
}
