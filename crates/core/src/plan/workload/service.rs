//! A core Service that is itself the target: what of it its author wrote.

use crate::object::text;
use crate::routing::OwnRoute;
use serde_json::{Value, json};

/// Fields that the API server gives each Service for itself.
const OWN: [&str; 5] = [
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "healthCheckNodePort",
];

/// Whether the object is a core Service.
pub fn is_service(object: &Value) -> bool {
    text(object, "/kind") == "Service" && OwnRoute::of(object).is_none()
}

/// What a copy has of a Service, and what makes its revision: the spec without what each Service gets for itself.
pub fn copied_spec(service: &Value) -> Value {
    let mut spec = service.get("spec").cloned().unwrap_or_default();
    let headless = spec.get("clusterIP").and_then(Value::as_str) == Some("None");
    if let Some(members) = spec.as_object_mut() {
        members.retain(|key, _| !OWN.contains(&key.as_str()));
        if headless {
            members.insert("clusterIP".to_owned(), json!("None"));
        }
    }
    for port in spec
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(members) = port.as_object_mut() {
            members.remove("nodePort");
        }
    }
    spec
}
