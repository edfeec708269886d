//! Primary is the revision that was promoted, whole and nothing else: whoever edits it, and whatever became of the
//! ReplicaSets. Without the label there is no webhook to refuse anything, so there it is put right.

use std::time::Duration;

use anyhow::Result;
use e2e::scene::invariants::{exits, nothing_lost, primary_is_what_was_promoted, serves_only_verified, stage};
use e2e::scene::{Answer, App, Hooks, Scene, case, play, together, wait_for};
use serde_json::{Value, json};

use crate::quick::{
    SOON, VERDICT, analysis, apply, at_rest, by_service, failed, held, labelled, left, let_go, own_at_rest, shows,
    succeeded,
};

/// Asked before a release begins.
const START: &str = "/start";
/// What repairs itself does so within this.
const SECONDS: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn without_the_webhook_primary_is_what_was_promoted() {
    play("promoted", async |scene| {
        let hooks = scene.hooks().await?;
        together(vec![
            case(
                "foreign entries do not survive a promotion",
                foreign_entry(scene, &hooks),
            ),
            case("a foreign edit is put right and told", foreign_edit(scene, &hooks)),
            case(
                "a revision that comes in Replacing waits for its run",
                early(scene, &hooks),
            ),
            case(
                "a failed revision does not serve after the exit",
                leaves_as_v1(scene, &hooks),
            ),
            case("foreground deletion loses nothing", foreground(scene, &hooks)),
        ])
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_the_webhook_primary_is_what_was_promoted() {
    play("promoted-webhook", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        together(vec![
            case("an edit of primary is refused", refused_edit(scene)),
            case("a deleted primary comes back as promoted", comes_back(scene, &hooks)),
            case("unlabelling never brings a failed revision", unlabelled(scene, &hooks)),
            case(
                "a policy counts for hand-written Canaries",
                policy_counts(scene, &hooks),
            ),
            case("a Deployment's own policy counts whole", own_policy(scene, &hooks)),
        ])
        .await
    })
    .await;
}

/// Sets a variable in a Deployment as somebody who owns that entry of the list.
async fn set_env(scene: &Scene, deployment: &str, name: &str, value: &str) -> Result<()> {
    let entry = json!({"name": "app", "env": [{"name": name, "value": value}]});
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": deployment},
        "spec": {"template": {"spec": {"containers": [entry]}}},
    });
    let args = [
        "apply",
        "--server-side",
        "--field-manager=somebody",
        "--force-conflicts",
        "-f",
        "-",
    ];
    scene.kubectl_with(&args, &object.to_string()).await?.succeeded()?;
    Ok(())
}

async fn foreign_entry(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("entry", "v1").replicas(1);
    own_at_rest(scene, &app, hooks).await?;
    let next = app.at("v2");
    held(scene, &next, hooks).await?;
    set_env(scene, "entry-primary", "LEFT", "over").await?;
    let_go(&app, hooks);
    succeeded(scene, &next).await?;
    primary_is_what_was_promoted(scene, &next.deployment()).await
}

async fn foreign_edit(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("edit", "v1").replicas(1);
    own_at_rest(scene, &app, hooks).await?;
    set_env(scene, "edit-primary", "VERSION", "hack").await?;
    scene.says("edit", &["edit-primary", "put back"], SECONDS).await?;
    wait_for("primary to be what was promoted", SECONDS, async || {
        primary_is_what_was_promoted(scene, &app.deployment()).await?;
        Ok((scene.reachable("edit", SECONDS).await? == "v1").then_some(()))
    })
    .await
}

async fn early(scene: &Scene, hooks: &Hooks) -> Result<()> {
    // Primary's pods take their time, so that there is a while in which the canary carries everybody.
    let app = App::new("early", "v1").replicas(1).min_ready(4);
    let mut analysis = analysis(hooks);
    let gate = json!({"name": "start", "type": "confirm-rollout", "url": hooks.url(START)});
    analysis["webhooks"].as_array_mut().expect("hooks").push(gate);
    let canary = app.canary(&scene.host("early"), &analysis, 60);
    at_rest(scene, &app, &[canary, app.deployment()]).await?;
    let load = scene.light_load("early")?.start()?;
    apply(scene, &[app.at("v2").deployment()]).await?;
    stage(scene, "early", "Replacing", SOON).await?;
    hooks.answer_to("early", START, Answer::halt());
    apply(scene, &[app.at("v3").with("ERROR_RATE", "1").deployment()]).await?;
    // v2 is promoted to its end, and v3 waits for its beginning.
    scene.phase("early", "Waiting", SOON).await?;
    shows().await;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    serves_only_verified(&report, &["v1", "v2"])?;
    assert!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
    Ok(())
}

/// An app whose Deployment remembers no revision but the newest, that failed in version 2, and the load on its Service.
async fn forgetful(scene: &Scene, name: &str, hooks: &Hooks, canary: bool) -> Result<App> {
    let app = App::new(name, "v1").replicas(1).history(0);
    let canary = canary.then(|| app.canary(&scene.host(name), &analysis(hooks), 60));
    let items: Vec<Value> = [app.service()]
        .into_iter()
        .chain(canary)
        .chain([app.deployment()])
        .collect();
    at_rest(scene, &app, &items).await?;
    failed(scene, &app.at("v2").with("ERROR_RATE", "1"), hooks).await?;
    Ok(app)
}

