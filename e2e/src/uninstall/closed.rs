//! `webhook.failurePolicy: Fail` and no webhook: specs wait for it, and what is beside them does not.
//!
//! It is here and not in the suite, because it changes what is installed for everybody.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{SOON, Stage, residue};
use crate::install::root;
use crate::scene::{App, Component, SYSTEM, Scene, wait_for};

/// A Deployment at rest, and a Service and a route that no pair has anything to do with. What is applied is what is stored.
struct Objects {
    items: Vec<Value>,
}

pub async fn to_specs_alone(stage: &Stage) -> Result<()> {
    stage.installed().await?;
    let played = closed(stage).await;
    // As it was, whatever came of it.
    let restored = stage.installed().await;
    played.and(restored)
}

async fn closed(stage: &Stage) -> Result<()> {
    let scene = Scene::open("un-closed").await?;
    told(stage, &scene).await?;
    scene.label().await?;
    let objects = Objects::of(&scene);
    objects.stored(&scene).await?;
    let wanted = scene.wanted().await?;
    let played = without_webhook(&scene, &objects).await;
    if played.is_err() {
        scene.dump().await;
    }
    scene.bring_back(&wanted).await?;
    scene.complete(Component::Webhook, SOON).await?;
    played
}

/// The chart is told, and then the API server is: by the webhooks that are new, when those before have ended.
async fn told(stage: &Stage, scene: &Scene) -> Result<()> {
    let chart = root().join("charts/coalmine").display().to_string();
    let fail = "webhook.failurePolicy=Fail";
    let upgrade = ["upgrade", "coalmine", &chart, "--reuse-values", "--set", fail];
    stage
        .helm(&[&upgrade[..], &["--wait", "--timeout", "120s"]].concat())
        .await?;
    scene.complete(Component::Webhook, SOON).await?;
    let policy = r#"jsonpath={.webhooks[?(@.name=="mutate-deployments.coalmine.dev")].failurePolicy}"#;
    let get = ["get", "mutatingwebhookconfiguration", "coalmine", "-o", policy];
    wait_for("the webhook to fail closed", SOON, async || {
        Ok((scene.kubectl(&get).await?.succeeded()?.out == "Fail").then_some(()))
    })
    .await
}

async fn without_webhook(scene: &Scene, objects: &Objects) -> Result<()> {
    let scaled = ["scale", "-n", SYSTEM, "deployment/coalmine-webhook", "--replicas=0"];
    scene.kubectl(&scaled).await?.succeeded()?;
    scene.complete(Component::Webhook, SOON).await?;
    for item in &objects.items {
        let one = named(item);
        // This is what waits, or the rest would show nothing.
        let refused = scene
            .kubectl(&["patch", &one, "--type=merge", "-p", spec_of(item)])
            .await?;
        let refused = refused.refused()?;
        ensure!(refused.err.contains("failed calling webhook"), "{one}: {}", refused.err);
        labelled(scene, item, &["apply", "-f", "-"], "client").await?;
        let team = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=team",
            "-f",
            "-",
        ];
        labelled(scene, item, &team, "server").await?;
        kept(scene, item).await?;
        scene
            .kubectl(&["annotate", &one, "coalmine.dev/enabled=false"])
            .await?
            .succeeded()?;
    }
    residue::namespace_goes(scene).await
}

/// The manifest with another label, whose spec is what is stored.
async fn labelled(scene: &Scene, item: &Value, apply: &[&str], value: &str) -> Result<()> {
    let mut item = item.clone();
    item["metadata"]["labels"] = json!({"example.com/applied": value});
    scene.kubectl_with(apply, &item.to_string()).await?.succeeded()?;
    Ok(())
}

/// A finalizer by server-side apply, which changes who owns what, and off again by a merge patch.
async fn kept(scene: &Scene, item: &Value) -> Result<()> {
    let (kind, version) = (&item["kind"], &item["apiVersion"]);
    let metadata = json!({"name": item["metadata"]["name"], "finalizers": ["example.com/kept"]});
    let finalizer = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
    let keeper = ["apply", "--server-side", "--field-manager=keeper", "-f", "-"];
    scene.kubectl_with(&keeper, &finalizer.to_string()).await?.succeeded()?;
    let off = r#"{"metadata":{"finalizers":null}}"#;
    scene
        .kubectl(&["patch", &named(item), "--type=merge", "-p", off])
        .await?
        .succeeded()?;
    Ok(())
}

impl Objects {
    fn of(scene: &Scene) -> Self {
        // It names no replicas: those of an app at rest are held, and a manifest that names some asks for another spec.
        let app = App::new("app", "v1").replicas(None);
        let plain = App::new("plain", "v1");
        let items = vec![app.deployment(), plain.service(), plain.route(&scene.host("plain"))];
        Self { items }
    }

    async fn stored(&self, scene: &Scene) -> Result<()> {
        for item in &self.items {
            scene.apply(&item.to_string()).await?.succeeded()?;
        }
        scene.phase("app", "Initialized", SOON).await?;
        scene.rests("app", SOON).await
    }
}

fn named(item: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    format!("{}/{}", word(&item["kind"]), word(&item["metadata"]["name"]))
}

/// Another spec, of each kind.
fn spec_of(item: &Value) -> &'static str {
    match item["kind"].as_str() {
        Some("Deployment") => r#"{"spec":{"minReadySeconds":1}}"#,
        Some("Service") => r#"{"spec":{"selector":{"app":"other"}}}"#,
        _ => r#"{"spec":{"hostnames":["other.example.com"]}}"#,
    }
}
