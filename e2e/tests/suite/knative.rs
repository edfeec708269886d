//! Provider knative: Knative's definition judges every object that is sent, and Knative Services carry a release, an exit and a
//! takeover. Knative itself is for `make test-gateways`: this scene plays its controllers, which say by the status of a Service
//! what its newest revision is and that the ingress has followed. No revision runs and no request goes anywhere.

use std::pin::pin;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::scene::{Answer, Hooks, Scene, case, play, together, wait_for};
use futures::StreamExt as _;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::definitions::judged;
use crate::quick::{GATE, SOON, VERDICT, analysis, apply, labelled};

#[tokio::test(flavor = "multi_thread")]
async fn knative_services_are_as_knative_takes_them_and_carry_a_release() {
    play("knative", async |scene| {
        scene.knative_crds().await?;
        let hooks = scene.hooks().await?;
        labelled(scene, &hooks).await?;
        let cases = together(vec![
            case("golden objects", judged(scene, "knative", 4)),
            case("a release", released(scene, &hooks)),
            case("one of Flagger's", inherited(scene, &hooks)),
            case("refusals", refused(scene, &hooks)),
        ]);
        tokio::select! {
            ended = controllers(services(scene)) => ended,
            played = cases => played,
        }
    })
    .await;
}

fn services(scene: &Scene) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic("serving.knative.dev", "v1", "Service", "services")
}

/// What Knative's controllers say of each Service, as long as anybody listens. Revisions are called as their templates say, and
/// are ready at once.
async fn controllers(services: Api<DynamicObject>) -> Result<()> {
    let events = watcher(services.clone(), watcher::Config::default()).default_backoff();
    let mut events = pin!(events.applied_objects());
    while let Some(event) = events.next().await {
        // It is listed again.
        let Ok(service) = event else { continue };
        let status = json!({"status": status(&service)});
        let (name, params) = (service.name_any(), PatchParams::default());
        // A busy API server may refuse it once, and nobody would say it again.
        wait_for(&format!("the status of {name}"), SOON, async || {
            match services.patch_status(&name, &params, &Patch::Merge(&status)).await {
                Ok(_) => Ok(Some(())),
                Err(kube::Error::Api(refused)) if refused.code == 404 => Ok(Some(())),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
    }
    bail!("the watch of Services has ended")
}

fn status(service: &DynamicObject) -> Value {
    let newest = &service.data["spec"]["template"]["metadata"]["name"];
    let mut traffic = service.data["spec"]["traffic"].clone();
    for entry in traffic.as_array_mut().into_iter().flatten() {
        if entry["latestRevision"] == true {
            entry["revisionName"] = newest.clone();
        }
    }
    let is = |condition: &str| json!({"type": condition, "status": "True"});
    json!({
        "observedGeneration": service.metadata.generation, "traffic": traffic,
        "latestCreatedRevisionName": newest, "latestReadyRevisionName": newest,
        "conditions": (["ConfigurationsReady", "RoutesReady", "Ready"].map(is)),
    })
}

/// What the author has in `spec.traffic`.
fn authors() -> Value {
    json!([{"tag": "newest", "latestRevision": true, "percent": 100}])
}

fn service(name: &str, version: &str) -> Value {
    let container = json!({"image": "example.com/app", "env": [{"name": "VERSION", "value": version}]});
    let template = json!({"metadata": {"name": format!("{name}-{version}")}, "spec": {"containers": [container]}});
    json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"template": template, "traffic": authors()},
    })
}

/// As it is written for Flagger with Knative.
fn canary(name: &str, hooks: &Hooks) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name},
        "spec": {
            "provider": "knative", "progressDeadlineSeconds": 60, "analysis": analysis(hooks),
            "targetRef": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": name},
        },
    })
}

/// Waits until `primary` serves but for the share that the revision under test has by its name, and the author's tag carries
/// nobody. Without one the newest revision has none.
async fn divided(scene: &Scene, name: &str, primary: &str, tested: Option<(&str, u8)>) -> Result<()> {
    let share = tested.map_or(0, |(_, share)| share);
    let canary = match tested {
        Some((revision, share)) => json!({"latestRevision": false, "revisionName": revision, "percent": share}),
        None => json!({"latestRevision": true, "percent": 0}),
    };
    let wanted = json!([
        canary,
        {"latestRevision": false, "revisionName": primary, "percent": 100 - share},
        {"tag": "newest", "latestRevision": true, "percent": 0},
    ]);
    listed(scene, name, &wanted).await?;
    let live = services(scene).get(name).await?;
    let serves = live.annotations().get("flagger.app/primary-revision");
    ensure!(serves.is_some_and(|serves| serves == primary), "{serves:?}");
    Ok(())
}

