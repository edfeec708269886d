//! Any program: the alert as it is.

use super::Alert;
use serde_json::{Map, Value, json};

pub(super) fn body(alert: &Alert, cluster: &str) -> Value {
    let metadata: Map<String, Value> = alert
        .fields
        .iter()
        .map(|(title, value)| (title.clone(), Value::from(value.as_str())))
        .collect();
    json!({
        "name": alert.name,
        "namespace": alert.namespace,
        "cluster": cluster,
        "phase": alert.phase,
        "severity": alert.severity.as_str(),
        "message": alert.text,
        "metadata": metadata,
        "measurements": alert.measured,
    })
}
