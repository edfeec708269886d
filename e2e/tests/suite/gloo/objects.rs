//! The objects of the scene of provider gloo, and what Gloo would do with them.

use std::pin::pin;

use anyhow::Result;
use e2e::scene::{Scene, wait_for};
use futures::TryStreamExt as _;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::{Value, json};

use crate::quick::SOON;

/// Where Gloo's discovery would be, in this scene.
pub const DISCOVERED: &str = "default";

/// RouteTables.
pub fn tables(scene: &Scene) -> Api<DynamicObject> {
    scene
        .objects()
        .dynamic("gateway.solo.io", "v1", "RouteTable", "routetables")
}

/// Upstreams of a namespace.
pub fn upstreams(scene: &Scene, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("gloo.solo.io", "v1", "Upstream");
    let resource = ApiResource::from_gvk_with_plural(&kind, "upstreams");
    Api::namespaced_with(scene.client.clone(), namespace, &resource)
}

/// As Gloo takes up each Upstream that it comes to know.
pub async fn takes_up(upstreams: Api<DynamicObject>) -> Result<()> {
    let mut seen = pin!(
        watcher(upstreams.clone(), watcher::Config::default())
            .default_backoff()
            .applied_objects()
    );
    let status = json!({"status": {"statuses": {"gloo-system": {"state": "Accepted", "reportedBy": "gloo"}}}});
    loop {
        // A watch that fails begins again by itself.
        let Ok(one) = seen.try_next().await else { continue };
        let Some(one) = one else { return Ok(()) };
        let Some(name) = one.metadata.name.filter(|_| one.data.get("status").is_none()) else {
            continue;
        };
        // A busy API server may refuse it once.
        wait_for(&format!("{name} to be taken up"), SOON, async || {
            let params = PatchParams::default();
            match upstreams.patch(&name, &params, &Patch::Merge(&status)).await {
                Ok(_) => Ok(Some(())),
                // It is gone again.
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(Some(())),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
    }
}

/// The name of what discovery makes of the Service of the author's app.
pub fn discovered(scene: &Scene) -> String {
    format!("{}-edited-9898", scene.namespace)
}

/// Gloo discovers that Service.
pub async fn discover(scene: &Scene) -> Result<()> {
    let to = json!({"serviceName": "edited", "serviceNamespace": scene.namespace, "servicePort": 9898});
    let upstream = json!({
        "apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": discovered(scene)},
        "spec": {"kube": to, "circuitBreakers": {"maxRequests": 100}, "discoveryMetadata": {"labels": {"app": "edited"}}},
    });
    let upstream: DynamicObject = serde_json::from_value(upstream)?;
    upstreams(scene, DISCOVERED)
        .create(&PostParams::default(), &upstream)
        .await?;
    Ok(())
}

/// The routes of a RouteTable.
pub async fn routes(scene: &Scene, name: &str) -> Result<Vec<Value>> {
    let found = tables(scene).get(name).await?;
    Ok(found.data["spec"]["routes"].as_array().cloned().unwrap_or_default())
}

/// The destinations of a route, with their weights.
pub fn weights(route: &Value) -> Vec<(String, u64)> {
    let of = |one: &Value| {
        let name = one["destination"]["upstream"]["name"].as_str().unwrap_or_default();
        (name.to_owned(), one["weight"].as_u64().unwrap_or_default())
    };
    let all = route["routeAction"]["multi"]["destinations"].as_array();
    all.into_iter().flatten().map(of).collect()
}

/// Waits until the route at that place sends so much to each of these.
pub async fn split(scene: &Scene, name: &str, at: usize, wanted: &[(String, u64)]) -> Result<()> {
    wait_for(&format!("{name} to be split as {wanted:?}"), SOON, async || {
        let found = routes(scene, name).await?.get(at).map(weights).unwrap_or_default();
        Ok((found == wanted).then_some(()))
    })
    .await
}

/// The name of a half's Upstream.
pub fn half(scene: &Scene, app: &str, half: &str) -> String {
    format!("{}-{app}-{half}upstream-9898", scene.namespace)
}
