//! The container ports that a pod template declares.

use serde_json::Value;
use std::collections::BTreeSet;

/// Annotation on `-primary`: what primary's template declares, for the webhook, which does not see Deployments.
pub const DECLARED_PORTS: &str = "coalmine.dev/declared-ports";

/// Names and numbers of container ports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared(BTreeSet<String>);

impl Declared {
    /// By a pod template.
    pub fn by(template: &Value) -> Self {
        let words = container_ports(template).flat_map(|port| {
            let number = port.get("containerPort").and_then(Value::as_u64);
            let name = port.get("name").and_then(Value::as_str);
            number
                .map(|number| number.to_string())
                .into_iter()
                .chain(name.map(str::to_owned))
        });
        Self(words.collect())
    }

    /// As [`Self::text`] wrote it.
    pub fn parse(text: &str) -> Self {
        let words = text.split(',').filter(|word| !word.is_empty());
        Self(words.map(str::to_owned).collect())
    }

    /// For an annotation.
    pub fn text(&self) -> String {
        let words: Vec<&str> = self.0.iter().map(String::as_str).collect();
        words.join(",")
    }

    /// Whether a targetPort, a number or a name, is among them.
    pub fn has(&self, target: &Value) -> bool {
        match target {
            Value::String(name) => self.0.contains(name),
            number => self.0.contains(&number.to_string()),
        }
    }
}

/// Those of the containers, and of sidecars that start as init containers.
pub(super) fn container_ports(template: &Value) -> impl Iterator<Item = &Value> {
    let list = |pointer| {
        template
            .pointer(pointer)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let sidecars = list("/spec/initContainers").filter(|c| c.get("restartPolicy").is_some());
    let containers = list("/spec/containers").chain(sidecars);
    containers.flat_map(|c| c.get("ports").and_then(Value::as_array).into_iter().flatten())
}
