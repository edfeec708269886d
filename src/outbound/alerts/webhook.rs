//! Any program: the alert as it is.

use super::Alert;
use serde_json::{Value, json};

pub(super) fn body(alert: &Alert, cluster: &str) -> Value {
    json!({
        "name": alert.name,
        "namespace": alert.namespace,
        "cluster": cluster,
        "phase": alert.phase,
        "severity": alert.severity.as_str(),
        "message": alert.text,
        "metadata": alert.metadata(),
        "measurements": alert.measured,
    })
}
