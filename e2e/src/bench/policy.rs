//! How the apps of the benches are released: by a route of a Gateway that no data plane serves (the tools are measured,
//! not a gateway), in one step, judged by readiness alone.

use anyhow::Result;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

/// The CanaryPolicy, the GatewayClass and the Gateway.
pub const NAME: &str = "bench";
const NAMESPACE: &str = "gateway-system";

/// One step of 50 %.
pub fn analysis(interval: &str) -> Value {
    json!({"interval": interval, "threshold": 3, "stepWeights": [50]})
}

/// The Gateway that routes name.
pub fn gateways() -> Value {
    json!([{"name": NAME, "namespace": NAMESPACE}])
}

/// Makes or changes policy and Gateway.
pub async fn apply(client: &Client, interval: &str) -> Result<()> {
    let class = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": NAME},
        "spec": {"controllerName": "coalmine.dev/nobody"}});
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"gatewayClassName": NAME, "listeners": [
            {"name": "web", "protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": "All"}}}]}});
    let policy = json!({
    "apiVersion": "coalmine.dev/v1alpha1", "kind": "CanaryPolicy", "metadata": {"name": NAME},
    "spec": {
        "provider": "gatewayapi:v1", "gatewayRefs": gateways(),
        "hostnameTemplate": "{{ name }}.{{ namespace }}.example.com",
        "settleSeconds": 1, "drainSeconds": 1, "analysis": analysis(interval),
    }});
    for object in [class, gateway, policy] {
        let api = api(client, &object);
        let params = PatchParams::apply("coalmine-bench").force();
        api.patch(NAME, &params, &Patch::Apply(&object)).await?;
    }
    Ok(())
}

/// Takes them away.
pub async fn delete(client: &Client) -> Result<()> {
    let kinds = [
        ("coalmine.dev/v1alpha1", "CanaryPolicy", None),
        ("gateway.networking.k8s.io/v1", "Gateway", Some(NAMESPACE)),
        ("gateway.networking.k8s.io/v1", "GatewayClass", None),
    ];
    for (version, kind, namespace) in kinds {
        let object = json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace}});
        let _ = api(client, &object).delete(NAME, &Default::default()).await; // it may not have been made
    }
    Ok(())
}

fn api(client: &Client, object: &Value) -> Api<DynamicObject> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("/apiVersion").split_once('/').unwrap_or_default();
    let plural = match text("/kind") {
        "CanaryPolicy" => "canarypolicies",
        "GatewayClass" => "gatewayclasses",
        _ => "gateways",
    };
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, text("/kind")), plural);
    match object.pointer("/metadata/namespace").and_then(Value::as_str) {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}
