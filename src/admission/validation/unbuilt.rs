//! Fields that are read, but do nothing yet. The table shrinks as behaviour arrives.

use super::world::World;
use crate::api::Canary;
use serde_json::Value;

/// Paths that do nothing yet.
const FIELDS: &[&str] = &[
    "spec.ingressRef",
    "spec.routeRef",
    "spec.upstreamRef",
    "spec.service.trafficDistribution",
    "spec.service.headless",
    "spec.service.backendTimeout",
    "spec.service.meshName",
    "spec.service.backends",
    "spec.service.gateways",
    "spec.service.delegation",
    "spec.service.trafficPolicy",
    "spec.service.retries",
    "spec.service.mirror",
    "spec.service.corsPolicy",
    "spec.service.unmanagedMetadata",
];
/// Providers that write routes.
const PROVIDERS: &[&str] = &["gatewayapi:v1", "kubernetes"];
/// Kinds of targets.
const TARGETS: &[&str] = &["Deployment", "DaemonSet", "Service"];

/// One warning for each thing a Canary asks for that does not exist yet.
pub fn unbuilt(canary: &Canary, world: &World) -> Vec<String> {
    let mut report = super::report::Report::default();
    let target = &canary.spec.target_ref.kind;
    if !TARGETS.contains(&target.as_str()) || canary.targets_knative() {
        report.warn(
            "spec.targetRef.kind",
            format!("{target} is not supported yet; nothing happens"),
        );
    }
    let provider = canary.provider(world.default_provider());
    if !PROVIDERS.contains(&provider) {
        report.warn(
            "spec.provider",
            format!("{provider} is not supported yet; no route is written"),
        );
    }
    let object = serde_json::to_value(canary).unwrap_or_default();
    for field in FIELDS.iter().filter(|field| is_set(&object, field)) {
        report.warn(field, "not supported yet; it has no effect");
    }
    report.finish().warnings
}

/// Whether a path holds anything; `false` and empty lists say nothing.
fn is_set(object: &Value, path: &str) -> bool {
    let pointer = format!("/{}", path.replace('.', "/"));
    match object.pointer(&pointer) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(_) => true,
    }
}
