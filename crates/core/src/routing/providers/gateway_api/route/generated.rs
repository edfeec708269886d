//! The route we generate when the user has none: hostnames and gateways from the Canary, one rule for the pair, or one for each
//! match where several may not share it.

use super::{GROUP, VERSION, Words, prefix};
use crate::routing::{Names, Traffic};
use serde_json::{Map, Value, json};

/// What a generated route says; the fields of Flagger's `spec.service` in Gateway API's own words.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RouteSpec {
    /// `spec.service.gatewayRefs`.
    pub parent_refs: Vec<Value>,
    /// `spec.service.hosts`.
    pub hostnames: Vec<String>,
    /// Matches, in the words of the kind; with none the rule is for every request.
    pub matches: Vec<Value>,
    /// Rule-level filters, in Flagger's order.
    pub filters: Vec<Value>,
    /// `timeouts`: request and backendRequest, where the kind has them.
    pub timeouts: Option<Value>,
    /// `spec.service.port`: the Service port of both backends.
    pub port: u16,
    /// `metadata.labels` and `metadata.annotations`.
    pub labels: Map<String, Value>,
    /// See `labels`.
    pub annotations: Map<String, Value>,
}

/// The route named after the apex, at rest: everything goes to primary.
pub fn generated<W: Words>(namespace: &str, names: &Names, spec: &RouteSpec) -> Value {
    let backend = |name: &str, weight: u8| json!({"group": "", "kind": "Service", "name": name, "port": spec.port, "weight": weight});
    let matches = if spec.matches.is_empty() {
        vec![W::everything()]
    } else {
        spec.matches.clone()
    };
    let mut rule = Map::new();
    if !spec.filters.is_empty() {
        rule.insert("filters".into(), Value::Array(spec.filters.clone()));
    }
    if let Some(timeouts) = &spec.timeouts {
        rule.insert("timeouts".into(), timeouts.clone());
    }
    rule.insert(
        "backendRefs".into(),
        json!([
            backend(&names.primary, Traffic::PRIMARY.primary()),
            backend(&names.canary, Traffic::PRIMARY.canary())
        ]),
    );
    let rules = prefix::rules(&Value::Object(rule), matches);
    let mut body = json!({"parentRefs": spec.parent_refs, "rules": rules});
    if let (Some(members), false) = (body.as_object_mut(), spec.hostnames.is_empty()) {
        members.insert("hostnames".into(), json!(spec.hostnames));
    }
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": W::KIND,
        "metadata": {"name": names.apex, "namespace": namespace, "labels": spec.labels, "annotations": spec.annotations},
        "spec": body,
    })
}
