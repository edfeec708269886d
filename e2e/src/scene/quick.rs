//! Releases that end within seconds: one step, judged by hooks that the scene answers. What many cases have in common.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::invariants::exits;
use super::policy::PATIENCE;
use super::{Answer, App, CanaryView, Hooks, Said, Scene, wait_for};
use crate::load::{Load, Running, until_reachable};

/// Asked at each check: who answers it with [`Answer::halt`] lets the release fail at its first check.
pub const VERDICT: &str = "/verdict";
/// Asked before the promotion: who answers it with [`Answer::halt`] holds the release at its one weight.
pub const GATE: &str = "/gate";
/// A bound for what takes seconds.
pub const SOON: Duration = Duration::from_secs(120);
/// As long as a request on a way that should no longer be taken needs to show.
const SHOWS: Duration = Duration::from_secs(2);

/// One step of 50 %, one failed check.
pub fn analysis(hooks: &Hooks) -> Value {
    json!({"interval": "2s", "threshold": 1, "stepWeights": [50], "webhooks": [
        {"name": "verdict", "type": "rollout", "url": hooks.url(VERDICT)},
        {"name": "gate", "type": "confirm-promotion", "url": hooks.url(GATE)},
    ]})
}

/// The same as an A/B test in place of shares: so many checks, with those whom one of `users` tells (`analysis.match`).
pub fn ab_test(mut analysis: Value, checks: u32, users: &Value) -> Value {
    analysis["iterations"] = json!(checks);
    analysis["match"] = users.clone();
    if let Some(members) = analysis.as_object_mut() {
        members.remove("stepWeights");
    }
    analysis
}

/// The users of such a test who say so by a header, `x-canary: yes`.
pub fn marked() -> Value {
    json!([{"headers": {"x-canary": {"exact": "yes"}}}])
}

/// The policy of such releases.
pub fn policy(hooks: &Hooks) -> Value {
    json!({
        "provider": "gatewayapi:v1", "gatewayRefs": [{"name": "gateway", "namespace": "gateway-system"}],
        "hostnameTemplate": "{{ name }}.{{ namespace }}.example.com", "settleSeconds": 1, "drainSeconds": 1,
        // Longer than any case leaves a Deployment deleted.
        "deletionGraceSeconds": 120,
        "analysis": analysis(hooks),
    })
}

/// The namespace under that policy, and labelled.
pub async fn labelled(scene: &Scene, hooks: &Hooks) -> Result<()> {
    scene.policy(&policy(hooks)).await?;
    scene.label().await
}

/// The same with another routing provider.
pub async fn labelled_by(scene: &Scene, hooks: &Hooks, provider: &str) -> Result<()> {
    let mut policy = policy(hooks);
    policy["provider"] = json!(provider);
    scene.policy(&policy).await?;
    scene.label().await
}

/// Applies all of these at once, in that order.
pub async fn apply(scene: &Scene, items: &[Value]) -> Result<()> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    scene.apply(&list.to_string()).await?.succeeded()?;
    Ok(())
}

/// An apply says `why` its app is not enrolled, or that the API server was too busy to be asked: then an event tells it.
pub fn says_why(said: &Said, why: &str) -> Result<()> {
    let told = said.err.contains(why) || said.err.contains("could not be looked at");
    ensure!(told, "the apply says nothing of {why:?}: {}", said.err);
    Ok(())
}

/// Applies a Canary of the author's own to an app that serves in a namespace that was just labelled. kubectl looks and then
/// creates: the one that a policy makes between the two is "already there", and edited the next time.
pub async fn own_canary(scene: &Scene, canary: &Value) -> Result<()> {
    wait_for("the author's Canary to be taken", SOON, async || {
        scene.apply(&canary.to_string()).await?.succeeded().map(Some)
    })
    .await?;
    Ok(())
}

/// The way in where no data plane of the provider runs: an HTTPRoute of the author's, which the provider leaves alone, leads
/// to the Service.
pub fn way_in(scene: &Scene, app: &App) -> Value {
    app.route(&scene.host(app.name()))
}

