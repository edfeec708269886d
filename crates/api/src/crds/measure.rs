//! An object held to the limits of its schema, in time that grows with its size only.
//!
//! The API server does the same for what is written; what was stored under an older schema, or comes by another way, is
//! measured here before anything reads it.

use super::all;
use crate::limits;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Most findings about one object; the rest of it is not looked at.
const ENOUGH: usize = 20;
/// Schemas of `spec`, by kind.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(schemas);

/// Something that is larger than it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// JSON path, such as `spec.analysis.metrics[2].query`.
    pub field: String,
    /// Most it may be.
    pub most: usize,
    /// What is counted.
    pub unit: Unit,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Of a text.
    Characters,
    /// Of a list or a map.
    Entries,
    /// Of a field whose schema is Kubernetes' own, as JSON.
    Bytes,
}

/// What was found, and what it took.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// What is too large.
    pub excess: Vec<Excess>,
    /// Values looked at.
    pub visited: usize,
}

/// Measures the `spec` of an object of ours.
pub fn measure(kind: &str, spec: &impl Serialize) -> Measured {
    let mut measured = Measured::default();
    if let (Some(schema), Ok(value)) = (SCHEMAS.get(kind), serde_json::to_value(spec)) {
        measured.node(schema, &value, &mut "spec".to_owned());
    }
    measured
}

fn schemas() -> BTreeMap<String, Value> {
    let spec = |crd: super::CustomResourceDefinition| {
        let value = serde_json::to_value(&crd).ok()?;
        let spec = value.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec")?;
        Some((crd.spec.names.kind, spec.clone()))
    };
    // Which providers there are does not matter: a text that is one of a list has no limit to measure it by.
    all(&[]).into_iter().filter_map(spec).collect()
}

impl Measured {
    fn found(&mut self, field: &str, most: usize, unit: Unit) {
        // A key may be as long as the object.
        let field = limits::shortened(field, limits::TEXT);
        self.excess.push(Excess { field, most, unit });
    }

    fn most(schema: &Value, key: &str) -> usize {
        let most = schema.get(key).and_then(Value::as_u64);
        most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX)
    }

    /// Goes into what is within its limit only: what is too long is not counted through.
    fn node(&mut self, schema: &Value, value: &Value, path: &mut String) {
        self.visited = self.visited.saturating_add(1);
        if self.excess.len() >= ENOUGH {
            return;
        }
        match value {
            Value::String(text) => {
                let most = Self::most(schema, "maxLength");
                if text.len() > most && text.chars().nth(most).is_some() {
                    self.found(path, most, Unit::Characters);
                }
            }
            Value::Array(list) => self.list(schema, list, path),
            Value::Object(map) => self.map(schema, map, path),
            _ => {}
        }
    }

    fn list(&mut self, schema: &Value, list: &[Value], path: &mut String) {
        let most = Self::most(schema, "maxItems");
        if list.len() > most {
            return self.found(path, most, Unit::Entries);
        }
        let items = schema.get("items").unwrap_or(&Value::Null);
        for (index, item) in list.iter().enumerate() {
            self.within(items, item, path, &format!("[{index}]"));
        }
    }

    fn map(&mut self, schema: &Value, map: &serde_json::Map<String, Value>, path: &mut String) {
        if schema.get("x-kubernetes-preserve-unknown-fields").is_some() {
            let length = serde_json::to_string(map).map_or(0, |text| text.len());
            if length > limits::FOREIGN {
                self.found(path, limits::FOREIGN, Unit::Bytes);
            }
            return;
        }
        let most = Self::most(schema, "maxProperties");
        if map.len() > most {
            return self.found(path, most, Unit::Entries);
        }
        let named = schema.get("properties");
        for (key, child) in map {
            let known = named.and_then(|named| named.get(key));
            let step = if known.is_some() {
                format!(".{key}")
            } else {
                format!("[{key}]")
            };
            if known.is_none() && key.len() > limits::KEY {
                self.found(&format!("{path}{step}"), limits::KEY, Unit::Characters);
            }
            let below = known
                .or_else(|| schema.get("additionalProperties"))
                .unwrap_or(&Value::Null);
            self.within(below, child, path, &step);
        }
    }

    fn within(&mut self, schema: &Value, value: &Value, path: &mut String, step: &str) {
        let length = path.len();
        path.push_str(step);
        self.node(schema, value, path);
        path.truncate(length);
    }
}
