//! Two webhooks and two controllers, one of which is replaced, killed, stopped or cut off, while people go on applying.
//!
//! No apply may fail, every app must be at rest again afterwards, and a release that was applied in the middle of it is
//! found and analysed once.

mod aftermath;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kube::api::ListParams;
use rustix::process::Signal;

use super::applied::one;
use super::{Strength, at_rest};
use crate::cluster::BlackHole;
use crate::scene::policy::PATIENCE;
use crate::scene::quick::SOON;
use crate::scene::{App, Component, Replica, SYSTEM, Scene, wait_for};

pub use aftermath::{Aftermath, Fault, Onset};

/// How long a stopped or cut off replica stays so: longer than its probes need to notice.
const AWAY: Duration = Duration::from_secs(14);
/// How long a controller that leads is away: longer than its lease.
const LEADER_AWAY: Duration = Duration::from_secs(20);
/// Applies before the fault and after it.
const AROUND: Duration = Duration::from_secs(1);

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

/// Plays all faults one after the other, and shows what came of each.
pub async fn play(scene: &Scene, strength: Strength, mut seen: impl FnMut(&Aftermath) -> Result<()>) -> Result<()> {
    let applied = strength.apps();
    let released: Vec<App> = FAULTS
        .iter()
        .map(|(component, fault)| one(&format!("{}-{}", component.word(), fault.word())))
        .collect();
    at_rest(scene, applied.iter().chain(&released)).await?;
    for ((component, fault), app) in FAULTS.into_iter().zip(&released) {
        let outcome = under(scene, strength, &applied, (app, component, fault)).await?;
        println!("{}: {}", outcome.name(), outcome.measured());
        seen(&outcome)?;
    }
    for app in &applied {
        scene.rests(app.name(), SOON).await?;
        ensure!(detected(scene, app).await? == 0, "{} was analysed", app.name());
    }
    Ok(())
}

/// Applies, with the fault in the middle of them and a release in the middle of the fault.
async fn under(
    scene: &Scene,
    strength: Strength,
    applied: &[App],
    (app, component, fault): (&App, Component, Fault),
) -> Result<Aftermath> {
    let replicas = scene.complete(component, SOON).await?;
    let word = component.word();
    ensure!(replicas.len() == 2, "two of the {word} are wanted: {replicas:?}");
    let applies = strength.applies(scene, applied);
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
    let onset = done?;
    back?;
    asked?.succeeded()?;
    // What the webhook did not hold the controller has put right: no pods of what is at rest, and, as is seen at the end of all,
    // no analysis of what has not changed.
    for app in applied {
        scene.rests(app.name(), SOON).await?;
    }
    let (analysed, succeeded) = analysed(scene, app).await?;
    Ok(Aftermath {
        component,
        fault,
        onset,
        asked: strength.rate,
        report,
        analysed,
        succeeded,
    })
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

/// Does it, and waits until it is over.
async fn befall(scene: &Scene, component: Component, fault: Fault, victim: &Replica) -> Result<Onset> {
    let name = format!("deployment/{}", component.deployment());
    let began = Instant::now();
    let mut missed = Duration::ZERO;
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
            missed = away(scene, component, victim, time).await;
            // The kubelet may have killed it meanwhile, because its liveness probe failed.
            let _ = victim.signal(Signal::CONT);
        }
        Fault::CutOff(time) => {
            let _hole = BlackHole::around(victim.address)?;
            missed = away(scene, component, victim, time).await;
        }
    }
    Ok(Onset { began, missed })
}

/// Leaves it as it is for that time, and tells after how much of it readiness was off.
async fn away(scene: &Scene, component: Component, victim: &Replica, time: Duration) -> Duration {
    let began = Instant::now();
    let missed = match tokio::time::timeout(time, gone(scene, component, victim)).await {
        Ok(Ok(())) => began.elapsed(),
        Ok(Err(_)) | Err(_) => time,
    };
    tokio::time::sleep_until((began + time).into()).await;
    missed
}

/// A killed one is not ready for a moment, which is when the next look must not count it.
async fn gone(scene: &Scene, component: Component, victim: &Replica) -> Result<()> {
    wait_for("the killed one to be missed", SOON, async || {
        let left = scene.replicas(component).await?;
        Ok((!left.iter().any(|one| one.name == victim.name)).then_some(()))
    })
    .await
}

/// How often the new revision of the app was analysed, and how long after the fault it was promoted.
async fn analysed(scene: &Scene, app: &App) -> Result<(i32, Duration)> {
    let began = Instant::now();
    scene.phase(app.name(), "Succeeded", PATIENCE).await?;
    let succeeded = began.elapsed();
    wait_for("the event of its revision", SOON, async || {
        Ok((detected(scene, app).await? > 0).then_some(()))
    })
    .await?;
    Ok((detected(scene, app).await?, succeeded))
}

/// How often a new revision of the app was detected.
async fn detected(scene: &Scene, app: &App) -> Result<i32> {
    let about = ListParams::default().fields(&format!(
        "involvedObject.kind=Canary,involvedObject.name={}",
        app.name()
    ));
    let events = scene.objects().events().list(&about).await?;
    let told = events.items.into_iter().filter(|event| {
        let said = event.message.as_deref();
        said.is_some_and(|said| said.contains("New revision detected"))
    });
    Ok(told.map(|event| event.count.unwrap_or(1)).sum())
}