/// Applies what an app is made of, and waits until its first version serves.
pub async fn at_rest(scene: &Scene, app: &App, items: &[Value]) -> Result<()> {
    apply(scene, items).await?;
    scene.phase(app.name(), "Initialized", SOON).await?;
    let version = scene.reachable(app.name(), SOON).await?;
    assert_eq!(version, app.version());
    Ok(())
}

/// The same with a Canary of the author's own.
pub async fn own_at_rest(scene: &Scene, app: &App, hooks: &Hooks) -> Result<()> {
    let canary = app.canary(&scene.host(app.name()), &analysis(hooks), 60);
    at_rest(scene, app, &[canary, app.deployment()]).await
}

/// Applies the next version, and holds its release at its weight.
pub async fn held(scene: &Scene, next: &App, hooks: &Hooks) -> Result<()> {
    held_at(scene, next, hooks, 50).await
}

/// The same with an analysis that has another weight.
pub async fn held_at(scene: &Scene, next: &App, hooks: &Hooks, weight: u64) -> Result<()> {
    target_held_at(scene, next.name(), next.deployment(), hooks, weight).await
}

/// The same of a target that may be another than a Deployment, by its manifest.
pub async fn target_held_at(scene: &Scene, name: &str, next: Value, hooks: &Hooks, weight: u64) -> Result<()> {
    let held = gated(scene, name, next, hooks).await?;
    assert_eq!(held.weight(), weight);
    Ok(())
}

/// Applies the next version, and holds its release in its A/B test.
pub async fn held_in_test(scene: &Scene, next: &App, hooks: &Hooks) -> Result<()> {
    gated(scene, next.name(), next.deployment(), hooks).await.map(drop)
}

async fn gated(scene: &Scene, name: &str, next: Value, hooks: &Hooks) -> Result<CanaryView> {
    hooks.answer_to(name, GATE, Answer::halt());
    apply(scene, &[next]).await?;
    scene.phase(name, "WaitingPromotion", SOON).await
}

/// Lets a release that is held go on.
pub fn let_go(app: &App, hooks: &Hooks) {
    hooks.answer_to(app.name(), GATE, Answer::approve());
}

/// Applies the next version and lets it fail; it is at rest again.
pub async fn failed(scene: &Scene, next: &App, hooks: &Hooks) -> Result<()> {
    hooks.answer_to(next.name(), VERDICT, Answer::halt());
    apply(scene, &[next.deployment()]).await?;
    scene.phase(next.name(), "Failed", SOON).await?;
    exits(scene, next.name(), SOON).await?;
    hooks.answer_to(next.name(), VERDICT, Answer::approve());
    Ok(())
}

/// Waits until a release is promoted, the target rests and the gateway says so.
pub async fn succeeded(scene: &Scene, app: &App) -> Result<()> {
    promoted(scene, app).await?;
    assert_eq!(scene.reachable(app.name(), SOON).await?, app.version());
    Ok(())
}

/// Waits until a release is promoted and the target rests. Primary has it before: the phase may still be that of the
/// release before.
pub async fn promoted(scene: &Scene, app: &App) -> Result<()> {
    let (primary, wanted) = (
        format!("{}-primary", app.name()),
        json!({"name": "VERSION", "value": app.version()}),
    );
    wait_for(&format!("{primary} to be {}", app.version()), PATIENCE, async || {
        let live = scene.objects().deployments().get_opt(&primary).await?;
        let live = serde_json::to_value(live)?;
        let env = live.pointer("/spec/template/spec/containers/0/env");
        let env = env.and_then(Value::as_array).into_iter().flatten();
        Ok(env.into_iter().any(|entry| *entry == wanted).then_some(()))
    })
    .await?;
    scene.phase(app.name(), "Succeeded", PATIENCE).await?;
    exits(scene, app.name(), SOON).await
}

