//! JSON patch operations and the reading of JSON by path.

use serde::Serialize;
use serde_json::Value;

/// One operation of RFC 6902, of the three kinds that the door uses.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum PatchOp {
    /// Adds a member, or replaces one that is there.
    Add {
        /// JSON pointer.
        path: String,
        /// The new value.
        value: Value,
    },
    /// Replaces a member that must be there.
    Replace {
        /// JSON pointer.
        path: String,
        /// The new value.
        value: Value,
    },
    /// Removes a member that must be there.
    Remove {
        /// JSON pointer.
        path: String,
    },
}

impl PatchOp {
    /// An `add`.
    pub fn add(path: impl Into<String>, value: Value) -> Self {
        Self::Add {
            path: path.into(),
            value,
        }
    }

    /// A `replace`.
    pub fn replace(path: impl Into<String>, value: Value) -> Self {
        Self::Replace {
            path: path.into(),
            value,
        }
    }

    /// A `remove`.
    pub fn remove(path: impl Into<String>) -> Self {
        Self::Remove { path: path.into() }
    }

    /// The pointer this operation is about.
    pub fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Replace { path, .. } | Self::Remove { path } => path,
        }
    }
}

/// One reference token of a JSON pointer, escaped.
pub fn token(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

/// Operations that make the string map at `parent` (`/metadata/labels`) of `object` hold exactly what `changes` say:
/// `Some` sets a key, `None` removes it. Nothing is written where nothing changes.
pub fn string_map(object: &Value, parent: &str, changes: &[(String, Option<String>)]) -> Vec<PatchOp> {
    let Some(current) = object.pointer(parent).and_then(Value::as_object) else {
        let members: serde_json::Map<String, Value> = changes
            .iter()
            .filter_map(|(key, value)| value.as_ref().map(|v| (key.clone(), Value::from(v.as_str()))))
            .collect();
        if members.is_empty() {
            return Vec::new();
        }
        return vec![PatchOp::add(parent, Value::Object(members))];
    };
    let mut ops = Vec::new();
    for (key, value) in changes {
        let path = format!("{parent}/{}", token(key));
        match (current.get(key).and_then(Value::as_str), value) {
            (Some(was), Some(new)) if was == new => {}
            (_, Some(new)) => ops.push(PatchOp::add(path, Value::from(new.as_str()))),
            (_, None) if current.contains_key(key) => ops.push(PatchOp::remove(path)),
            (_, None) => {}
        }
    }
    ops
}

/// Applies operations to a copy of `object`.
///
/// # Errors
/// When an operation does not fit the object.
pub fn applied(object: &Value, ops: &[PatchOp]) -> Result<Value, String> {
    let patch: json_patch::Patch = serde_json::to_value(ops)
        .and_then(serde_json::from_value)
        .map_err(|error| error.to_string())?;
    let mut copy = object.clone();
    json_patch::patch(&mut copy, &patch).map_err(|error| error.to_string())?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_missing_map_is_added_whole() {
        let changes = [("a/b".to_owned(), Some("1".to_owned())), ("c".to_owned(), None)];
        let ops = string_map(&json!({"metadata": {}}), "/metadata/labels", &changes);
        assert_eq!(ops, vec![PatchOp::add("/metadata/labels", json!({"a/b": "1"}))]);
    }

    #[test]
    fn only_what_differs_is_written_and_keys_are_escaped() {
        let object = json!({"metadata": {"labels": {"a/b": "1", "c": "2"}}});
        let changes = [
            ("a/b".to_owned(), Some("1".to_owned())),
            ("c".to_owned(), None),
            ("d/e".to_owned(), Some("3".to_owned())),
        ];
        let ops = string_map(&object, "/metadata/labels", &changes);
        assert_eq!(
            ops,
            vec![
                PatchOp::remove("/metadata/labels/c"),
                PatchOp::add("/metadata/labels/d~1e", json!("3"))
            ]
        );
        let after = applied(&object, &ops).unwrap();
        assert_eq!(after, json!({"metadata": {"labels": {"a/b": "1", "d/e": "3"}}}));
    }
}
