//! A verdict is about this revision in this run, by its own pods, and there is one: bad ones are rolled back whatever
//! the route looks like, good ones are not failed by what they cannot have.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::scene::invariants::{exits, nothing_lost};
use e2e::scene::{Answer, App, Hooks, Scene, case, play, together, wait_for};
use serde_json::{Value, json};

use crate::policy::PATIENCE;
use crate::quick::{SOON, VERDICT, analysis, apply, at_rest, labelled, policy, shows};

#[tokio::test(flavor = "multi_thread")]
async fn bad_revisions_are_rolled_back_and_good_ones_are_not() {
    play("verdicts", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        together(vec![
            case("a canary that dies again and again", dies(scene)),
            case("a DaemonSet with errors only", daemon_set(scene)),
            case("two routes, one of which redirects", redirected(scene, &hooks)),
            case("a rule in which the app has no weight", beside_nothing(scene, &hooks)),
            case("a worker under a metric about requests", worker(scene, &hooks)),
        ])
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_are_allowed_to_be_unready_hold_up_no_release() {
    play("unready", async |scene| {
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        together(vec![
            case("thresholds below 100", thresholds(scene, &hooks)),
            case("a delay that is longer than the deadline", delayed(scene)),
        ])
        .await
    })
    .await;
}

/// Its pod passes readiness, gets its half of the users, and dies, each time: an interval is never over.
async fn dies(scene: &Scene) -> Result<()> {
    let app = App::new("dies", "v1").replicas(1);
    let analysis = json!({"interval": "60s", "threshold": 2, "stepWeights": [50]});
    let canary = app.canary(&scene.host("dies"), &analysis, 120);
    at_rest(scene, &app, &[canary, app.deployment()]).await?;
    let mut next = app.at("v2").deployment();
    next["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = json!({
        "httpGet": {"path": "/status/500", "port": 9898},
        "initialDelaySeconds": 6, "periodSeconds": 1, "failureThreshold": 1,
    });
    apply(scene, &[next]).await?;
    let failed = scene.phase("dies", "Failed", PATIENCE).await?;
    ensure!(
        failed.failed_checks() >= 2,
        "each death is a failed check: {}",
        failed.failed_checks()
    );
    exits(scene, "dies", SOON).await?;
    assert_eq!(scene.reachable("dies", SOON).await?, "v1");
    Ok(())
}

async fn daemon_set(scene: &Scene) -> Result<()> {
    let app = App::new("daemon", "v1").replicas(None);
    let manifest = |app: &App| {
        let mut object = app.deployment();
        object["kind"] = json!("DaemonSet");
        object
    };
    let success = json!({"name": "request-success-rate", "interval": "20s", "thresholdRange": {"min": 99}});
    let analysis = json!({"interval": "5s", "threshold": 2, "stepWeights": [50], "metrics": [success]});
    let mut canary = app.canary(&scene.host("daemon"), &analysis, 60);
    canary["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    at_rest(scene, &app, &[canary, manifest(&app)]).await?;
    let load = scene.light_load("daemon")?.start()?;
    apply(scene, &[manifest(&app.at("v2").with("ERROR_RATE", "1"))]).await?;
    scene.phase("daemon", "Failed", PATIENCE).await?;
    wait_for("everybody to be on v1", SOON, async || {
        let canary = scene.objects().canary("daemon").await?;
        Ok(canary.filter(|canary| canary.stage() == "Rest").map(drop))
    })
    .await?;
    shows().await;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    ensure!(
        report.errors_of("v2") > 0,
        "users met the canary: {:?}",
        report.versions()
    );
    ensure!(report.first_all_on("v1").is_some(), "{:?}", report.versions());
    Ok(())
}

/// The next version is told to be bad at its first check, after users met it.
async fn rolled_back(scene: &Scene, app: &App, hooks: &Hooks) -> Result<()> {
    let load = scene.light_load(app.name())?.start()?;
    // The gateway needs a moment until users meet it.
    hooks.answer_to(app.name(), VERDICT, Answer::halt().after(Duration::from_secs(5)));
    apply(scene, &[app.at("v2").deployment()]).await?;
    scene.phase(app.name(), "Failed", SOON).await?;
    exits(scene, app.name(), SOON).await?;
    shows().await;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    ensure!(
        report.first_seen("v2").is_some(),
        "users met the canary: {:?}",
        report.versions()
    );
    ensure!(report.first_all_on("v1").is_some(), "{:?}", report.versions());
    Ok(())
}

/// A route to the app that is called something else.
fn route(app: &App, name: &str, host: &str, rules: Value) -> Value {
    let mut route = app.route(host);
    route["metadata"]["name"] = json!(name);
    route["spec"]["rules"] = rules;
    route
}

async fn redirected(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("redirected", "v1").replicas(1);
    let host = scene.host("redirected");
    let away = json!({"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}});
    let plain = route(
        &app,
        "redirected",
        &format!("plain.{host}"),
        json!([{"filters": [away]}]),
    );
    let backend = json!({"name": "redirected", "port": 9898});
    let secure = route(&app, "redirected-tls", &host, json!([{"backendRefs": [backend]}]));
    at_rest(scene, &app, &[app.service(), plain, secure, app.deployment()]).await?;
    rolled_back(scene, &app, hooks).await
}

async fn beside_nothing(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("beside", "v1").replicas(1);
    let other = App::new("other", "v0").service();
    let shares = |own: u32, others: u32| json!([{"name": "other", "port": 9898, "weight": others}, {"name": "beside", "port": 9898, "weight": own}]);
    let old = json!([{"path": {"type": "PathPrefix", "value": "/old"}}]);
    let rules = json!([{"matches": old, "backendRefs": shares(0, 1)}, {"backendRefs": shares(1, 0)}]);
    let route = route(&app, "beside", &scene.host("beside"), rules);
    at_rest(scene, &app, &[other, app.service(), route, app.deployment()]).await?;
    rolled_back(scene, &app, hooks).await
}

async fn worker(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let mut policy = policy(hooks);
    policy["analysis"]["metrics"] = json!([{
        "name": "success-rate", "interval": "10s", "thresholdRange": {"min": 99},
        "query": "sum(rate(traefik_service_requests_total{\
            service=~\".+-svc-{{ namespace }}-{{ service }}-canary-[0-9]+@kubernetesgateway\"}[{{ interval }}]))",
    }]);
    let named = scene.policy_as("requests", &policy).await?;
    let under = |version: &str| {
        let mut deployment = App::new("worker", version).replicas(1).worker().deployment();
        deployment["metadata"]["annotations"] = json!({"coalmine.dev/policy": named});
        deployment
    };
    apply(scene, &[under("v1")]).await?;
    scene.phase("worker", "Initialized", SOON).await?;
    apply(scene, &[under("v2")]).await?;
    scene.phase("worker", "Succeeded", PATIENCE).await?;
    exits(scene, "worker", SOON).await
}

/// Two pods that must not share a node, on one node: the second is never placed.
fn apart(app: &App) -> Value {
    let mut deployment = app.deployment();
    deployment["spec"]["template"]["spec"]["affinity"] = json!({"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": app.name()}}, "topologyKey": "kubernetes.io/hostname"}]}});
    deployment
}

