//! The limits in the schemas: every text, list and map has one.

use super::refine::at;
use crate::limits;
use serde_json::{Map, Value, json};

/// Gives every text, list and map below `spec` its limit. Where a rule has set one, that one stays. Status is ours to write:
/// a limit there could only refuse what the controller has to say.
pub fn bound(schema: &mut Value) {
    if let Some(spec) = at(schema, "spec") {
        node(spec, "spec");
    }
}

fn node(schema: &mut Value, field: &str) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    match schema.get("type").and_then(Value::as_str) {
        Some("string") if !schema.contains_key("enum") && !schema.contains_key("format") => {
            limit(schema, "maxLength", limits::text(field));
        }
        Some("array") => limit(schema, "maxItems", limits::items(field)),
        Some("object") if schema.contains_key("additionalProperties") => {
            limit(schema, "maxProperties", limits::properties(field));
        }
        _ => {}
    }
    for (key, value) in schema {
        match key.as_str() {
            "properties" => {
                for (name, child) in value.as_object_mut().into_iter().flatten() {
                    node(child, name);
                }
            }
            "items" | "additionalProperties" => node(value, field),
            _ => {}
        }
    }
}

fn limit(schema: &mut Map<String, Value>, key: &str, most: usize) {
    schema.entry(key).or_insert_with(|| json!(most));
}
