//! What the cluster alone needs: the objects of each pair made at once by hand, with nobody who releases anything.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams};
use serde_json::{Value, json};

use super::fleet::AT_ONCE;
use crate::scene::{App, FakeNodes, Scene, wait_for};

/// Time from the first request until every primary is available.
pub async fn measure(scene: &Scene, nodes: &FakeNodes, size: usize, per_namespace: usize) -> Result<Duration> {
    let client = &scene.client;
    let namespace = |number: usize| format!("{}-floor-{}", scene.namespace, number / per_namespace);
    let names: Vec<String> = (0..size).step_by(per_namespace).map(namespace).collect();
    let namespaces = Api::<Namespace>::all(client.clone());
    for name in &names {
        let body = serde_json::from_value(json!({"metadata": {"name": name}}))?;
        namespaces.create(&PostParams::default(), &body).await?;
    }
    let began = Instant::now();
    let made = futures::stream::iter((0..size).map(|number| make(client, nodes, namespace(number), number)));
    made.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    wait_for("every primary to be available", Duration::from_secs(450), async || {
        // A look at hundreds of objects is work for the API server too.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut available = 0;
        for name in &names {
            available += available_in(client, name).await?;
        }
        Ok((available >= size).then_some(()))
    })
    .await?;
    let took = began.elapsed();
    for name in &names {
        namespaces.delete(name, &DeleteParams::background()).await?;
    }
    wait_for("the namespaces to go", Duration::from_secs(300), async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let left = namespaces.list_metadata(&ListParams::default()).await?;
        let ours = left.iter().filter_map(|one| one.metadata.name.as_ref());
        Ok((!ours.into_iter().any(|name| names.contains(name))).then_some(()))
    })
    .await?;
    Ok(took)
}

async fn available_in(client: &Client, namespace: &str) -> Result<usize> {
    let api = Api::<Deployment>::namespaced(client.clone(), namespace);
    let all = api.list(&ListParams::default()).await?;
    let available = all.iter().filter(|deployment| {
        let status = deployment.status.as_ref();
        status.and_then(|status| status.available_replicas) == Some(1)
    });
    Ok(available.count())
}

// One after the other, as an author's tool would.
async fn make(client: &Client, nodes: &FakeNodes, namespace: String, number: usize) -> Result<()> {
    let app = |suffix: &str, replicas: u32| App::new(&format!("app-{number}{suffix}"), "v1").replicas(replicas);
    let (target, primary, canary) = (app("", 0), app("-primary", 1), app("-canary", 0));
    let mut pods = primary.deployment();
    nodes.place(&mut pods, number);
    let mut route = target.route(&format!("{}.{namespace}.example.com", target.name()));
    route["spec"]["parentRefs"] = super::policy::gateways();
    let services = [target.service(), primary.service(), canary.service()];
    for object in [target.deployment(), pods].into_iter().chain(services).chain([route]) {
        create(client, &namespace, object).await?;
    }
    Ok(())
}

async fn create(client: &Client, namespace: &str, object: Value) -> Result<()> {
    let text = |member: &str| object[member].as_str().unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("kind")));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let object = serde_json::from_value(object).context("our own object")?;
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}