/// Waits until nothing of Coalmine is left of an app, and its Deployment serves by itself.
pub async fn left(scene: &Scene, name: &str) -> Result<()> {
    let objects = scene.objects();
    wait_for(
        &format!("{name} to be a plain Deployment that serves"),
        SOON,
        async || {
            let primary = objects.deployments().get_opt(&format!("{name}-primary")).await?;
            let gone = primary.is_none() && objects.canary(name).await?.is_none();
            let target = objects.deployments().get(name).await?;
            let ready = target
                .status
                .and_then(|status| status.ready_replicas)
                .unwrap_or_default();
            Ok((gone && ready > 0).then_some(()))
        },
    )
    .await?;
    shows().await;
    Ok(())
}

/// Lets requests go on for as long as it takes to see that they go the right way.
pub async fn shows() {
    tokio::time::sleep(SHOWS).await;
}

/// Lets no pod more than that many be made in the namespace. Until the quota is counted, none is made at all.
pub async fn room_for(scene: &Scene, pods: u32) -> Result<()> {
    let hard = format!("--hard=pods={pods}");
    scene.kubectl(&["create", "quota", "room", &hard]).await?.succeeded()?;
    Ok(())
}

/// Takes that quota away.
pub async fn room_again(scene: &Scene) -> Result<()> {
    scene.kubectl(&["delete", "quota", "room"]).await?.succeeded()?;
    Ok(())
}

/// Waits until the route of that name gives the canary that weight.
pub async fn routed(scene: &Scene, route: &str, weight: u64) -> Result<()> {
    let canary = format!("{route}-canary");
    wait_for(&format!("{canary} to have {weight} %"), SOON, async || {
        let weights = scene.objects().weights(route).await?.context("the route is there")?;
        let has = weights.iter().any(|(name, is)| *name == canary && *is == weight);
        Ok(has.then_some(()))
    })
    .await
}

/// How many pods a Deployment is to have.
pub async fn replicas(scene: &Scene, deployment: &str) -> Result<i32> {
    let found = scene.objects().deployments().get(deployment).await?;
    Ok(found.spec.and_then(|spec| spec.replicas).unwrap_or_default())
}

/// A light load on a Service from inside, once it is reached.
pub async fn inside(scene: &Scene, service: &str) -> Result<Running> {
    let load = scene.service_load(service).await?;
    once_reached(Load { rate: 25, ..load }).await
}

/// The usual load on a Service from inside, once it is reached.
pub async fn by_service(scene: &Scene, service: &str) -> Result<Running> {
    once_reached(scene.service_load(service).await?).await
}

/// A Service's rules reach the nodes a moment after its endpoints are known.
async fn once_reached(load: Load) -> Result<Running> {
    until_reachable(&load, SOON).await?;
    load.start()
}

/// `kubectl scale` of these Deployments. One whose number cannot be noted in time is refused, and whoever asked asks again.
pub async fn scaled(scene: &Scene, deployments: &[&str], count: u32) -> Result<Said> {
    let count = format!("--replicas={count}");
    let asked = [&["scale", "deployment"][..], deployments, &[count.as_str()]].concat();
    wait_for(&format!("{deployments:?} to be scaled"), SOON, async || {
        scene.kubectl(&asked).await?.succeeded().map(Some)
    })
    .await
}

/// `kubectl replace` of the object of that name. One that crosses a controller's write of the status is a conflict, and whoever
/// sent it sends it again.
pub async fn put(scene: &Scene, name: &str, manifest: &str) -> Result<Said> {
    wait_for(&format!("a PUT of {name} that crosses nothing"), PATIENCE, async || {
        let said = scene.kubectl_with(&["replace", "-f", "-"], manifest).await?;
        Ok((!said.err.contains("(Conflict)")).then_some(said))
    })
    .await
}

/// Waits until a Deployment has one ready pod.
pub async fn has_a_pod(scene: &Scene, deployment: &str) -> Result<()> {
    wait_for(&format!("a ready pod of {deployment}"), SOON, async || {
        let found = scene.objects().deployments().get(deployment).await?;
        let ready = found.status.and_then(|status| status.ready_replicas);
        Ok((ready == Some(1)).then_some(()))
    })
    .await
}