async fn listed(scene: &Scene, name: &str, wanted: &Value) -> Result<()> {
    wait_for(&format!("{name} to have {wanted}"), SOON, async || {
        let live = services(scene).get(name).await?;
        let list = &live.data["spec"]["traffic"];
        ensure!(list == wanted, "{list}");
        Ok(Some(()))
    })
    .await
}

async fn released(scene: &Scene, hooks: &Hooks) -> Result<()> {
    apply(scene, &[service("app", "v1"), canary("app", hooks)]).await?;
    scene.phase("app", "Initialized", SOON).await?;
    divided(scene, "app", "app-v1", None).await?;
    hooks.answer_to("app", GATE, Answer::halt());
    apply(scene, &[service("app", "v2")]).await?;
    scene.phase("app", "WaitingPromotion", SOON).await?;
    divided(scene, "app", "app-v1", Some(("app-v2", 50))).await?;
    // Git says the author's own again, and somebody takes all for the canary: the shares stay as the release wants them.
    apply(scene, &[service("app", "v2")]).await?;
    let edit = r#"[{"op": "replace", "path": "/spec/traffic/0/percent", "value": 100},
        {"op": "replace", "path": "/spec/traffic/1/percent", "value": 0}]"#;
    let edit = [
        "patch",
        "services.serving.knative.dev",
        "app",
        "--type=json",
        "-p",
        edit,
    ];
    scene.kubectl(&edit).await?.succeeded()?;
    divided(scene, "app", "app-v1", Some(("app-v2", 50))).await?;
    hooks.answer_to("app", GATE, Answer::approve());
    scene.phase("app", "Succeeded", SOON).await?;
    divided(scene, "app", "app-v2", None).await?;
    hooks.answer_to("app", VERDICT, Answer::halt());
    apply(scene, &[service("app", "v3")]).await?;
    scene.phase("app", "Failed", SOON).await?;
    divided(scene, "app", "app-v2", None).await?;
    given_back(scene, "app", &authors()).await
}

/// What Flagger holds is taken over as it is; it has not kept what the author had.
async fn inherited(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let mut left = service("left", "v1");
    left["metadata"]["annotations"] = json!({"flagger.app/primary-revision": "left-v1"});
    left["spec"]["traffic"] =
        json!([{"latestRevision": true, "percent": 0}, {"revisionName": "left-v1", "percent": 100}]);
    apply(scene, &[left, canary("left", hooks)]).await?;
    scene.phase("left", "Initialized", SOON).await?;
    let ours = json!([
        {"latestRevision": true, "percent": 0},
        {"latestRevision": false, "revisionName": "left-v1", "percent": 100},
    ]);
    listed(scene, "left", &ours).await?;
    given_back(scene, "left", &Value::Null).await
}

/// A Canary that goes leaves the list of the author, and nothing of ours.
async fn given_back(scene: &Scene, name: &str, authors: &Value) -> Result<()> {
    scene.kubectl(&["delete", "canary", name]).await?.succeeded()?;
    listed(scene, name, authors).await?;
    wait_for("nothing of ours to be left", SOON, async || {
        let live = services(scene).get(name).await?;
        let ours = |key: &&String| key.starts_with("flagger.app/") || key.starts_with("coalmine.dev/");
        let left: Vec<&String> = live.annotations().keys().filter(ours).collect();
        ensure!(left.is_empty(), "{left:?} are left");
        Ok(Some(()))
    })
    .await
}

/// A Knative Service has this provider and nothing else has, and nobody but Knative scales it.
async fn refused(scene: &Scene, hooks: &Hooks) -> Result<()> {
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "no"});
    let core = json!({"apiVersion": "v1", "kind": "Service", "name": "no"});
    let edits = [
        ("provider", json!("istio"), "set provider: knative"),
        ("targetRef", core, "needs a serving.knative.dev/v1 Service as target"),
        ("autoscalerRef", scaler, "cannot be scaled by HorizontalPodAutoscaler"),
    ];
    for (field, value, why) in edits {
        let mut canary = canary("no", hooks);
        canary["spec"][field] = value;
        let said = scene.apply(&canary.to_string()).await?.refused();
        let said = said.with_context(|| format!("with {field}"))?;
        ensure!(said.err.contains(why), "{}", said.err);
    }
    Ok(())
}
