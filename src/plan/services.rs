//! The three Services of a pair, with Flagger 1.44's names, ports and annotations.

use super::{Blueprint, Metadata, Selector};
use crate::{analysis::ApexSide, api::labels};
use serde_json::{Map, Value, json};

// GitOps tools must not revert what moves in a release (Flagger adds the same two).
const UNRECONCILED: [(&str, &str); 2] = [
    ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    ("helm.toolkit.fluxcd.io/driftDetection", "disabled"),
];

// Sidecars whose ports are not the application's (Flagger's list).
const SIDECARS: [&str; 2] = ["istio-proxy", "envoy"];

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceRole {
    /// The Service users call.
    Apex,
    /// `{apex}-primary`.
    Primary,
    /// `{apex}-canary`.
    Canary,
}

/// All three, apex first; none for a worker.
pub fn services(target: Option<&Value>, selector: &Selector, blueprint: &Blueprint, apex: ApexSide) -> Vec<Value> {
    [ServiceRole::Apex, ServiceRole::Primary, ServiceRole::Canary]
        .into_iter()
        .filter_map(|role| service(role, target, selector, blueprint, apex))
        .collect()
}

/// The labels the apex selects.
pub fn apex_selector(selector: &Selector, side: ApexSide) -> Map<String, Value> {
    match side {
        ApexSide::Primary => selector.primary_labels(),
        ApexSide::Target => selector.target_labels(),
    }
}

/// One Service as we generate it; `None` for a worker.
pub fn service(
    role: ServiceRole,
    target: Option<&Value>,
    selector: &Selector,
    blueprint: &Blueprint,
    apex: ApexSide,
) -> Option<Value> {
    let names = blueprint.names.as_ref()?;
    let (name, selects, metadata) = match role {
        ServiceRole::Apex => (&names.apex, apex_selector(selector, apex), &blueprint.apex),
        ServiceRole::Primary => (&names.primary, selector.primary_labels(), &blueprint.primary),
        ServiceRole::Canary => (&names.canary, selector.target_labels(), &blueprint.canary),
    };
    let mut spec = Map::new();
    spec.insert("selector".to_owned(), Value::Object(selects));
    spec.insert("ports".to_owned(), Value::Array(ports(target, blueprint)));
    spec.insert("type".to_owned(), json!("ClusterIP"));
    if blueprint.headless {
        spec.insert("clusterIP".to_owned(), json!("None"));
    }
    if let Some(distribution) = &blueprint.traffic_distribution {
        spec.insert("trafficDistribution".to_owned(), json!(distribution));
    }
    Some(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": object_metadata(name, metadata, selector, blueprint),
        "spec": spec,
    }))
}

fn object_metadata(name: &str, metadata: &Metadata, selector: &Selector, blueprint: &Blueprint) -> Value {
    let mut object_labels = metadata.labels.clone();
    object_labels.insert(selector.key.clone(), json!(name));
    object_labels.insert(labels::MANAGED_BY.to_owned(), json!(labels::MANAGED_BY_FLAGGER));
    object_labels.insert(labels::GENERATED.to_owned(), json!(labels::TRUE));
    let mut annotations = metadata.annotations.clone();
    for (key, value) in UNRECONCILED {
        annotations.insert(key.to_owned(), json!(value));
    }
    json!({
        "name": name,
        "namespace": blueprint.namespace,
        "labels": object_labels,
        "annotations": annotations,
        "ownerReferences": blueprint.owner_references(),
    })
}

fn ports(target: Option<&Value>, blueprint: &Blueprint) -> Vec<Value> {
    let Some(first) = &blueprint.port else {
        return Vec::new();
    };
    let mut port = json!({
        "name": first.name, "port": first.port, "protocol": "TCP", "targetPort": first.target_port,
    });
    if let (Some(members), Some(protocol)) = (port.as_object_mut(), &first.app_protocol) {
        members.insert("appProtocol".to_owned(), json!(protocol));
    }
    let mut all = vec![port];
    if blueprint.port_discovery {
        all.extend(discovered(target, &first.target_port));
    }
    all
}

// All ports of the pod's containers but the one the first Service port already stands for.
fn discovered(target: Option<&Value>, first: &Value) -> Vec<Value> {
    let containers = target
        .and_then(|target| target.pointer("/spec/template/spec/containers"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut found = Vec::new();
    for container in containers {
        let container_name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        if SIDECARS.contains(&container_name) {
            continue;
        }
        let ports = container.get("ports").and_then(Value::as_array).into_iter().flatten();
        for (index, port) in ports.enumerate() {
            let number = port.get("containerPort").cloned().unwrap_or_default();
            let name = port.get("name").and_then(Value::as_str);
            if number == *first || name.is_some_and(|n| first == n) {
                continue;
            }
            let name = name.map_or_else(|| format!("tcp-{container_name}-{index}"), str::to_owned);
            found.push(json!({"name": name, "port": number, "protocol": "TCP", "targetPort": number}));
        }
    }
    found
}
