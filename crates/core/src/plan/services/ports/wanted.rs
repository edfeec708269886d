//! TargetPorts that wait on the user's own Service for the revision that has them.

use super::{key, leading, target};
use serde_json::{Map, Value};

/// Annotation on the user's own apex: the targetPorts its author asked for and that production does not have yet, by port,
/// as JSON.
const WANTED_PORTS: &str = "coalmine.dev/wanted-ports";
/// Annotation on an apex: its ports are changed as they are asked for (`now`), without a look at what serves.
pub const AT_ONCE: &str = "coalmine.dev/ports";
const NOW: &str = "now";

/// Whether the author of a Service wants its ports changed at once.
pub fn at_once(service: &Value) -> bool {
    let annotations = service.pointer("/metadata/annotations");
    annotations.and_then(|all| all.get(AT_ONCE)).and_then(Value::as_str) == Some(NOW)
}

/// By the port they belong to (`80/TCP`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted(Map<String, Value>);

impl Wanted {
    /// The key of the annotation.
    pub const ANNOTATION: &str = WANTED_PORTS;

    /// As a Service records them; what cannot be read waits for nothing.
    pub fn of(service: &Value) -> Self {
        let text = service
            .pointer("/metadata/annotations")
            .and_then(|all| all.get(WANTED_PORTS));
        let read = text
            .and_then(Value::as_str)
            .and_then(|text| serde_json::from_str(text).ok());
        let mut all: Map<String, Value> = read.unwrap_or_default();
        all.retain(|_, target| target.as_u64().is_some_and(|n| (1..=65535).contains(&n)) || target.is_string());
        Self(all)
    }

    /// For the annotation; nothing when nothing waits.
    pub fn text(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| Value::Object(self.0.clone()).to_string())
    }

    /// That the targetPort of `port` waits.
    pub fn insert(&mut self, port: &Value) {
        self.0.insert(key(port), target(port));
    }

    /// What waits for `port`.
    pub fn get(&self, port: &Value) -> Option<&Value> {
        self.0.get(&key(port))
    }

    /// The ports as their author wants them.
    pub fn over(&self, ports: &[Value]) -> Vec<Value> {
        let desired = |port: &Value| {
            self.get(port)
                .map_or_else(|| port.clone(), |to| leading(port, to.clone()))
        };
        ports.iter().map(desired).collect()
    }
}