async fn leaves_as_v1(scene: &Scene, hooks: &Hooks) -> Result<()> {
    forgetful(scene, "leaves", hooks, true).await?;
    let load = by_service(scene, "leaves").await?;
    scene
        .kubectl(&["delete", "canary", "leaves", "--timeout=120s"])
        .await?
        .succeeded()?;
    left(scene, "leaves").await?;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    serves_only_verified(&report, &["v1"])
}

async fn foreground(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("pruned", "v1").replicas(1);
    let canary = app.canary(&scene.host("pruned"), &analysis(hooks), 60);
    at_rest(scene, &app, &[app.service(), canary, app.deployment()]).await?;
    let load = by_service(scene, "pruned").await?;
    let delete = ["delete", "canary", "pruned", "--cascade=foreground", "--timeout=120s"];
    scene.kubectl(&delete).await?.succeeded()?;
    left(scene, "pruned").await?;
    nothing_lost(&load.stop().await?)
}

async fn refused_edit(scene: &Scene) -> Result<()> {
    let app = App::new("webhook", "v1").replicas(1);
    at_rest(scene, &app, &[app.deployment()]).await?;
    let primary = "deployment/webhook-primary";
    for edit in [
        &["set", "env", primary, "VERSION=hack"][..],
        &["set", "image", primary, "app=localhost/coalmine/nowhere:none"],
        &["rollout", "restart", primary],
    ] {
        let said = scene.kubectl(edit).await?.refused()?;
        assert!(said.err.contains("rollout restart deployment/webhook."), "{}", said.err);
    }
    // What is no part of the revision is nobody's business.
    scene.kubectl(&["annotate", primary, "team=blue"]).await?.succeeded()?;
    primary_is_what_was_promoted(scene, &app.deployment()).await
}

async fn comes_back(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = forgetful(scene, "back", hooks, false).await?;
    let objects = scene.objects();
    let before = objects.deployments().get("back-primary").await?.metadata.uid;
    scene
        .kubectl(&["delete", "deployment", "back-primary"])
        .await?
        .succeeded()?;
    wait_for("a new primary that serves", SECONDS, async || {
        let primary = objects.deployments().get("back-primary").await?;
        let ready = primary.status.and_then(|status| status.ready_replicas);
        Ok((primary.metadata.uid != before && ready == Some(1)).then_some(()))
    })
    .await?;
    assert_eq!(scene.reachable("back", SECONDS).await?, "v1");
    primary_is_what_was_promoted(scene, &app.deployment()).await?;
    scene.phase("back", "Failed", SECONDS).await?;
    exits(scene, "back", SOON).await
}

async fn unlabelled(scene: &Scene, hooks: &Hooks) -> Result<()> {
    scene
        .apart("unlabelled", async |own| {
            labelled(own, hooks).await?;
            forgetful(own, "unlabelled", hooks, false).await?;
            let load = by_service(own, "unlabelled").await?;
            own.unlabel().await?;
            left(own, "unlabelled").await?;
            let report = load.stop().await?;
            nothing_lost(&report)?;
            serves_only_verified(&report, &["v1"])
        })
        .await
}

async fn policy_counts(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("bare", "v1").replicas(1);
    let mut canary = app.canary(&scene.host("bare"), &analysis(hooks), 60);
    canary["spec"]["analysis"]
        .as_object_mut()
        .expect("an object")
        .remove("threshold");
    canary["spec"]["service"]
        .as_object_mut()
        .expect("an object")
        .remove("gatewayRefs");
    // That it is reachable says that a route to the policy's gateway was made.
    at_rest(scene, &app, &[canary, app.deployment()]).await?;
    hooks.answer_to("bare", VERDICT, Answer::halt());
    apply(scene, &[app.at("v2").deployment()]).await?;
    let failed = scene.phase("bare", "Failed", SOON).await?;
    assert_eq!(failed.failed_checks(), 1, "the policy's threshold");
    exits(scene, "bare", SOON).await
}

async fn own_policy(scene: &Scene, hooks: &Hooks) -> Result<()> {
    const SETTLE: u64 = 8;
    let mut policy = crate::quick::policy(hooks);
    policy["settleSeconds"] = json!(SETTLE);
    let named = scene.policy_as("slow", &policy).await?;
    let app = App::new("slow", "v1").replicas(1);
    let under = |app: &App| {
        let mut deployment = app.deployment();
        deployment["metadata"]["annotations"] = json!({"coalmine.dev/policy": named});
        deployment
    };
    at_rest(scene, &app, &[under(&app)]).await?;
    let next = app.at("v2");
    apply(scene, &[under(&next)]).await?;
    stage(scene, "slow", "Settling", SOON).await?;
    let settling = std::time::Instant::now();
    stage(scene, "slow", "Analysing", SOON).await?;
    let settled = settling.elapsed();
    // A watch may tell of the first a moment late. Under the other policy it would be a second.
    assert!(settled > Duration::from_secs(SETTLE - 4), "it settled for {settled:?}");
    succeeded(scene, &next).await
}