async fn thresholds(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let app = App::new("half", "v1");
    let mut analysis = analysis(hooks);
    analysis["primaryReadyThreshold"] = json!(50);
    analysis["canaryReadyThreshold"] = json!(50);
    let canary = app.canary(&scene.host("half"), &analysis, 60);
    at_rest(scene, &app, &[canary, apart(&app)]).await?;
    let load = scene.light_load("half")?.start()?;
    apply(scene, &[apart(&app.at("v2"))]).await?;
    scene.phase("half", "Succeeded", PATIENCE).await?;
    exits(scene, "half", SOON).await?;
    let report = load.stop().await?;
    nothing_lost(&report)?;
    ensure!(report.first_all_on("v2").is_some(), "{:?}", report.versions());
    Ok(())
}

async fn delayed(scene: &Scene) -> Result<()> {
    // Which pods that are well keep on a busy machine too.
    const DEADLINE: u32 = 25;
    let app = App::new("delayed", "v1");
    let analysis = json!({"interval": "2s", "threshold": 1, "stepWeights": [50], "delay": "32s"});
    let canary = app.canary(&scene.host("delayed"), &analysis, DEADLINE);
    at_rest(scene, &app, &[canary, app.deployment()]).await?;
    apply(scene, &[app.at("v2").deployment()]).await?;
    e2e::scene::invariants::stage(scene, "delayed", "Settling", SOON).await?;
    // The deadline passes while nothing is wrong; then one of the two pods is made anew.
    tokio::time::sleep(Duration::from_secs(u64::from(DEADLINE) + 2)).await;
    let objects = scene.objects();
    let victim = objects.pods_of("delayed").await?.into_iter().next().unwrap_or_default();
    scene
        .kubectl(&["delete", "pod", &victim, "--wait=false"])
        .await?
        .succeeded()?;
    scene.phase("delayed", "Succeeded", PATIENCE).await?;
    exits(scene, "delayed", SOON).await
}
