//! What a generated Canary says of an HTTPRoute that its user has: the route decides where its traffic comes from.

use crate::api::canary::{CanaryService, GatewayRef};
use serde_json::Value;

/// Notes the gateways and hosts of `route`.
pub(super) fn adopt(service: &mut CanaryService, route: &Value, namespace: &str) {
    service.gateway_refs = parents(route, namespace);
    service.hosts = hostnames(route);
}

fn parents(route: &Value, namespace: &str) -> Option<Vec<GatewayRef>> {
    let parents = route.pointer("/spec/parentRefs").and_then(Value::as_array)?;
    let mut refs: Vec<GatewayRef> = parents
        .iter()
        .filter_map(|parent| serde_json::from_value(parent.clone()).ok())
        .collect();
    for parent in &mut refs {
        parent.namespace.get_or_insert_with(|| namespace.to_owned());
    }
    Some(refs)
}

/// The host names of `route`; `None` when it names none and takes those of its gateways.
pub(super) fn hostnames(route: &Value) -> Option<Vec<String>> {
    let hosts = route.pointer("/spec/hostnames").and_then(Value::as_array)?;
    Some(hosts.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
