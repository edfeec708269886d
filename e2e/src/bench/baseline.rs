//! What the cluster alone needs: the objects of each pair made at once by hand, with nobody who releases anything.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams};
use serde_json::Value;

use super::fleet::{Fleet, Tool};
use super::scale::{PATIENCE, Plan};
use crate::scene::{App, FakeNodes, Scene, wait_for};

/// Time from the first request until every primary is available.
pub async fn measure(scene: &Scene, nodes: &FakeNodes, plan: Plan) -> Result<Duration> {
    let client = &scene.client;
    let fleet = Fleet::new(scene, nodes, Tool::Nobody, plan.size, plan.interval()).per_namespace(plan.per_namespace);
    fleet.prepare().await?;
    let began = Instant::now();
    fleet
        .each(|number| make(client, nodes, fleet.namespace(number), number))
        .await?;
    wait_for("every primary to be available", PATIENCE, async || {
        // A look at hundreds of objects is work for the API server too.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut available = 0;
        for name in fleet.namespaces() {
            available += available_in(client, &name).await?;
        }
        Ok((available >= plan.size).then_some(()))
    })
    .await?;
    let took = began.elapsed();
    fleet.delete(Duration::from_secs(300)).await?;
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
